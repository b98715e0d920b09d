//! How legs and conferences end (sft-protocol.md 9.7).
use serde_json::json;
use sft_control::core::{Input, Output};

use crate::support::{Bench, GROUP, message};

#[test]
fn who_hangs_up_gets_an_answer_and_is_gone() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.say(a, &message("HANGUP", false, json!({})));
    let answer = bench.sent_of(a, "HANGUP").pop().unwrap();
    assert_eq!(
        (&answer["resp"], &answer["sessid"], &answer["src_userid"]),
        (&json!(true), &json!(GROUP), &json!("sft"))
    );
    assert!(bench.closed(a));
    assert_eq!(bench.listed(b), ["B"]);
    assert!(bench.table().receivers.iter().all(|receiver| receiver.leg == b));
}

/// The table goes first, so that no lane sends to a leg that does not exist.
#[test]
fn the_leg_leaves_the_table_before_it_is_closed() {
    let mut bench = Bench::new();
    let [a, _] = bench.conference(["A", "B"]);
    bench.input(Input::ChannelClosed { leg: a });
    let place = |wanted: fn(&Output) -> bool| bench.out.iter().position(wanted).unwrap();
    let published = place(|output| matches!(output, Output::Publish(_)));
    assert!(published < place(|output| matches!(output, Output::Close { .. })));
}

#[test]
fn the_conference_ends_with_its_last_leg() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.say(a, &message("HANGUP", false, json!({})));
    assert!(!bench.forgot());
    bench.say(b, &message("HANGUP", false, json!({})));
    assert!(bench.forgot());
    let last = bench.out.iter().rev().take(2).collect::<Vec<_>>();
    assert!(matches!(last[..], [Output::Forget(_), Output::Close { .. }]));
    assert_eq!((bench.core.totals().calls, bench.core.next_timeout()), (0, None));
}

#[test]
fn a_hangup_of_another_session_is_not_for_this_leg() {
    let mut bench = Bench::new();
    let [a, _] = bench.conference(["A", "B"]);
    bench.say(a, &message("HANGUP", false, json!({ "sessid": "other" })));
    assert!(!bench.closed(a));
    assert_eq!(bench.dropped(), 1);
    bench.say(a, &message("HANGUP", false, json!({ "sessid": GROUP.to_ascii_uppercase() })));
    assert!(bench.closed(a));
}

#[test]
fn nothing_is_sent_to_a_leg_after_its_end() {
    let mut bench = Bench::new();
    let [a, _] = bench.conference(["A", "B"]);
    bench.say(a, &message("HANGUP", false, json!({})));
    bench.take();
    bench.say(a, &message("PING", false, json!({})));
    bench.input(Input::ChannelClosed { leg: a });
    assert!(bench.take().is_empty());
}

#[test]
fn a_group_may_be_used_again_and_is_another_conference() {
    let mut bench = Bench::new();
    let a = bench.enter("A");
    let before = bench.view().conference;
    bench.input(Input::ChannelClosed { leg: a });
    let a = bench.enter("A");
    assert!(bench.view().conference != before);
    assert_eq!(bench.sent_of(a, "CONFPART")[0]["should_start"], true);
}
