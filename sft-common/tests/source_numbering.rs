//! What slots see of a source: losses stay, skipped padding leaves no gap, silence begins a new run.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;

use proptest::prelude::*;
use sft_common::{
    drops::DropReason,
    extension::KeyframeMark,
    maps::Kind,
    source::{Admitted, PacketFacts, SILENCE, SourceState},
};

fn video(padding_only: bool) -> PacketFacts {
    PacketFacts {
        kind: Kind::Video,
        reserved: false,
        timestamp: 0,
        bytes: 100,
        level: None,
        padding_only,
        keyframe: KeyframeMark::Unmarked,
    }
}

fn audio(level: u8) -> PacketFacts {
    PacketFacts { kind: Kind::Audio, level: Some(level), ..video(false) }
}

fn take(state: &mut SourceState, sequence: u16, facts: &PacketFacts) -> Result<Admitted, DropReason> {
    let index = state.admit(sequence)?;
    state.commit(index, facts, 0)
}

#[test]
fn padding_leaves_no_gap_and_a_loss_does() {
    let mut state = SourceState::default();
    let effective =
        |state: &mut SourceState, sequence| take(state, sequence, &video(false)).unwrap().effective;
    assert_eq!(effective(&mut state, 10), 10);
    assert_eq!(take(&mut state, 11, &video(true)), Err(DropReason::PaddingOnly));
    assert_eq!(effective(&mut state, 12), 11);
    assert_eq!(effective(&mut state, 14), 13);
}

#[test]
fn padding_out_of_order_is_forwarded() {
    let mut state = SourceState::default();
    take(&mut state, 10, &video(false)).unwrap();
    take(&mut state, 12, &video(false)).unwrap();
    assert_eq!(take(&mut state, 11, &video(true)).unwrap().effective, 11);
}

#[test]
fn a_replayed_packet_is_refused_at_both_checks() {
    let mut state = SourceState::default();
    let first = state.admit(10).unwrap();
    let other_cpu = state.admit(10).unwrap();
    state.commit(first, &video(false), 0).unwrap();
    assert_eq!(state.commit(other_cpu, &video(false), 0), Err(DropReason::Replay));
    assert_eq!(state.admit(10), Err(DropReason::Replay));
}

#[test]
fn silence_closes_the_gate_and_speech_begins_a_new_run() {
    let mut state = SourceState::default();
    assert_eq!(take(&mut state, 1, &audio(20)).unwrap().gate_run, 1);
    let mut sequence = 2;
    while take(&mut state, sequence, &audio(127)) != Err(DropReason::Silent) {
        sequence += 1;
    }
    assert!(state.stats().level >= SILENCE);
    sequence += 2;
    let again = take(&mut state, sequence, &audio(20)).unwrap();
    assert_eq!(again.gate_run, 2);
    let late = take(&mut state, sequence - 1, &audio(20));
    assert_eq!(late, Err(DropReason::BeforeBase), "a packet of the pause must not enter the new run");
    let reserved = PacketFacts { reserved: true, ..audio(127) };
    assert!(take(&mut state, sequence + 1, &reserved).is_ok(), "the key generator is always heard");
}

#[test]
fn a_learned_source_has_seen_the_packet_it_was_learned_from() {
    let state = SourceState::starting_at(70_000);
    assert_eq!(state.admit(70_000u32 as u16), Err(DropReason::Replay));
    assert_eq!(state.admit(70_001u32 as u16), Ok(70_001));
}

#[test]
fn jitter_follows_the_rfc() {
    let mut state = SourceState::default();
    for (sequence, millis) in [(1u16, 100u64), (2, 120), (3, 156)] {
        let facts = PacketFacts { timestamp: sequence as u32 * 960, ..audio(10) };
        let index = state.admit(sequence).unwrap();
        state.commit(index, &facts, millis * 1_000_000).unwrap();
    }
    // The third packet is 16 ms = 768 ticks late: J = 768 / 16, kept times 16.
    assert_eq!(state.stats().jitter, 768);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Packets are lost, skipped as padding and reordered within a few places.
    #[test]
    fn numbering_is_unique_and_keeps_exactly_the_losses(
        packets in prop::collection::vec((any::<bool>(), 0u8..4, 0usize..8), 1..500),
    ) {
        let mut order: Vec<_> = packets.iter().enumerate().filter(|(_, p)| p.1 != 0).collect();
        order.sort_by_key(|(i, p)| i + p.2);
        let mut state = SourceState::default();
        let mut skipped = Vec::new();
        let mut effective: HashMap<u64, u64> = HashMap::new();
        for (index, (padding, _, _)) in order {
            match take(&mut state, index as u16, &video(*padding)) {
                Ok(admitted) => { effective.insert(index as u64, admitted.effective); }
                Err(DropReason::PaddingOnly) => skipped.push(index as u64),
                // More than 16 skips overtook this packet.
                Err(DropReason::TooOld) => {}
                Err(other) => prop_assert!(false, "unexpected {other:?}"),
            }
        }
        for (index, effective) in &effective {
            let below = skipped.iter().filter(|skip| *skip < index).count() as u64;
            prop_assert_eq!(*effective, index - below);
        }
    }
}
