//! Clients that are too old are told to update (sft-protocol.md 3.8).
use serde_json::json;
use sft_control::core::{Config, Policy};

use crate::support::{
    Bench, GROUP, config,
    tokens::{EXPIRED, asking, with_fields, with_token},
};

fn listing(list: &str) -> Bench {
    let admission = Policy { blacklist: list.parse().unwrap(), ..Policy::open() };
    Bench::with(Config { admission, ..config() })
}

#[test]
fn a_listed_version_is_refused_and_others_are_not() {
    let mut bench = listing("<9.0.0,10.5.8");
    for (version, expected) in [
        ("10.5.8", Some(1)),
        ("8.99.0", Some(1)),
        ("9", Some(1)),
        ("9.0.0", None),
        ("10.5.9", None),
        ("0.0.7", None),
        ("", None),
    ] {
        let request = with_fields("A", json!({ "toolver": version }));
        assert_eq!(bench.join_status(GROUP, &request), expected, "{version:?}");
    }
}

#[test]
fn a_listed_version_may_not_reconnect() {
    let mut bench = listing("10.5.8");
    assert_eq!(bench.join_status(GROUP, &with_fields("A", json!({ "toolver": "10.5.9" }))), None);
    let leg = bench.opened();
    assert_eq!(bench.join_status(GROUP, &with_fields("A", json!({ "update": true }))), Some(1));
    assert!(!bench.closed(leg));
}

#[test]
fn the_version_is_looked_at_before_the_token() {
    let mut bench = asking(|policy| policy.blacklist = "10.5.8".parse().unwrap());
    assert_eq!(bench.join_status(GROUP, &with_token("A", EXPIRED)), Some(1));
}
