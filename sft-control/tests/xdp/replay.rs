//! Every index comes in once, within a window, over any number of rounds of the sequence number.

use crate::support::conference::{Conference, SENDER, SOURCE, header, sent_by};
use sft_common::{
    drops::DropReason::{IndexExhausted, Replay, TooOld},
    index::INDEX_END,
    maps::{Kind, Profile, name},
    replay::WINDOW,
    source::{SourceState, SourceStats},
};

const PROFILE: Profile = Profile::AeadAes256Gcm;

/// A source whose packet `start` has been taken in.
fn started(start: u64) -> Conference {
    let mut conference = Conference::with_sender(Kind::Video, PROFILE);
    conference.set_source_state(SOURCE, SourceState::starting_at(start));
    conference
}

/// The packet with this index.
fn packet(index: u64) -> Vec<u8> {
    sent_by(SENDER, PROFILE, &header(index as u16), b"payload", index, false)
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn what_was_seen_is_a_replay() {
    let mut conference = started(1000);
    conference.assert_drops(&packet(1000), Replay);
    for index in [1001, 1005, 1003] {
        conference.assert_forwards(&packet(index));
    }
    for index in [1005, 1001, 1003] {
        conference.assert_drops(&packet(index), Replay);
    }
    conference.assert_forwards(&packet(1002));
    let stats: SourceStats = conference.kernel.get(name::SOURCE_STATS, SOURCE);
    assert_eq!((stats.replays, stats.packets, stats.highest_index), (4, 5, 1005));
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn the_window_has_its_length() {
    let mut conference = started(100);
    conference.assert_forwards(&packet(5000));
    conference.assert_forwards(&packet(5000 - (WINDOW - 1)));
    conference.assert_drops(&packet(5000 - (WINDOW - 1)), Replay);
    conference.assert_drops(&packet(5000 - WINDOW), TooOld);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn nothing_before_the_first_packet_comes_in() {
    let mut conference = Conference::with_sender(Kind::Video, PROFILE);
    conference.assert_forwards(&packet(1000));
    conference.assert_drops(&packet(999), TooOld);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn the_sequence_number_goes_round() {
    let start = (7 << 16) + 65_000;
    let mut conference = started(start);
    let round = 8 << 16;
    for index in [round - 2, round + 3, round - 1, round] {
        conference.assert_forwards(&packet(index));
    }
    conference.assert_drops(&packet(round - 1), Replay);
    conference.assert_forwards(&packet(round + 20_000));
    conference.assert_forwards(&packet(round + 50_000));
    conference.assert_forwards(&packet(round + 80_000));
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn the_last_index_is_the_end() {
    let mut conference = started(INDEX_END - 10);
    conference.assert_forwards(&packet(INDEX_END - 1));
    conference.assert_drops(&packet(INDEX_END + 5), IndexExhausted);
}
