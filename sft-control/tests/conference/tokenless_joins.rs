//! The original's way: whoever presents no token may join a conference that runs (sft-protocol.md 3.4 B.4).
use crate::support::{
    Bench, GROUP, confconn,
    tokens::{EXPIRED, MAY_START, asking, with_token},
};

fn lax() -> Bench {
    asking(|policy| policy.tokenless_joins = true)
}

#[test]
fn only_who_starts_a_conference_needs_a_token() {
    let mut bench = lax();
    assert_eq!(bench.join_status(GROUP, &confconn("A")), Some(2));
    assert_eq!(bench.join_status(GROUP, &with_token("A", MAY_START)), None);
    assert_eq!(bench.join_status(GROUP, &confconn("B")), None);
    let mut again = confconn("B");
    again["update"] = true.into();
    assert_eq!(bench.join_status(GROUP, &again), None, "and it may reconnect");
}

#[test]
fn a_token_that_is_presented_has_to_be_valid() {
    let mut bench = lax();
    assert_eq!(bench.join_status(GROUP, &with_token("A", MAY_START)), None);
    assert_eq!(bench.join_status(GROUP, &with_token("B", EXPIRED)), Some(3));
}
