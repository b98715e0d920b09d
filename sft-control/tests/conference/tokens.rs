//! With a secret every join and every reconnection needs a token (sft-protocol.md 3.7).
use serde_json::json;
use sft_control::core::{Input, Secret};

use crate::support::{
    GROUP,
    tokens::{EXPIRED, MAY_JOIN, MAY_START, SECRET, asking, credential, with_fields, with_token},
};

/// sft-protocol.md, appendix D.
const VECTOR: &str =
    "qIs6PtknvlYBKrzC8cPcaV5CCxd4MYyiW1ZaepXnfuh+VE5eyu/ORRujbLngf/pog6ruNieELB12YCHfvf7XfA==";

#[test]
fn a_token_that_may_start_starts_and_joins() {
    let mut bench = asking(|_| {});
    let request = with_fields("A", json!({ "username": MAY_START, "credential": VECTOR }));
    assert_eq!(bench.join_status(GROUP, &request), None);
    assert_eq!(bench.join_status(GROUP, &with_token("B", MAY_START)), None);
    assert_eq!(bench.view().legs.len(), 2);
}

#[test]
fn a_token_that_may_only_join_does_not_start() {
    let mut bench = asking(|_| {});
    assert_eq!(bench.join_status(GROUP, &with_token("B", MAY_JOIN)), Some(5));
    assert!(bench.core.conferences().is_empty());
    assert_eq!(bench.join_status(GROUP, &with_token("A", MAY_START)), None);
    assert_eq!(bench.join_status(GROUP, &with_token("B", MAY_JOIN)), None);
    assert_eq!(bench.join_status("other", &with_token("B", MAY_JOIN)), Some(5));
}

/// After a restart, too: a reconnection to a conference that is not there starts it.
#[test]
fn a_reconnection_starts_no_conference_either() {
    let mut bench = asking(|_| {});
    let mut request = with_token("A", MAY_JOIN);
    request["update"] = true.into();
    assert_eq!(bench.join_status(GROUP, &request), Some(5));
}

#[test]
fn bad_and_missing_tokens_are_refused_wherever_they_join() {
    let mut bench = asking(|_| {});
    let good = credential(MAY_START);
    let bad = [
        json!({}),
        json!({ "username": MAY_START }),
        json!({ "credential": good }),
        json!({ "username": MAY_START, "credential": "no base64!" }),
        json!({ "username": MAY_START, "credential": good.trim_end_matches('=') }),
        json!({ "username": MAY_JOIN, "credential": good }),
        json!({ "username": "admin", "credential": credential("admin") }),
    ];
    for fields in &bad {
        assert_eq!(bench.join_status(GROUP, &with_fields("A", fields.clone())), Some(2), "{fields}");
    }
    assert!(bench.core.conferences().is_empty());
    assert_eq!(bench.join_status(GROUP, &with_token("A", MAY_START)), None);
    for fields in bad {
        assert_eq!(bench.join_status(GROUP, &with_fields("B", fields.clone())), Some(2), "{fields}");
    }
    assert_eq!(bench.view().legs.len(), 1);
}

#[test]
fn an_expired_token_is_refused_wherever_it_joins() {
    let mut bench = asking(|_| {});
    assert_eq!(bench.join_status(GROUP, &with_token("A", EXPIRED)), Some(3));
    assert_eq!(bench.join_status(GROUP, &with_token("A", MAY_START)), None);
    assert_eq!(bench.join_status(GROUP, &with_token("B", EXPIRED)), Some(3));
    let forged = with_fields("B", json!({ "username": EXPIRED, "credential": "x" }));
    assert_eq!(bench.join_status(GROUP, &forged), Some(3), "the clock comes before the credential");
}

/// Whoever knows the hashes of a member must not be able to throw it out.
#[test]
fn a_reconnection_needs_a_token_and_a_refused_one_harms_nobody() {
    let mut bench = asking(|_| {});
    assert_eq!(bench.join_status(GROUP, &with_token("A", MAY_START)), None);
    let leg = bench.opened();
    for update in [true, false] {
        let again = |mut request: serde_json::Value| {
            request["update"] = update.into();
            request
        };
        assert_eq!(bench.join_status(GROUP, &again(with_fields("A", json!({})))), Some(2));
        assert_eq!(bench.join_status(GROUP, &again(with_token("A", EXPIRED))), Some(3));
        assert!(!bench.closed(leg));
    }
    let mut request = with_token("A", MAY_JOIN);
    request["update"] = true.into();
    assert_eq!(bench.join_status(GROUP, &request), None, "one that may join is enough");
    assert!(bench.closed(leg));
}

#[test]
fn a_new_secret_replaces_the_old_one_and_ends_nobodys_leg() {
    let mut bench = asking(|_| {});
    assert_eq!(bench.join_status(GROUP, &with_token("A", MAY_START)), None);
    bench.input(Input::TokenSecret(Secret::from_file(b"another").unwrap()));
    assert_eq!(bench.join_status(GROUP, &with_token("B", MAY_START)), Some(2));
    assert_eq!(bench.view().legs.len(), 1);
    bench.input(Input::TokenSecret(Secret::from_file(SECRET.as_bytes()).unwrap()));
    assert_eq!(bench.join_status(GROUP, &with_token("B", MAY_START)), None);
}

#[test]
fn without_a_secret_nobody_looks_at_tokens() {
    let mut bench = crate::support::Bench::new();
    assert_eq!(bench.join_status(GROUP, &with_token("A", EXPIRED)), None);
    assert_eq!(
        bench.join_status(GROUP, &with_fields("B", json!({ "username": "x", "credential": "y" }))),
        None
    );
}
