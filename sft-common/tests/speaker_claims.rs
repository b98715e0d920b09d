//! Audio slots: a source holds one at a time, whoever claims at the same moment.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use sft_common::{
    drops::DropReason,
    maps::AUDIO_SLOTS,
    speaker::{Claim, SpeakerStore, claimed, find_or_claim, freed, holder_source, run},
};

#[derive(Default)]
struct Cells([AtomicU64; AUDIO_SLOTS]);

impl SpeakerStore for Cells {
    fn load(&self, i: usize) -> u64 {
        self.0[i].load(SeqCst)
    }
    fn exchange(&self, i: usize, from: u64, to: u64) -> bool {
        self.0[i].compare_exchange(from, to, SeqCst, SeqCst).is_ok()
    }
}

impl Cells {
    fn free(&self, slot: u8) {
        let cell = &self.0[slot as usize];
        cell.store(freed(cell.load(SeqCst)), SeqCst);
    }
    fn held_by(&self, source: u32) -> usize {
        (0..AUDIO_SLOTS).filter(|&i| holder_source(self.load(i)) == Some(source)).count()
    }
}

#[test]
fn as_many_as_there_are_slots_are_heard_and_keep_theirs() {
    let cells = Cells::default();
    for (slot, source) in [(0, 7), (1, 0), (2, 9), (3, 8), (4, 4), (5, 2), (6, 11)] {
        assert_eq!(find_or_claim(&cells, source), Ok(Claim { slot, run: 1 }));
    }
    assert_eq!(find_or_claim(&cells, 5), Err(DropReason::NoAudioSlot));
    assert_eq!(find_or_claim(&cells, 9), Ok(Claim { slot: 2, run: 1 }));
}

#[test]
fn a_slot_that_changes_hands_changes_its_run() {
    let cells = Cells::default();
    assert_eq!(find_or_claim(&cells, 1), Ok(Claim { slot: 0, run: 1 }));
    cells.free(0);
    assert_eq!(holder_source(cells.load(0)), None);
    assert_eq!(find_or_claim(&cells, 2), Ok(Claim { slot: 0, run: 2 }));
    let replaced = claimed(cells.load(0), 3);
    assert!(cells.exchange(0, cells.load(0), replaced));
    assert_eq!(find_or_claim(&cells, 3), Ok(Claim { slot: 0, run: 3 }));
    assert_eq!(run(cells.load(0)), 3);
    assert_eq!(find_or_claim(&cells, 2), Ok(Claim { slot: 1, run: 1 }));
}

/// Cells that another CPU changes just before the n-th access.
struct Disturbed<'a, F: Fn(&Cells)> {
    cells: &'a Cells,
    left: std::cell::Cell<u32>,
    disturb: F,
}

impl<F: Fn(&Cells)> Disturbed<'_, F> {
    fn tick(&self) {
        let left = self.left.get();
        if left == 0 {
            (self.disturb)(self.cells);
        }
        self.left.set(left.wrapping_sub(1));
    }
}

impl<F: Fn(&Cells)> SpeakerStore for Disturbed<'_, F> {
    fn load(&self, i: usize) -> u64 {
        self.tick();
        self.cells.load(i)
    }
    fn exchange(&self, i: usize, from: u64, to: u64) -> bool {
        self.tick();
        self.cells.exchange(i, from, to)
    }
}

/// Another CPU claims for the same source, at every point, with or without a lower slot becoming free.
#[test]
fn one_source_never_keeps_two_slots() {
    for n in 0..16 {
        for (taken, released) in [(0, None), (1, None), (1, Some(0)), (2, Some(0)), (3, Some(1)), (4, None)] {
            let cells = Cells::default();
            for other in 0..taken {
                find_or_claim(&cells, 100 + other).unwrap();
            }
            let disturb = |cells: &Cells| {
                find_or_claim(cells, 7).unwrap();
                if let Some(slot) = released {
                    cells.free(slot);
                }
            };
            let disturbed = Disturbed { cells: &cells, left: n.into(), disturb };
            let claim = find_or_claim(&disturbed, 7);
            assert_eq!(cells.held_by(7), 1, "access {n}, {taken} taken, {released:?} released");
            assert_eq!(claim, find_or_claim(&cells, 7));
        }
    }
}

#[test]
fn threads_agree_on_the_holders() {
    for round in 0..200 {
        let cells = Cells::default();
        let start = Barrier::new(4);
        let claims: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4_u32)
                .map(|cpu| {
                    let (cells, start) = (&cells, &start);
                    scope.spawn(move || {
                        start.wait();
                        // Two CPUs work for source 0, one each for 1 and 2.
                        let source = cpu.saturating_sub(1) + round % 2;
                        (source, find_or_claim(cells, source))
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        for (source, claim) in claims {
            assert_eq!(cells.held_by(source), 1);
            assert!(claim.is_ok(), "three sources fit");
        }
    }
}
