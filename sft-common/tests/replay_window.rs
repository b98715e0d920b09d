//! The replay window against a set of everything seen.

use std::collections::HashSet;

use proptest::prelude::*;
use sft_common::{
    drops::DropReason,
    replay::{ReplayWindow, WINDOW},
};

/// Remembers everything.
#[derive(Default)]
struct Model {
    seen: HashSet<u64>,
    highest: u64,
}

impl Model {
    fn check(&self, index: u64) -> Result<(), DropReason> {
        if index + WINDOW <= self.highest {
            Err(DropReason::TooOld)
        } else if self.seen.contains(&index) {
            Err(DropReason::Replay)
        } else {
            Ok(())
        }
    }
}

/// Runs the window and the model side by side.
fn compare(start: u64, indices: impl IntoIterator<Item = u64>) {
    let mut window = ReplayWindow::default();
    let mut model = Model::default();
    window.mark(start, start);
    model.seen.insert(start);
    model.highest = start;
    for index in indices {
        let verdict = window.check(index, model.highest);
        assert_eq!(verdict, model.check(index), "index {index}, highest {}", model.highest);
        if verdict.is_ok() {
            window.mark(index, model.highest);
            model.seen.insert(index);
            model.highest = model.highest.max(index);
        }
    }
}

#[test]
fn every_index_in_order_is_let_in_once() {
    compare(5, (6..5000).flat_map(|i| [i, i, i - 3]));
}

#[test]
fn the_window_is_exactly_as_wide_as_it_says() {
    for start in [0, 1, 63, 64, 65, 1000] {
        let top = start + 2 * WINDOW;
        compare(start, [top, top - WINDOW, top - WINDOW + 1, top - WINDOW + 1, top - 1]);
    }
}

#[test]
fn jumps_of_every_length_forget_what_they_must() {
    for jump in (1..200).chain(WINDOW - 70..WINDOW + 70).chain([2 * WINDOW, 1 << 20]) {
        for start in [100_u64, 127, 128] {
            let filled = start + 1..start + 300;
            let top = start + 299 + jump;
            let below = (top.saturating_sub(WINDOW + 3)..top).rev();
            compare(start, filled.chain([top]).chain(below));
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_the_model(
        start in prop_oneof![0..2000_u64, (1_u64 << 48) - 60_000..(1 << 48) - 50_000],
        steps in prop::collection::vec(
            prop_oneof![6 => -40..40_i64, 2 => -1100..1100_i64, 1 => -3000..3000_i64],
            1..400,
        ),
    ) {
        let mut at = start;
        compare(start, steps.into_iter().map(|step| {
            at = at.saturating_add_signed(step);
            at
        }).collect::<Vec<_>>());
    }
}
