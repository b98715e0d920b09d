//! Requests that are refused: what is malformed, what does not fit any more, and what comes while draining.
use serde_json::json;
use sft_control::core::{Config, Input, Output, event::Reply};

use crate::support::{Bench, GROUP, URL, confconn, config, setup};

/// Status of a CONFCONN with this group and these fields changed.
fn status(bench: &mut Bench, group: &str, fields: serde_json::Value) -> Option<u16> {
    let mut request = confconn("A");
    for (name, value) in fields.as_object().unwrap() {
        request[name] = value.clone();
    }
    let id = bench.post(group, &request.to_string());
    bench.reply(id).map(|reply| match reply {
        Reply::Json(_) => 200,
        Reply::Refuse { status, .. } => status,
    })
}

#[test]
fn what_is_malformed_is_a_bad_request() {
    let long = "x".repeat(128);
    let mut bench = Bench::new();
    for (group, fields) in [
        (GROUP, json!({ "src_userid": "" })),
        (GROUP, json!({ "src_userid": "a b" })),
        (GROUP, json!({ "src_userid": long })),
        (GROUP, json!({ "src_clientid": "../" })),
        (GROUP, json!({ "version": "2.0" })),
        (GROUP, json!({ "type": "NONSENSE" })),
        (GROUP, json!({ "type": "PING" })),
        (GROUP, json!({ "type": "ALERT" })),
        ("a/b", json!({})),
        ("", json!({})),
        (long.as_str(), json!({})),
    ] {
        assert_eq!(status(&mut bench, group, fields.clone()), Some(400), "{group} {fields}");
    }
    for body in ["", "{", "[]", "null"] {
        let id = bench.post(GROUP, body);
        assert_eq!(bench.status(id), 400, "{body}");
    }
    assert!(bench.core.conferences().is_empty());
}

#[test]
fn an_answer_needs_a_leg_that_awaits_it() {
    let mut bench = Bench::new();
    let id = bench.answer("A");
    assert_eq!(bench.status(id), 400, "nobody has joined");
    bench.connect("A", false);
    let id = bench.answer("A");
    assert_eq!(bench.status(id), 400, "no offer was given");
    let leg = bench.opened();
    bench.input(Input::OfferReady { leg, sdp: String::new() });
    let id = bench.post(GROUP, &setup("A", "v=0").replace(r#""resp":true"#, r#""resp":false"#));
    assert_eq!(bench.status(id), 400, "no response");
    assert!(!bench.closed(leg));
    let id = bench.answer("A");
    assert_eq!(bench.status(id), 200);
}

/// sft-protocol.md 13.6: an error, not a conference of its own.
#[test]
fn a_conference_of_another_server_is_refused() {
    let mut bench = Bench::new();
    for (fields, expected) in [
        (json!({ "sft_url": "https://other.example" }), Some(400)),
        (json!({ "sft_tuple": "192.0.2.1:3478/16384" }), Some(400)),
        (json!({ "sft_url": "https://other.example", "sft_tuple": "192.0.2.1:3478/16384" }), Some(400)),
        (json!({ "sft_url": "https://sft.example.com" }), Some(400)),
        (json!({ "sft_url": format!("{URL}/") }), None),
        (json!({ "sft_url": "HTTPS://SFT.example.com:443/sfts/sftd-0" }), None),
        (json!({ "sft_url": URL, "sft_tuple": "192.0.2.1:3478/16384" }), None),
        (json!({ "sft_url": "", "sft_tuple": "" }), None),
    ] {
        assert_eq!(status(&mut bench, GROUP, fields.clone()), expected, "{fields}");
    }
}

/// An error page, at which a client goes on with the other servers it asked.
#[test]
fn a_full_server_is_unavailable() {
    for (limits, second_group) in [
        (Config { max_conferences: 1, ..config() }, "other"),
        (Config { max_legs: 1, ..config() }, "other"),
        (Config { max_conference_legs: 1, ..config() }, GROUP),
    ] {
        let mut bench = Bench::with(limits);
        let leg = bench.enter("A");
        assert_eq!(status(&mut bench, second_group, json!({ "src_userid": "B" })), Some(503));
        assert_eq!(bench.core.totals().participants_total, 1);
        assert_eq!(status(&mut bench, GROUP, json!({ "update": true })), None, "who is in may reconnect");
        let renewed = bench.opened();
        for leg in [renewed, leg] {
            bench.input(Input::ChannelClosed { leg });
        }
        assert_eq!(
            status(&mut bench, second_group, json!({ "src_userid": "B" })),
            None,
            "there is room again"
        );
    }
}

#[test]
fn a_draining_server_takes_no_new_conferences() {
    let mut bench = Bench::new();
    bench.enter("A");
    bench.input(Input::Drain);
    assert_eq!(status(&mut bench, "other", json!({})), Some(303));
    assert_eq!(status(&mut bench, GROUP, json!({ "src_userid": "B" })), None, "running ones go on");
    assert!(matches!(bench.out.last(), Some(Output::Open { .. })));
}
