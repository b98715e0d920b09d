//! One conference with one sender, set up in a lane as the engine does it.

use std::net::{IpAddr, SocketAddr};

use sft_common::maps::Profile;
use sft_control::{
    core::table::{
        ConferenceId, ConferenceTable, Layer, LegId, Media, Receiver, SlotStart, Source, Subscription,
    },
    dataplane::{Counters, Lane, LaneError, LegKeys, SessionKey, Tuple},
};

use crate::{
    Failure,
    rig::{CLIENTS, MEDIA_PORT, SERVER},
};

pub(crate) const CONFERENCE: ConferenceId = ConferenceId(1);
pub(crate) const SENDER: LegId = LegId(0);
pub(crate) const SSRC: u32 = 0x5f74_0001;
/// Remote port of leg 0; leg n has the n-th after it.
const FIRST_PORT: u16 = 20_000;

/// Server and a leg's address.
pub(crate) fn tuple(leg: LegId) -> Tuple {
    Tuple {
        local: SocketAddr::new(IpAddr::V4(SERVER), MEDIA_PORT),
        remote: SocketAddr::new(IpAddr::V4(CLIENTS), FIRST_PORT + leg.0 as u16),
    }
}

/// A key that differs for each leg and direction.
pub(crate) fn key(profile: Profile, leg: LegId, direction: u8) -> SessionKey {
    let bytes = |length: usize, part: u8| {
        (0..length).map(|n| (n as u8).wrapping_mul(31) ^ part ^ direction ^ leg.0 as u8).collect()
    };
    SessionKey {
        profile,
        encryption: bytes(profile.key_len(), 0x11),
        authentication: match profile {
            Profile::Aes128CmHmacSha1_80 => bytes(20, 0x55),
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => Vec::new(),
        },
        salt: bytes(profile.salt_len(), 0x99),
    }
}

/// Direction of [`key`]: leg to us.
pub(crate) const RECEIVE: u8 = 0;
/// The other one.
pub(crate) const TRANSMIT: u8 = 0x80;

/// Legs, pairs and the table.
pub(crate) fn set_up(
    lane: &mut dyn Lane,
    profile: Profile,
    receivers: usize,
    media: Media,
) -> Result<(), LaneError> {
    for number in 0..=receivers as u32 {
        let leg = LegId(number);
        let keys = LegKeys { receive: key(profile, leg, RECEIVE), transmit: key(profile, leg, TRANSMIT) };
        lane.install_leg(CONFERENCE, leg, &keys)?;
        lane.accept_tuple(leg, tuple(leg))?;
        lane.select_tuple(leg, tuple(leg))?;
    }
    lane.publish(&table(receivers, media))
}

/// What a source of packets of this size is: the larger ones are video.
pub(crate) fn media(bytes: usize) -> Media {
    if bytes > 300 { Media::Video { layer: Layer::High } } else { Media::Audio }
}

fn table(receivers: usize, media: Media) -> ConferenceTable {
    let legs = 1..=receivers as u32;
    let slot = |leg: u32, slot: u32| SlotStart { ssrc: leg << 8 | slot, index: 1000, timestamp: 0 };
    ConferenceTable {
        conference: CONFERENCE,
        receivers: legs
            .clone()
            .map(|leg| Receiver {
                leg: LegId(leg),
                audio: (0..5).map(|number| slot(leg, number)).collect(),
                video: vec![slot(leg, 16)],
                named: Vec::new(),
            })
            .map(Into::into)
            .collect(),
        sources: vec![Source {
            leg: SENDER,
            ssrc: SSRC,
            csrc: SSRC,
            media,
            subscribers: legs
                .map(|leg| Subscription { receiver: LegId(leg), slot: 0, run: 1, from_keyframe: false })
                .collect(),
        }],
    }
}

pub(crate) fn copies(counters: &Counters) -> u64 {
    counters.audio_copies + counters.video_copies
}

/// What a stuck measurement says.
pub(crate) fn lost(counters: &Counters) -> Failure {
    let drops = counters.drops.iter().filter(|(_, count)| *count > 0);
    let drops: Vec<String> = drops.map(|(reason, count)| format!("{} {count}", reason.name())).collect();
    format!("copies got lost; {} received, dropped: {}", counters.rtp_received, drops.join(", ")).into()
}

pub(crate) fn wait_readable(socket: &impl std::os::fd::AsRawFd) -> Result<(), Failure> {
    let mut descriptor = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one structure of ours.
    match unsafe { libc::poll(&raw mut descriptor, 1, 100) } {
        -1 => Err(std::io::Error::last_os_error().into()),
        _ => Ok(()),
    }
}

pub(crate) fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
