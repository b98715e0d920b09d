//! Messages on the data channel that get an answer, and those that are only counted.
use std::time::Duration;

use serde_json::json;
use sft_control::{
    core::{Config, Input},
    transport::MAX_MESSAGE,
};

use crate::support::{A_WHILE, Bench, GROUP, config, message};

#[test]
fn a_ping_is_answered() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.say(a, &message("PING", false, json!({})));
    let answers = bench.sent(a);
    assert_eq!(answers.len(), 1);
    let answer = &answers[0];
    assert_eq!(
        (&answer["type"], &answer["resp"], &answer["sessid"]),
        (&json!("PING"), &json!(true), &json!(GROUP))
    );
    assert_eq!((&answer["src_userid"], &answer["dest_userid"]), (&json!("sft"), &json!("A")));
    assert!(bench.sent(b).is_empty());
}

#[test]
fn an_answered_ping_is_not_answered() {
    let mut bench = Bench::new();
    let [a, _] = bench.conference(["A", "B"]);
    bench.say(a, &message("PING", true, json!({})));
    assert!(bench.sent(a).is_empty());
}

#[test]
fn what_is_no_message_is_counted_and_has_no_effect() {
    let mut bench = Bench::new();
    let [a, _] = bench.conference(["A", "B"]);
    let junk = [
        b"".to_vec(),
        vec![0xff; 10],
        b"{}".to_vec(),
        message("NONSENSE", false, json!({})).to_string().into(),
    ];
    let count = junk.len();
    for data in junk {
        bench.input(Input::ChannelMessage { leg: a, data });
    }
    assert_eq!((bench.dropped(), bench.out.len()), (count, count));
}

#[test]
fn types_that_servers_do_not_use_are_ignored() {
    let mut bench = Bench::new();
    let [a, _] = bench.conference(["A", "B"]);
    for r#type in ["ALERT", "CONFKEY", "REJECT", "CONFCONN"] {
        bench.say(a, &message(r#type, false, json!({})));
    }
    assert!(bench.out.is_empty());
}

#[test]
fn a_message_that_is_too_long_is_counted() {
    let mut bench = Bench::new();
    let [a, _] = bench.conference(["A", "B"]);
    let mut ping = message("PING", false, json!({})).to_string();
    ping.push_str(&" ".repeat(MAX_MESSAGE));
    bench.input(Input::ChannelMessage { leg: a, data: ping.into_bytes() });
    assert_eq!((bench.dropped(), bench.sent(a).len()), (1, 0));
}

#[test]
fn messages_beyond_the_rate_are_counted() {
    let mut bench = Bench::with(Config { max_messages_per_second: 3, ..config() });
    let a = bench.enter("A");
    bench.advance(A_WHILE * 20);
    bench.take();
    for _ in 0..5 {
        bench.say(a, &message("PING", false, json!({})));
    }
    assert_eq!((bench.sent(a).len(), bench.dropped()), (3, 2));
    bench.advance(Duration::from_secs(1));
    bench.say(a, &message("PING", false, json!({})));
    assert_eq!(bench.sent(a).len(), 4);
}

#[test]
fn before_the_channel_is_open_nothing_is_heard() {
    let mut bench = Bench::new();
    let a = bench.offer("A", false);
    bench.answer("A");
    bench.take();
    bench.say(a, &message("PING", false, json!({})));
    assert!(bench.take().is_empty());
}
