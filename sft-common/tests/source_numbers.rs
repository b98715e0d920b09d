//! The numbers a source gives its packets: each index once, padding left out, statistics as RFC 3550
//! wants them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use sft_common::{
    drops::DropReason,
    extension::KeyframeMark,
    maps::Kind,
    source::{PacketFacts, SKIPS, SourceState},
};

fn video(padding_only: bool) -> PacketFacts {
    PacketFacts {
        kind: Kind::Video,
        timestamp: 0,
        bytes: 100,
        level: None,
        padding_only,
        keyframe: KeyframeMark::Unmarked,
    }
}

/// Admits and commits; the effective index if it is forwarded.
fn take(state: &mut SourceState, index: u64, padding_only: bool) -> Result<u64, DropReason> {
    let index = state.admit(index as u16)?;
    state.commit(index, &video(padding_only), 1).map(|admitted| admitted.effective)
}

#[test]
fn padding_is_left_out_of_the_numbers() {
    let mut state = SourceState::default();
    let taken = [(10, false), (11, true), (12, true), (13, false), (14, true), (15, false)]
        .map(|(index, padding)| take(&mut state, index, padding));
    let skipped = Err(DropReason::PaddingOnly);
    assert_eq!(taken, [Ok(10), skipped, skipped, Ok(11), skipped, Ok(12)]);
    assert_eq!(state.stats().packets, 6);
    assert_eq!(take(&mut state, 11, true), Err(DropReason::Replay));
}

#[test]
fn late_packets_are_numbered_as_if_in_order() {
    let mut state = SourceState::default();
    take(&mut state, 10, false).unwrap();
    take(&mut state, 12, true).unwrap_err();
    take(&mut state, 14, true).unwrap_err();
    assert_eq!(take(&mut state, 15, false), Ok(13));
    assert_eq!(take(&mut state, 13, false), Ok(12));
    // Late padding has been counted by 13 and 15 and is forwarded.
    assert_eq!(take(&mut state, 11, true), Ok(11));
}

#[test]
fn numbers_behind_too_many_skips_are_not_guessed() {
    let mut state = SourceState::default();
    take(&mut state, 10, false).unwrap();
    take(&mut state, 12, true).unwrap_err();
    for n in 0..SKIPS as u64 - 1 {
        take(&mut state, 20 + n, true).unwrap_err();
    }
    assert_eq!(take(&mut state, 11, false), Ok(11), "all skips are remembered");
    take(&mut state, 50, true).unwrap_err();
    assert_eq!(take(&mut state, 13, false), Err(DropReason::TooOld), "12 is forgotten");
    assert_eq!(take(&mut state, 19, false), Err(DropReason::TooOld), "before all that is remembered");
    assert_eq!(take(&mut state, 40, false), Ok(40 - 16));
    assert_eq!(take(&mut state, 51, false), Ok(51 - 17));
    assert_eq!(state.stats().packets, 23, "received, though not all forwarded");
}

#[test]
fn a_learned_source_starts_where_it_was_learned() {
    let mut state = SourceState::starting_at(0x1_0005);
    assert_eq!(take(&mut state, 5, false), Err(DropReason::Replay));
    assert_eq!(take(&mut state, 4, false), Err(DropReason::TooOld));
    assert_eq!(take(&mut state, 6, false), Ok(0x1_0006));
    let stats = state.stats();
    assert_eq!((stats.packets, stats.first_index, stats.highest_index), (2, 0x1_0005, 0x1_0006));
}

#[test]
fn the_second_of_two_equal_packets_is_refused_at_commit() {
    let mut state = SourceState::default();
    take(&mut state, 1, false).unwrap();
    let (first, second) = (state.admit(2).unwrap(), state.admit(2).unwrap());
    assert!(state.commit(first, &video(false), 1).is_ok());
    assert_eq!(state.commit(second, &video(false), 1), Err(DropReason::Replay));
    assert_eq!((state.stats().replays, state.stats().packets), (1, 2));
}

