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
        let (mut window, mut highest) = (ReplayWindow::default(), start);
        let mut seen = HashSet::from([start]);
        window.mark(start, start);
        for step in steps {
            let index = highest.saturating_add_signed(step);
            let expected = match () {
                _ if index + WINDOW <= highest => Err(DropReason::TooOld),
                _ if seen.contains(&index) => Err(DropReason::Replay),
                _ => Ok(()),
            };
            prop_assert_eq!(window.check(index, highest), expected);
            if expected.is_ok() {
                window.mark(index, highest);
                highest = highest.max(index);
                seen.insert(index);
            }
        }
    }
}

#[test]
fn a_jump_over_the_whole_ring_forgets_what_was_there() {
    let mut window = ReplayWindow::default();
    for index in 0u64..3000 {
        window.mark(index, index.saturating_sub(1));
    }
    let far = 3000 + 1_000_000;
    window.mark(far, 2999);
    for index in far + 1 - WINDOW..far {
        assert_eq!(window.check(index, far), Ok(()), "index {index}");
    }
}
