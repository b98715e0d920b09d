//! How many legs at a time one token lets in.
use sft_control::core::Input;

use crate::support::{
    Bench, GROUP, confconn,
    tokens::{MAY_START, asking, with_token},
};

const OTHER: &str = "d=1900000000.v=1.k=0.s=1.r=other";

fn two_legs() -> Bench {
    asking(|policy| policy.max_token_legs = 2)
}

#[test]
fn a_token_lets_in_so_many_legs_of_all_conferences_together() {
    let mut bench = two_legs();
    assert_eq!(bench.join_status(GROUP, &with_token("A", MAY_START)), None);
    assert_eq!(bench.join_status("other", &with_token("A", MAY_START)), None);
    let leg = bench.opened();
    assert_eq!(bench.join_status(GROUP, &with_token("B", MAY_START)), Some(4));
    assert_eq!(bench.join_status("third", &with_token("A", MAY_START)), Some(4));
    assert_eq!(bench.join_status(GROUP, &with_token("B", OTHER)), None, "another token");
    bench.input(Input::ChannelClosed { leg });
    assert_eq!(bench.join_status(GROUP, &with_token("C", MAY_START)), None, "there is room again");
}

#[test]
fn a_leg_that_reconnects_does_not_count_twice() {
    let mut bench = two_legs();
    for user in ["A", "B"] {
        assert_eq!(bench.join_status(GROUP, &with_token(user, MAY_START)), None);
    }
    let mut again = with_token("A", MAY_START);
    again["update"] = true.into();
    for _ in 0..3 {
        assert_eq!(bench.join_status(GROUP, &again), None);
    }
    let mut changed = with_token("A", OTHER);
    changed["update"] = true.into();
    assert_eq!(bench.join_status(GROUP, &changed), None, "with another token");
    assert_eq!(bench.join_status(GROUP, &with_token("C", MAY_START)), None, "which the first one feels");
}

#[test]
fn legs_without_a_token_do_not_count() {
    let mut bench = asking(|policy| {
        policy.max_token_legs = 1;
        policy.tokenless_joins = true;
    });
    assert_eq!(bench.join_status(GROUP, &with_token("A", MAY_START)), None);
    for user in ["B", "C", "D"] {
        assert_eq!(bench.join_status(GROUP, &confconn(user)), None);
    }
}
