//! A slot never hands out an index twice, hides no loss and invents no gap, whatever the order in which
//! sources, layers and CPUs deliver.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use sft_common::{
    drops::DropReason,
    extension::KeyframeMark,
    index::INDEX_END,
    maps::Kind,
    slot::{Incoming, MAX_ADVANCE, SlotState},
};

fn claim(run: u64, index: u64) -> Incoming {
    let timestamp = (index as u32).wrapping_mul(960);
    let mark = KeyframeMark::Unmarked;
    Incoming { kind: Kind::Audio, run, from_keyframe: false, mark, index, timestamp, bytes: 100 }
}

#[test]
fn first_packet_leaves_with_the_starting_index_and_timestamp() {
    let mut slot = SlotState::starting(7, 1234, 99);
    let out = slot.commit(&claim(1, 5000)).unwrap();
    assert_eq!((out.index, out.timestamp), (1234, 99));
}

#[test]
fn late_packet_of_the_new_source_cannot_land_on_an_index_of_the_old() {
    let mut slot = SlotState::starting(7, 500, 0);
    assert_eq!(slot.commit(&claim(1, 40)).unwrap().index, 500);
    assert_eq!(slot.commit(&claim(2, 100)).unwrap().index, 501);
    assert_eq!(slot.commit(&claim(2, 99)), Err(DropReason::BeforeBase));
    assert_eq!(slot.commit(&claim(1, 41)), Err(DropReason::Superseded));
    assert_eq!(slot.commit(&claim(2, 101)).unwrap().index, 502);
}

#[test]
fn loss_reordering_and_timestamps_of_a_source_stay_visible() {
    let mut slot = SlotState::starting(7, 10, 1000);
    let out = |slot: &mut SlotState, index| {
        let out = slot.commit(&claim(1, index)).unwrap();
        (out.index, out.timestamp)
    };
    assert_eq!(out(&mut slot, 100), (10, 1000));
    assert_eq!(out(&mut slot, 103), (13, 1000 + 3 * 960));
    assert_eq!(out(&mut slot, 102), (12, 1000 + 2 * 960));
}

#[test]
fn a_switch_continues_behind_the_newest_packet() {
    for (kind, step) in [(Kind::Audio, 1920), (Kind::Video, 9000)] {
        let mut slot = SlotState::starting(7, 10, 0);
        let first = slot.commit(&Incoming { kind, ..claim(1, 100) }).unwrap();
        let next = slot.commit(&Incoming { kind, ..claim(2, 7) }).unwrap();
        assert_eq!(next.index, first.index + 1);
        assert_eq!(next.timestamp, first.timestamp.wrapping_add(step));
    }
}

#[test]
fn a_switch_waits_for_a_key_frame_where_they_are_marked() {
    let mut slot = SlotState::starting(7, 10, 0);
    slot.commit(&claim(1, 0)).unwrap();
    let new = |mark, index| Incoming { from_keyframe: true, mark, ..claim(2, index) };
    let waiting = slot.commit(&new(KeyframeMark::NotStart, 50));
    assert_eq!(waiting, Err(DropReason::AwaitingKeyframe));
    assert_eq!(slot.commit(&claim(1, 1)).unwrap().index, 11, "the old source goes on meanwhile");
    assert_eq!(slot.commit(&new(KeyframeMark::Start, 51)).unwrap().index, 12);
    assert_eq!(slot.commit(&new(KeyframeMark::NotStart, 52)).unwrap().index, 13);
    assert_eq!(slot.commit(&claim(1, 2)), Err(DropReason::Superseded));
    let mut unmarked = SlotState::starting(7, 10, 0);
    assert!(unmarked.commit(&Incoming { from_keyframe: true, ..claim(1, 3) }).is_ok());
}

#[test]
fn a_jump_is_capped_so_that_the_receiver_keeps_its_rollover_count() {
    let mut slot = SlotState::starting(7, 10, 0);
    slot.commit(&claim(1, 0)).unwrap();
    assert_eq!(slot.commit(&claim(1, 30_000)).unwrap().index, 10 + MAX_ADVANCE);
    assert_eq!(slot.commit(&claim(1, 29_999)).unwrap().index, 9 + MAX_ADVANCE);
    assert_eq!(slot.commit(&claim(1, 30_001)).unwrap().index, 11 + MAX_ADVANCE);
    assert_eq!(slot.commit(&claim(1, 5)), Err(DropReason::BeforeBase));
}

#[test]
fn an_exhausted_slot_sends_nothing_more() {
    let mut slot = SlotState::starting(7, INDEX_END - 1, 0);
    assert_eq!(slot.commit(&claim(1, 0)).unwrap().index, INDEX_END - 1);
    for run in [1, 2] {
        assert_eq!(slot.commit(&claim(run, 1)), Err(DropReason::IndexExhausted));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Several sources take turns in one slot; every packet may be lost, delayed past others (as on
    /// another CPU) or come while the slot has moved on.
    #[test]
    fn indices_are_unique_and_gaps_are_losses(
        start in 1u64..0x8000,
        packets in prop::collection::vec((0u64..3, any::<bool>(), 0usize..12), 1..400),
    ) {
        let mut slot = SlotState::starting(1, start, 0);
        let mut next_index = [65_530u64, 10, 7_000_000];
        let (mut run, mut current) = (1u64, packets[0].0);
        let mut queue: Vec<(usize, Incoming)> = Vec::new();
        for (at, (source, lost, delay)) in packets.iter().enumerate() {
            if *source != current {
                (current, run) = (*source, run + 1);
            }
            let index = next_index[*source as usize];
            next_index[*source as usize] += 1;
            if !lost {
                queue.push((at + delay, claim(run, index)));
            }
        }
        queue.sort_by_key(|(at, _)| *at);
        let mut handed_out = HashSet::new();
        let mut by_run: HashMap<u64, Vec<(u64, u64, u32)>> = HashMap::new();
        for (_, claim) in &queue {
            let before = slot.run;
            match slot.commit(claim) {
                Ok(out) => {
                    prop_assert!(handed_out.insert(out.index), "index {} twice", out.index);
                    let row = (claim.index, out.index, out.timestamp.wrapping_sub(claim.timestamp));
                    by_run.entry(claim.run).or_default().push(row);
                }
                Err(reason) => {
                    let expected = [DropReason::Superseded, DropReason::BeforeBase];
                    prop_assert!(expected.contains(&reason));
                    prop_assert_eq!(slot.run, before);
                }
            }
        }
        // Within a run, differences are exactly those of the source: losses show, nothing else does.
        for rows in by_run.values() {
            for (input, output, timestamp) in rows {
                prop_assert_eq!(output - rows[0].1, input - rows[0].0);
                prop_assert_eq!(*timestamp, rows[0].2);
            }
        }
        // Between runs there is no gap: each begins right behind the newest packet of the one before.
        let mut runs: Vec<_> = by_run.keys().copied().collect();
        runs.sort_unstable();
        let ends = |run: &u64| {
            let rows = &by_run[run];
            (rows[0].1, rows.iter().map(|row| row.1).max().unwrap_or(0))
        };
        for pair in runs.windows(2) {
            prop_assert_eq!(ends(&pair[1]).0, ends(&pair[0]).1 + 1);
        }
    }
}
