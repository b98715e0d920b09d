//! Refused joins: in the original's shape, in its order, and counted by reason.
use serde_json::{Value, json};
use sft_control::core::{Config, Core, Input, Refusal, event::Reply};

use crate::support::{
    Bench, GROUP, confconn, config,
    tokens::{EXPIRED, MAY_JOIN, MAY_START, asking, with_token},
};

fn counted(core: &Core) -> Vec<&'static str> {
    let refusals = core.refusals().filter(|(_, count)| *count > 0);
    refusals.flat_map(|(refusal, count)| vec![refusal.name(); count as usize]).collect()
}

/// sft-protocol.md 3.6 c.
#[test]
fn a_refusal_is_a_confconn_with_a_status() {
    let mut bench = asking(|_| {});
    let id = bench.post(GROUP, &with_token("A", EXPIRED).to_string());
    let Some(Reply::Json(text)) = bench.reply(id) else { panic!("no JSON") };
    let message: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        message,
        json!({
            "version": "3.0", "type": "CONFCONN", "sessid": GROUP, "resp": false, "update": false, "tool": "",
            "toolver": "", "env": 0, "status": 3, "selective_audio": false, "selective_video": false, "vstreams": 0
        })
    );
}

#[test]
fn every_refusal_is_counted_under_its_reason() {
    let mut bench = asking(|policy| {
        policy.blacklist = "1.2.3".parse().unwrap();
        policy.max_token_legs = 1;
    });
    assert_eq!(bench.join_status(GROUP, &with_token("A", MAY_START)), None);
    let mut outdated = with_token("B", MAY_START);
    outdated["toolver"] = "1.2.3".into();
    bench.join_status(GROUP, &outdated);
    bench.join_status(GROUP, &confconn("B"));
    bench.join_status(GROUP, &with_token("B", EXPIRED));
    bench.join_status(GROUP, &with_token("B", MAY_START));
    bench.join_status("other", &with_token("B", MAY_JOIN));
    let mut elsewhere = with_token("B", MAY_JOIN);
    elsewhere["sft_url"] = "https://other.example".into();
    bench.post(GROUP, &elsewhere.to_string());
    bench.input(Input::Drain);
    bench.post("other", &with_token("B", MAY_START).to_string());
    let expected =
        ["draining", "outdated", "bad_token", "expired_token", "token_limit", "may_not_start", "elsewhere"];
    assert_eq!(counted(&bench.core), expected);
}

#[test]
fn full_servers_and_conferences_are_told_apart() {
    for (limits, group, expected) in [
        (Config { max_conferences: 1, ..config() }, "other", Refusal::ServerFull),
        (Config { max_legs: 1, ..config() }, GROUP, Refusal::ServerFull),
        (Config { max_conference_legs: 1, ..config() }, GROUP, Refusal::ConferenceFull),
    ] {
        let mut bench = Bench::with(limits);
        bench.enter("A");
        bench.post(group, &confconn("B").to_string());
        assert_eq!(counted(&bench.core), [expected.name()]);
    }
}

/// At an error page a client goes on with other servers; at a status it gives up.
#[test]
fn a_draining_server_says_so_before_it_looks_at_the_token() {
    let mut bench = asking(|_| {});
    bench.input(Input::Drain);
    let id = bench.post(GROUP, &with_token("A", EXPIRED).to_string());
    assert_eq!(bench.status(id), 303);
}
