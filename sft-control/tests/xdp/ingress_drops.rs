//! Every reason for which ingress can end a packet is seen in its counter, and nowhere else.
//!
//! `NoRoom` is not among them: it takes a driver without room for metadata.

use crate::support::{
    conference::{Conference, SENDER, SOURCE, header, receive_key, remote, sent, sent_by, server},
    packet::{Header, ONE_BYTE, frame},
};
use sft_common::{
    drops::DropReason::{
        self, AuthFailed, BadRtpHeader, BeforeBase, HeaderTooLong, IndexExhausted, LeaseExpired, NoAudioSlot,
        NoReceiver, NoReplicator, PaddingOnly, PayloadTooLong, Replay, Runt, Silent, StaleReference, TooOld,
        UnknownSsrc, UnknownTuple,
    },
    index::INDEX_END,
    list::MAX_LIST,
    maps::{AUDIO_SLOTS, Config, Counter, Kind, LegRecord, Profile, SourceControl, SpeakerCells, name},
    source::SourceState,
};

const PROFILE: Profile = Profile::AeadAes128Gcm;

/// One packet of a new conference that ends for this reason.
fn dropped(kind: Kind, reason: DropReason, packet: &[u8], change: impl FnOnce(&mut Conference)) {
    let mut conference = Conference::with_sender(kind, PROFILE);
    change(&mut conference);
    conference.assert_drops(packet, reason);
    assert_eq!(conference.rtp_received(), 1, "{reason:?}");
    assert_eq!(conference.kernel.counter(Counter::RtpPassed), 0, "{reason:?}");
}

/// RTP of the sender that was not sealed.
fn raw(packet: &[u8]) -> Vec<u8> {
    frame(&remote(SENDER, false), &server(false), packet)
}

fn media() -> Vec<u8> {
    sent(PROFILE, &header(1), b"payload")
}

fn with_level(sequence: u16, level: u8) -> Vec<u8> {
    sent(PROFILE, &header(sequence).with_extension(ONE_BYTE, &[0x10, level]), b"payload")
}

fn unchanged(_: &mut Conference) {}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn shapes() {
    let video = |reason, packet: &[u8]| dropped(Kind::Video, reason, packet, unchanged);
    let key = receive_key(SENDER, PROFILE);
    let long = header(1).with_extension(ONE_BYTE, &[0; 112]);
    let shortest = header(1).bytes();
    video(Runt, &raw(&[0x80, 0]));
    video(Runt, &raw(&[0x80; 11]));
    // No room for a tag, or a wrong one.
    for room in [0, 1, 15, 16] {
        video(AuthFailed, &raw(&[&shortest[..], &vec![0; room]].concat()));
    }
    video(BadRtpHeader, &raw(&[0x8f; 60]));
    video(HeaderTooLong, &raw(&key.seal(&long.bytes(), b"payload", 1)));
    video(PayloadTooLong, &raw(&key.seal(&header(1).bytes(), &[0; 1473], 1)));
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn origins() {
    dropped(Kind::Video, UnknownTuple, &sent_by(9, PROFILE, &header(1), b"payload", 1, false), unchanged);
    let other = Header { ssrc: 1, ..header(1) };
    dropped(Kind::Video, UnknownSsrc, &sent(PROFILE, &other, b"payload"), unchanged);
    dropped(Kind::Video, LeaseExpired, &media(), |conference| {
        conference.kernel.edit(name::CONFIG, 0, |config: &mut Config| config.lease_until = 1);
    });
}

/// Numbers that lead nowhere, and a place for a key that holds none.
#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn references() {
    for receive_key in [crate::support::kernel::RECORDS, 100] {
        dropped(Kind::Video, StaleReference, &media(), |conference| {
            conference.kernel.set(name::LEGS, SENDER, LegRecord { receive_key, conference: 0 });
        });
    }
    dropped(Kind::Video, StaleReference, &media(), |conference| {
        conference.kernel.edit(name::SOURCES, SOURCE, |record: &mut sft_common::maps::SourceRecord| {
            record.conference = crate::support::kernel::RECORDS;
        });
    });
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn indices() {
    let start_at =
        |index| move |c: &mut Conference| c.set_source_state(SOURCE, SourceState::starting_at(index));
    dropped(Kind::Video, Replay, &media(), start_at(1));
    dropped(Kind::Video, TooOld, &media(), start_at(2));
    dropped(Kind::Video, IndexExhausted, &media(), start_at(INDEX_END - 1));
    let mut forged = media();
    forged[60] ^= 1;
    dropped(Kind::Video, AuthFailed, &forged, unchanged);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn padding() {
    let padding = Header { padding: true, ..header(1) };
    dropped(Kind::Video, PaddingOnly, &sent(PROFILE, &padding, &[0, 0, 0, 4]), unchanged);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn receivers() {
    dropped(Kind::Video, NoReceiver, &media(), |conference| {
        conference.kernel.set(name::SOURCE_CONTROL, SOURCE, SourceControl::default());
    });
    dropped(Kind::Audio, NoAudioSlot, &media(), |conference| {
        let mut taken = SpeakerCells::default();
        for (cell, other) in taken.cells[..AUDIO_SLOTS].iter_mut().zip(u64::from(SOURCE) + 2..) {
            *cell = 1 << 32 | other;
        }
        conference.kernel.set(name::SPEAKERS, 0, taken);
    });
    // The test has made a replicator for one copy only.
    for entries in [2, 64, 65, MAX_LIST as u64] {
        dropped(Kind::Video, NoReplicator, &media(), |conference| {
            let control = SourceControl { list: entries };
            conference.kernel.set(name::SOURCE_CONTROL, SOURCE, control);
        });
    }
}

/// The smoothed level follows a silent source in three packets. Late packets are silent, too, if they are from
/// behind the end of speech, and come too late once speech has begun again.
#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn speech() {
    let mut conference = Conference::with_sender(Kind::Audio, PROFILE);
    conference.assert_forwards(&with_level(101, 10));
    for sequence in [103, 104] {
        conference.assert_forwards(&with_level(sequence, 127));
    }
    conference.assert_drops(&with_level(105, 127), Silent);
    conference.assert_drops(&with_level(108, 127), Silent);
    conference.assert_drops(&with_level(107, 0), Silent);
    conference.assert_forwards(&with_level(109, 0));
    conference.assert_drops(&with_level(102, 10), BeforeBase);
}
