//! The replay window against a set that remembers everything.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashSet;

use proptest::prelude::*;
use sft_common::{
    drops::DropReason,
    replay::{ReplayWindow, WINDOW},
};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_set(start in 0u64..1 << 40, steps in prop::collection::vec(-1200i64..300, 1..2000)) {
        let (mut window, mut highest, mut seen) = (ReplayWindow::default(), None, HashSet::new());
        for step in steps {
            let index = highest.unwrap_or(start).saturating_add_signed(step);
            let expected = match highest {
                Some(highest) if index + WINDOW <= highest => Err(DropReason::TooOld),
                _ if seen.contains(&index) => Err(DropReason::Replay),
                _ => Ok(()),
            };
            prop_assert_eq!(window.check(index, highest), expected);
            if expected.is_ok() {
                highest = Some(window.mark(index, highest));
                seen.insert(index);
            }
        }
    }
}

#[test]
fn a_jump_over_the_whole_ring_forgets_what_was_there() {
    let mut window = ReplayWindow::default();
    let mut highest = None;
    for index in 0..3000 {
        highest = Some(window.mark(index, highest));
    }
    let far = 3000 + 1_000_000;
    highest = Some(window.mark(far, highest));
    for index in far + 1 - WINDOW..far {
        assert_eq!(window.check(index, highest), Ok(()), "index {index}");
    }
}
