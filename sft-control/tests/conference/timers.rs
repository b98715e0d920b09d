//! What ends by the clock (sft-protocol.md 12).
use std::time::Duration;

use serde_json::json;

use crate::support::{Bench, message};

const MOMENT: Duration = Duration::from_millis(1);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_leg_whose_answer_is_not_posted_ends_after_10_seconds() {
    let mut bench = Bench::new();
    let leg = bench.offer("A", false);
    bench.advance(seconds(10) - MOMENT);
    assert!(!bench.closed(leg));
    bench.advance(MOMENT);
    assert!(bench.closed(leg) && bench.forgot());
    assert_eq!(bench.core.next_timeout(), None);
}

#[test]
fn a_request_whose_offer_does_not_come_is_answered_after_10_seconds() {
    let mut bench = Bench::new();
    let id = bench.connect("A", false);
    bench.advance(seconds(10));
    assert_eq!(bench.status(id), 500);
}

#[test]
fn a_leg_that_does_not_connect_ends_10_seconds_after_its_answer() {
    let mut bench = Bench::new();
    let leg = bench.offer("A", false);
    bench.advance(seconds(9));
    bench.answer("A");
    bench.advance(seconds(10) - MOMENT);
    assert!(!bench.closed(leg));
    bench.advance(MOMENT);
    assert!(bench.closed(leg));
}

#[test]
fn a_silent_client_is_hung_up_on_after_45_seconds() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    for _ in 0..9 {
        bench.advance(seconds(5));
        bench.say(b, &message("PING", false, json!({})));
    }
    assert!(bench.closed(a) && !bench.closed(b));
    let hangup = bench.sent_of(a, "HANGUP");
    assert_eq!((&hangup[0]["resp"], &hangup[0]["sessid"]), (&json!(false), &json!(crate::support::GROUP)));
    assert_eq!(bench.listed(b), ["B"]);
}

#[test]
fn every_message_is_a_sign_of_life_and_nonsense_is_none() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.advance(seconds(40));
    bench.propsync(a, json!({}));
    bench.say(b, &json!("nonsense"));
    bench.advance(seconds(40));
    assert!(!bench.closed(a) && bench.closed(b));
}
