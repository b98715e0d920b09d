//! The join over HTTP, from CONFCONN to the open data channel (sft-protocol.md 3.4).
use serde_json::{Value, json};
use sft_common::maps::AUDIO_SLOTS;
use sft_control::core::{Input, Output, event::Reply};

use crate::support::{Bench, GROUP, URL, answer_sdp, confconn, setup};

/// What the client's first request in a captured call asked for.
const CAPTURED: &str = include_str!("../fixtures/econn/captured.jsonl");

fn json_of(reply: Option<Reply>) -> Value {
    match reply {
        Some(Reply::Json(text)) => serde_json::from_str(&text).unwrap(),
        reply => panic!("{reply:?}"),
    }
}

#[test]
fn a_captured_request_gets_an_offer() {
    let mut bench = Bench::new();
    let group = "38358b54923a26667104a41345f80dae";
    let id = bench.post(group, CAPTURED.lines().next().unwrap());
    assert_eq!(bench.reply(id), None, "the reply waits for the offer");
    let Some(Output::Open { leg, offer, .. }) = bench.out.last() else { panic!("no transport") };
    assert!(offer.simulcast);
    assert_eq!((offer.audio_slots.len(), offer.video_slots.len()), (AUDIO_SLOTS, 9));
    let leg = *leg;
    bench.input(Input::OfferReady { leg, sdp: "v=0\r\n".into() });
    let reply = json_of(bench.reply(id));
    assert_eq!(
        (&reply["type"], &reply["sessid"], &reply["sdp"]),
        (&json!("SETUP"), &json!(group), &json!("v=0\r\n"))
    );
    assert_eq!(
        (&reply["url"], &reply["resp"], &reply["version"]),
        (&json!(URL), &json!(false), &json!("3.0"))
    );
    assert_eq!(reply["props"]["videosend"], "true");
}

#[test]
fn an_answer_starts_the_transport() {
    let mut bench = Bench::new();
    let leg = bench.offer("A", false);
    let id = bench.post(GROUP, &setup("A", &answer_sdp(4711, None)));
    let started = bench.out.iter().find_map(|output| match output {
        Output::Start { leg, answer } => Some((*leg, answer.audio_ssrc)),
        _ => None,
    });
    assert_eq!(started, Some((leg, Some(4711))));
    let reply = json_of(bench.reply(id));
    assert_eq!(
        (&reply["type"], &reply["status"], &reply["resp"]),
        (&json!("CONFCONN"), &json!(0), &json!(true))
    );
}

#[test]
fn the_channel_opens_with_the_servers_properties_and_the_list() {
    let mut bench = Bench::new();
    let leg = bench.enter("A");
    let types: Vec<Value> = bench.sent(leg).iter().map(|message| message["type"].clone()).collect();
    assert_eq!(types, ["PROPSYNC", "CONFPART"]);
    let greeting = &bench.sent(leg)[0];
    assert_eq!((&greeting["src_userid"], &greeting["dest_userid"]), (&json!("sft"), &json!("A")));
    assert_eq!((&greeting["sessid"], &greeting["resp"]), (&json!(GROUP), &json!(false)));
    assert_eq!(bench.table().receivers[0].leg, leg);
}

#[test]
fn a_channel_that_opens_before_the_answer_is_not_believed() {
    let mut bench = Bench::new();
    let leg = bench.offer("A", false);
    bench.take();
    bench.open(leg);
    assert!(bench.take().is_empty());
}

#[test]
fn slots_are_as_many_as_the_client_wants_and_at_most_32() {
    for (fields, audio, video) in [
        (json!({ "vstreams": 99 }), AUDIO_SLOTS, 32),
        (json!({ "vstreams": -1 }), AUDIO_SLOTS, 0),
        (json!({ "selective_video": false }), AUDIO_SLOTS, 0),
        (json!({ "selective_audio": false }), 0, 9),
    ] {
        let mut bench = Bench::new();
        let mut request = confconn("A");
        for (name, value) in fields.as_object().unwrap() {
            request[name] = value.clone();
        }
        bench.post(GROUP, &request.to_string());
        let Some(Output::Open { offer, .. }) = bench.out.last() else { panic!("no transport") };
        assert_eq!((offer.audio_slots.len(), offer.video_slots.len()), (audio, video), "{fields}");
    }
}

