//! Claiming audio slots: a speaker takes a free one, keeps it, and displaces nobody, on any CPU.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::{
    Barrier,
    atomic::{AtomicU64, Ordering},
};

use sft_common::{
    drops::DropReason,
    maps::AUDIO_SLOTS,
    speaker::{Claim, SpeakerStore, find_or_claim, freed, holder_source},
};

#[derive(Default)]
struct Cells([AtomicU64; AUDIO_SLOTS]);

impl SpeakerStore for Cells {
    fn load(&self, slot: usize) -> u64 {
        self.0[slot].load(Ordering::Relaxed)
    }
    fn exchange(&self, slot: usize, from: u64, to: u64) -> bool {
        self.0[slot].compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[test]
fn a_speaker_keeps_its_slot_and_run() {
    let cells = Cells::default();
    let held = find_or_claim(&cells, 9).unwrap();
    assert_eq!(held, Claim { slot: 1, run: 1 });
    assert_eq!(find_or_claim(&cells, 9).unwrap(), held);
}

#[test]
fn nobody_is_displaced() {
    let cells = Cells::default();
    for source in 0..4 {
        assert_eq!(find_or_claim(&cells, source).unwrap().slot, source as u8 + 1);
    }
    assert_eq!(find_or_claim(&cells, 4), Err(DropReason::NoAudioSlot));
    assert_eq!(find_or_claim(&cells, 2).unwrap().slot, 3);
}

#[test]
fn a_freed_slot_is_claimed_under_a_new_run() {
    let cells = Cells::default();
    find_or_claim(&cells, 5).unwrap();
    let cell = freed(cells.load(1));
    cells.0[1].store(cell, Ordering::Relaxed);
    assert_eq!(find_or_claim(&cells, 6).unwrap(), Claim { slot: 1, run: 2 });
}

#[test]
fn concurrent_claims_never_share_a_slot() {
    for _ in 0..200 {
        let (cells, start) = (Cells::default(), Barrier::new(8));
        let held: Vec<_> = std::thread::scope(|scope| {
            let claim = |source| {
                start.wait();
                find_or_claim(&cells, source).ok().map(|held| (source, held))
            };
            let claims: Vec<_> = (0..8).map(|source| scope.spawn(move || claim(source))).collect();
            claims.into_iter().filter_map(|claim| claim.join().unwrap()).collect()
        });
        assert_eq!(held.len(), AUDIO_SLOTS - 1);
        for (source, held) in held {
            assert_eq!(holder_source(cells.load(held.slot as usize)), Some(source));
        }
    }
}