#[test]
fn statistics_count_what_arrived() {
    let mut state = SourceState::default();
    let mut facts = PacketFacts { keyframe: KeyframeMark::Start, ..video(false) };
    state.commit(7, &facts, 1_000).unwrap();
    facts.keyframe = KeyframeMark::NotStart;
    state.commit(9, &facts, 2_000).unwrap();
    facts.padding_only = true;
    state.commit(10, &facts, 3_000).unwrap_err();
    state.count_auth_failure();
    state.count_refused(state.admit(9).unwrap_err());
    let stats = state.stats();
    assert_eq!((stats.packets, stats.bytes, stats.keyframes), (3, 300, 1));
    assert_eq!((stats.first_index, stats.highest_index), (7, 10));
    assert_eq!((stats.auth_failures, stats.replays), (1, 1));
    assert_eq!(stats.last_arrival_ns, 2_000, "padding is no sign of life");
}

/// RFC 3550 appendix A.8 in floating point.
fn jitter(packets: &[(u64, u32)]) -> f64 {
    let mut jitter = 0.0;
    for pair in packets.windows(2) {
        let arrivals = (pair[1].0 as f64 - pair[0].0 as f64) * 90.0 / 1e6;
        let difference = arrivals - pair[1].1.wrapping_sub(pair[0].1) as i32 as f64;
        jitter += (difference.abs() - jitter) / 16.0;
    }
    jitter
}

proptest! {
    #[test]
    fn jitter_follows_rfc_3550(steps in prop::collection::vec((0..60_000_000_u64, 0..9000_u32), 2..60)) {
        let (mut now, mut timestamp) = (5_000_000_000, 0xffff_0000_u32);
        let packets: Vec<_> = steps.into_iter().map(|(ns, ticks)| {
            now += ns;
            timestamp = timestamp.wrapping_add(ticks);
            (now, timestamp)
        }).collect();
        let mut state = SourceState::default();
        for (index, (now, timestamp)) in packets.iter().enumerate() {
            let facts = PacketFacts { timestamp: *timestamp, ..video(false) };
            state.commit(index as u64, &facts, *now).unwrap();
        }
        let measured = state.stats().jitter as f64 / 16.0;
        let expected = jitter(&packets);
        prop_assert!((measured - expected).abs() < 3.0, "{} {}", measured, expected);
    }

    /// The rule itself: a skipped packet takes no number, and every number tells how many packets that
    /// were not skipped come before it.
    #[test]
    fn effective_indices_count_what_is_not_skipped(
        start in prop_oneof![0..3_u64, 65_500..65_540_u64],
        packets in prop::collection::vec((prop::bool::weighted(0.3), 0..6_usize, prop::bool::weighted(0.1)), 1..200),
    ) {
        let mut arrivals: Vec<(usize, u64, bool)> = packets
            .iter()
            .enumerate()
            .filter(|(_, (_, _, lost))| !lost)
            .map(|(n, (padding, late, _))| (n + late, start + n as u64, *padding))
            .collect();
        arrivals.sort_by_key(|arrival| arrival.0);
        let mut state = match start.checked_sub(1) {
            Some(before) => SourceState::starting_at(before),
            None => SourceState::default(),
        };
        let mut skipped = BTreeSet::new();
        let mut highest = None;
        let mut forwarded = Vec::new();
        for (_, index, padding) in arrivals {
            let newest = highest.is_none_or(|highest| index > highest);
            match take(&mut state, index, padding) {
                Err(DropReason::PaddingOnly) => {
                    prop_assert!(padding && newest);
                    skipped.insert(index);
                }
                Ok(effective) => {
                    prop_assert!(!padding || !newest);
                    forwarded.push((index, effective));
                }
                Err(reason) => {
                    // Only what came before the very first packet.
                    prop_assert_eq!(reason, DropReason::TooOld);
                    prop_assert!(start == 0 && highest.is_some());
                }
            }
            highest = highest.max(Some(index));
        }
        for (index, effective) in forwarded {
            prop_assert_eq!(effective, index - skipped.range(..index).count() as u64);
        }
    }
}