/// sft-protocol.md 3.8.
#[test]
fn clients_of_version_1_to_9_have_one_stream_of_their_own() {
    for (version, simulcast) in
        [("9.5.1", false), ("1.0.0", false), ("10.0.1", true), ("0.0.1", true), ("", true)]
    {
        let mut bench = Bench::new();
        let mut request = confconn("A");
        request["toolver"] = version.into();
        bench.post(GROUP, &request.to_string());
        let Some(Output::Open { leg, offer, .. }) = bench.out.last() else { panic!("no transport") };
        assert_eq!(offer.simulcast, simulcast, "{version}");
        let leg = *leg;
        bench.input(Input::OfferReady { leg, sdp: String::new() });
        bench.post(GROUP, &setup("A", &answer_sdp(4711, Some(4712))));
        bench.open(leg);
        let list = bench.sent_of(leg, "CONFPART").pop().unwrap();
        let own = list["participants"][0]["ssrc_video"] == "4712";
        assert_eq!(own, !simulcast, "{version}");
    }
}

#[test]
fn an_answer_that_cannot_be_read_ends_the_leg() {
    let mut bench = Bench::new();
    let leg = bench.offer("A", false);
    let id = bench.post(GROUP, &setup("A", "v=0\r\n"));
    assert_eq!(bench.status(id), 400);
    assert!(bench.closed(leg) && bench.forgot());
}

/// Receivers tell sources apart by these numbers.
#[test]
fn nobody_takes_the_ssrc_of_another() {
    let mut bench = Bench::new();
    let a = bench.enter("A");
    let list = bench.sent_of(a, "CONFPART").pop().unwrap();
    for taken in ["ssrc_audio", "ssrc_video"] {
        let ssrc = list["participants"][0][taken].as_str().unwrap().parse().unwrap();
        let leg = bench.offer("B", false);
        let id = bench.post(GROUP, &setup("B", &answer_sdp(ssrc, None)));
        assert_eq!(bench.status(id), 400, "{taken}");
        assert!(bench.closed(leg) && !bench.closed(a));
    }
}

#[test]
fn an_answer_posted_twice_counts_once() {
    let mut bench = Bench::new();
    bench.offer("A", false);
    for _ in 0..2 {
        let id = bench.answer("A");
        assert_eq!(bench.status(id), 200);
    }
    let started = bench.out.iter().filter(|output| matches!(output, Output::Start { .. })).count();
    assert_eq!(started, 1);
}

#[test]
fn a_second_request_before_the_offer_answers_the_first() {
    let mut bench = Bench::new();
    let first = bench.connect("A", false);
    let old = bench.opened();
    let second = bench.connect("A", false);
    assert_eq!(bench.status(first), 400);
    assert!(bench.closed(old));
    let leg = bench.opened();
    bench.input(Input::OfferReady { leg: old, sdp: "old".into() });
    bench.input(Input::OfferReady { leg, sdp: "new".into() });
    assert_eq!(json_of(bench.reply(second))["sdp"], "new");
}

#[test]
fn a_request_whose_client_went_away_gets_no_reply() {
    let mut bench = Bench::new();
    let id = bench.connect("A", false);
    bench.input(Input::RequestGone { id });
    let leg = bench.opened();
    bench.input(Input::OfferReady { leg, sdp: String::new() });
    assert_eq!(bench.reply(id), None);
}

#[test]
fn a_transport_that_fails_before_its_offer_answers_the_request() {
    let mut bench = Bench::new();
    let id = bench.connect("A", false);
    let leg = bench.opened();
    bench.input(Input::TransportFailed { leg, reason: "no socket".into() });
    assert_eq!(bench.status(id), 500);
    assert!(bench.closed(leg) && bench.forgot());
}

#[test]
fn totals_count_calls_and_participants() {
    let mut bench = Bench::new();
    let a = bench.enter("A");
    bench.enter("B");
    let totals = bench.core.totals();
    assert_eq!((totals.calls, totals.participants), (1, 2));
    bench.input(Input::ChannelClosed { leg: a });
    let totals = bench.core.totals();
    assert_eq!((totals.participants, totals.participants_total, totals.calls_total), (1, 2, 1));
}
