//! Properties of a member reach those it authorises, under its own name (sft-protocol.md 9.6).
use serde_json::{Value, json};

use crate::support::{A_WHILE, Bench, message};

#[test]
fn properties_are_relayed_untouched() {
    let mut bench = Bench::new();
    let [a, b, c] = bench.conference(["A", "B", "C"]);
    let props = json!({ "muted": "true", "keysync": "3", "unknown": "x" });
    bench.propsync(a, props.clone());
    for leg in [b, c] {
        let relayed = bench.sent_of(leg, "PROPSYNC");
        assert_eq!(relayed.len(), 1);
        assert_eq!((&relayed[0]["props"], &relayed[0]["resp"]), (&props, &json!(true)));
        assert_eq!((&relayed[0]["src_userid"], &relayed[0]["src_clientid"]), (&json!("A"), &json!("_")));
    }
    assert!(bench.sent(a).is_empty());
    assert!(bench.view().legs[0].muted);
}

#[test]
fn a_response_counts_like_a_request() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.say(a, &message("PROPSYNC", true, json!({ "props": { "muted": "true" } })));
    assert_eq!(bench.sent_of(b, "PROPSYNC").len(), 1);
}

#[test]
fn nobody_speaks_for_another() {
    let mut bench = Bench::new();
    let [a, b, c] = bench.conference(["A", "B", "C"]);
    let forged = json!({ "src_userid": "C", "src_clientid": "_", "props": { "muted": "true" } });
    bench.say(a, &message("PROPSYNC", false, forged));
    assert_eq!(bench.sent_of(b, "PROPSYNC")[0]["src_userid"], "A");
    let muted: Vec<bool> = bench.view().legs.iter().map(|leg| leg.muted).collect();
    assert_eq!(muted, [true, false, false]);
    assert_eq!(bench.sent_of(c, "PROPSYNC")[0]["src_userid"], "A");
}

#[test]
fn only_those_it_authorises_learn_of_it() {
    let mut bench = Bench::new();
    let [a, b, c] = bench.conference(["A", "B", "C"]);
    bench.authorise(a, &["C"]);
    bench.propsync(a, json!({ "muted": "true" }));
    assert!(bench.sent(b).is_empty());
    assert_eq!(bench.sent_of(c, "PROPSYNC").len(), 1);
}

fn relayed(bench: &Bench, leg: sft_control::core::table::LegId) -> Vec<(Value, Value)> {
    let relayed = bench.sent_of(leg, "PROPSYNC");
    let from_members = relayed.iter().filter(|message| message["src_userid"] != "sft");
    from_members.map(|message| (message["src_userid"].clone(), message["props"]["muted"].clone())).collect()
}

/// Each learns the other's state once both know each other, and is not told again.
#[test]
fn a_newcomer_and_the_others_learn_of_each_other() {
    let mut bench = Bench::new();
    let a = bench.enter("A");
    bench.propsync(a, json!({ "muted": "true" }));
    bench.advance(A_WHILE);
    let b = bench.enter("B");
    bench.propsync(b, json!({ "muted": "false" }));
    bench.advance(A_WHILE);
    assert!(relayed(&bench, a).is_empty() && relayed(&bench, b).is_empty(), "nobody is authorised");
    bench.authorise(a, &["B"]);
    assert_eq!(relayed(&bench, b), [(json!("A"), json!("true"))]);
    bench.take();
    bench.authorise(b, &["A"]);
    assert_eq!(relayed(&bench, a), [(json!("B"), json!("false"))]);
    assert_eq!(relayed(&bench, b), [(json!("A"), json!("true"))], "now it knows whom this is about");
    bench.take();
    bench.authorise(a, &["B"]);
    bench.authorise(b, &["A"]);
    assert!(relayed(&bench, a).is_empty() && relayed(&bench, b).is_empty());
}

#[test]
fn who_has_told_nothing_is_not_spoken_for() {
    let mut bench = Bench::new();
    let a = bench.enter("A");
    bench.advance(A_WHILE);
    let b = bench.enter("B");
    bench.advance(A_WHILE);
    bench.authorise(a, &["B"]);
    assert!(relayed(&bench, b).is_empty());
}
