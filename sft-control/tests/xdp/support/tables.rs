//! Conference tables in which every number follows from the leg's: SSRC, CSRC and slots.

use sft_common::maps::{AUDIO_SLOTS, Profile};
use sft_control::{
    core::table::{
        ConferenceId, ConferenceTable, Layer, LegId, Media, Receiver, SlotStart, Source, Subscription,
    },
    dataplane::{LegKeys, SessionKey, Tuple},
};

use super::{
    conference::{receive_key, remote, server, transmit_key},
    srtp::{Key, PROFILES},
};

pub(crate) const CONFERENCE: ConferenceId = ConferenceId(5);
/// Index and timestamp of every slot's first copy.
pub(crate) const FIRST_INDEX: u64 = 100;
pub(crate) const FIRST_TIMESTAMP: u32 = 5000;
pub(crate) const VIDEO_SLOTS: usize = 3;

/// The profile of a leg.
pub(crate) fn profile(leg: u32) -> Profile {
    PROFILES[leg as usize % 3]
}

/// Whether a leg is reached by IPv6.
pub(crate) fn v6(leg: u32) -> bool {
    leg.is_multiple_of(2)
}

pub(crate) fn audio_ssrc(leg: u32) -> u32 {
    0xa000_0000 + leg
}

pub(crate) fn video_ssrc(leg: u32, layer: Layer) -> u32 {
    match layer {
        Layer::Low => 0xb000_0000 + leg,
        Layer::High => 0xc000_0000 + leg,
    }
}

/// Of the leg's audio; that of its video is one more.
pub(crate) fn csrc(leg: u32) -> u32 {
    0xd000_0000 + 2 * leg
}

/// SSRC of a leg's slot: the audio slots first.
pub(crate) fn slot_ssrc(leg: u32, slot: usize) -> u32 {
    0xe000_0000 + 256 * leg + slot as u32
}

pub(crate) fn keys(leg: u32) -> LegKeys {
    let session = |key: Key| SessionKey {
        profile: key.profile,
        encryption: key.encryption,
        authentication: key.authentication,
        salt: key.salt,
    };
    LegKeys {
        receive: session(receive_key(leg, profile(leg))),
        transmit: session(transmit_key(leg, profile(leg))),
    }
}

pub(crate) fn tuple(leg: u32) -> Tuple {
    Tuple { local: server(v6(leg)).socket, remote: remote(leg, v6(leg)).socket }
}

pub(crate) fn receiver(leg: u32) -> Receiver {
    let start =
        |slot| SlotStart { ssrc: slot_ssrc(leg, slot), index: FIRST_INDEX, timestamp: FIRST_TIMESTAMP };
    let audio = (0..AUDIO_SLOTS).map(start).collect();
    let video = (AUDIO_SLOTS..AUDIO_SLOTS + VIDEO_SLOTS).map(start).collect();
    Receiver { leg: LegId(leg), audio, video, named: Vec::new() }
}

/// The audio of a leg, heard by these.
pub(crate) fn audio(leg: u32, receivers: &[u32]) -> Source {
    let heard = |&leg| Subscription { receiver: LegId(leg), slot: 0, run: 0, from_keyframe: false };
    Source {
        leg: LegId(leg),
        ssrc: audio_ssrc(leg),
        csrc: csrc(leg),
        media: Media::Audio,
        subscribers: receivers.iter().map(heard).collect(),
    }
}

/// A layer of a leg's video with its subscriptions.
pub(crate) fn video(leg: u32, layer: Layer, subscribers: Vec<Subscription>) -> Source {
    Source {
        leg: LegId(leg),
        ssrc: video_ssrc(leg, layer),
        csrc: csrc(leg) + 1,
        media: Media::Video { layer },
        subscribers: subscribers.into(),
    }
}

pub(crate) fn subscription(receiver: u32, slot: u8, run: u32) -> Subscription {
    Subscription { receiver: LegId(receiver), slot, run, from_keyframe: false }
}

/// Everybody hears everybody, and sees the low layer of leg 1 in video slot 0.
pub(crate) fn everybody(legs: &[u32]) -> ConferenceTable {
    let seen = legs.iter().filter(|&&leg| leg != 1).map(|&leg| subscription(leg, 0, 1)).collect();
    let mut sources = vec![video(1, Layer::Low, seen)];
    sources.extend(legs.iter().map(|&leg| audio(leg, legs)));
    ConferenceTable {
        conference: CONFERENCE,
        receivers: legs.iter().map(|&leg| receiver(leg).into()).collect(),
        sources,
    }
}
