//! Reconnection of known and unknown legs, and joining again (sft-protocol.md 3.4, 15.6).
use std::time::Duration;

use serde_json::{Value, json};
use sft_control::core::{
    Input, Output,
    event::{Reply, RequestId},
};

use crate::support::{A_WHILE, Bench};

fn offer_of(bench: &Bench, id: RequestId) -> Value {
    match bench.reply(id) {
        Some(Reply::Json(text)) => serde_json::from_str(&text).unwrap(),
        reply => panic!("{reply:?}"),
    }
}

#[test]
fn a_known_leg_gets_a_new_transport_and_an_update() {
    let mut bench = Bench::new();
    let [old, b] = bench.conference(["A", "B"]);
    let id = bench.connect("A", true);
    let leg = bench.opened();
    assert!(!bench.closed(old) && leg != old);
    bench.input(Input::OfferReady { leg, sdp: "v=0".into() });
    let offer = offer_of(&bench, id);
    assert_eq!(
        (&offer["type"], &offer["resp"], &offer["dest_userid"]),
        (&json!("UPDATE"), &json!(false), &json!("A"))
    );
    bench.answer("A");
    assert!(!bench.closed(old), "nobody has shown yet that it is A");
    bench.input(Input::Connected { leg });
    assert!(bench.closed(old));
    assert!(bench.sent_of(b, "CONFPART").is_empty(), "others hear of it when it is back");
    assert_eq!(bench.table().receivers.len(), 1);
    bench.input(Input::ChannelOpen { leg });
    bench.advance(A_WHILE);
    assert_eq!(bench.listed(b), ["B", "A"], "at the end");
    let list = bench.sent_of(b, "CONFPART").pop().unwrap();
    assert_eq!((&list["participants"][1]["timestamp"], &list["should_start"]), (&json!(2), &json!(false)));
}

#[test]
fn the_name_of_its_video_stays_and_its_slots_are_new() {
    let mut bench = Bench::new();
    bench.conference(["A", "B"]);
    let before = bench.view().legs[0].clone();
    bench.offer("A", true);
    let after = bench.view().legs[2].clone();
    assert_eq!((before.user.as_str(), after.user.as_str()), ("A", "A"));
    assert_eq!(before.video_ssrc, after.video_ssrc);
    let slots = |leg: &sft_control::core::LegView| -> Vec<u32> {
        leg.video_slots.iter().map(|slot| slot.ssrc).collect()
    };
    assert!(slots(&before).iter().all(|ssrc| !slots(&after).contains(ssrc)));
}

#[test]
fn authorisations_in_both_directions_are_forgotten() {
    let mut bench = Bench::new();
    let [_, b] = bench.conference(["A", "B"]);
    let a = bench.offer("A", true);
    bench.answer("A");
    bench.open(a);
    bench.advance(A_WHILE);
    assert!(bench.hearers(a).is_empty() && bench.hearers(b).is_empty());
    assert!(bench.view().legs.iter().all(|leg| leg.authorises.is_empty()));
    bench.authorise_all(a);
    bench.authorise_all(b);
    bench.advance(A_WHILE);
    assert_eq!((bench.hearers(a), bench.hearers(b)), (vec![b], vec![a]));
}

/// The selection of those who watched it holds on; layers are learned anew.
#[test]
fn who_watched_it_sees_it_again_under_a_newer_run() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.learn(a);
    bench.select(b, &[("A", 2)]);
    let before = bench.shown(b, 0)[0];
    let again = bench.offer("A", true);
    assert_eq!(bench.shown(b, 0), [before], "nothing has changed yet");
    bench.answer("A");
    bench.input(Input::Connected { leg: again });
    assert!(bench.shown(b, 0).is_empty());
    bench.open(again);
    bench.advance(A_WHILE);
    bench.authorise_all(again);
    bench.authorise_all(b);
    bench.advance(A_WHILE);
    assert!(bench.shown(b, 0).is_empty());
    bench.learn(again);
    let after = bench.shown(b, 0)[0];
    assert!(after.0 == again && after.2 > before.2);
}

/// The server lost it: nobody is to start what goes on elsewhere.
#[test]
fn an_unknown_leg_gets_an_update_and_starts_nothing() {
    let mut bench = Bench::new();
    let id = bench.connect("A", true);
    let a = bench.opened();
    bench.input(Input::OfferReady { leg: a, sdp: "v=0".into() });
    assert_eq!(offer_of(&bench, id)["type"], "UPDATE");
    bench.answer("A");
    bench.open(a);
    assert_eq!(bench.sent_of(a, "CONFPART")[0]["should_start"], false);
    assert!(bench.view().started);
}

#[test]
fn an_unknown_leg_keeps_a_waiting_conference_from_starting() {
    let mut bench = Bench::new();
    let a = bench.offer("A", false);
    bench.offer("B", true);
    bench.answer("A");
    bench.open(a);
    assert_eq!(bench.sent_of(a, "CONFPART")[0]["should_start"], false);
}

#[test]
fn who_joins_again_without_update_gets_a_setup() {
    let mut bench = Bench::new();
    let [old, b] = bench.conference(["A", "B"]);
    let id = bench.connect("A", false);
    let a = bench.opened();
    bench.input(Input::OfferReady { leg: a, sdp: "v=0".into() });
    assert_eq!(offer_of(&bench, id)["type"], "SETUP");
    bench.answer("A");
    bench.open(a);
    assert!(bench.closed(old));
    bench.advance(A_WHILE);
    assert_eq!(bench.listed(b), ["B", "A"]);
    assert_eq!(bench.core.totals().participants_total, 2, "the same participant");
}

#[test]
fn events_of_the_old_transport_mean_nothing() {
    let mut bench = Bench::new();
    let [old, b] = bench.conference(["A", "B"]);
    let a = bench.offer("A", true);
    bench.answer("A");
    bench.input(Input::Connected { leg: a });
    bench.take();
    bench.input(Input::ChannelClosed { leg: old });
    bench.input(Input::TransportFailed { leg: old, reason: "late".into() });
    bench.input(Input::ChannelMessage { leg: old, data: b"{}".to_vec() });
    assert!(bench.take().is_empty());
    assert_eq!(bench.view().legs.len(), 2);
    assert!(!bench.closed(b));
}

/// The others still have it in their list.
#[test]
fn who_does_not_come_back_is_taken_off_the_list() {
    let mut bench = Bench::new();
    let [old, b] = bench.conference(["A", "B"]);
    let a = bench.offer("A", true);
    bench.input(Input::ChannelClosed { leg: old });
    bench.advance(A_WHILE);
    assert!(bench.sent_of(b, "CONFPART").is_empty(), "it may come back");
    bench.advance(Duration::from_secs(10));
    assert!(bench.closed(a));
    assert_eq!(bench.listed(b), ["B"]);
}

#[test]
fn the_only_member_may_reconnect_without_ending_the_conference() {
    let mut bench = Bench::new();
    let old = bench.enter("A");
    bench.advance(A_WHILE);
    let conference = bench.view().conference;
    let a = bench.offer("A", true);
    bench.input(Input::ChannelClosed { leg: old });
    assert!(bench.closed(old) && !bench.forgot());
    bench.answer("A");
    bench.open(a);
    assert_eq!(bench.view().conference, conference);
    let starts = bench.out.iter().filter(|output| matches!(output, Output::Start { .. })).count();
    assert_eq!(starts, 2);
}

/// Whoever knows a name can ask for an offer and post an answer. Without DTLS that takes nothing away.
#[test]
fn a_reconnection_that_comes_to_nothing_harms_nobody() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    let table = bench.table().clone();
    for again in [true, false] {
        let forged = bench.offer("A", again);
        bench.answer("A");
        bench.input(Input::TransportFailed { leg: forged, reason: "fingerprint".into() });
        assert!(bench.closed(forged));
    }
    let forged = bench.offer("A", true);
    bench.advance(Duration::from_secs(10));
    assert!(bench.closed(forged) && !bench.closed(a));
    assert!(bench.sent_of(b, "CONFPART").is_empty());
    assert_eq!(*bench.table(), table);
    assert_eq!((bench.hearers(a), bench.hearers(b)), (vec![b], vec![a]));
}

/// The client answers the last offer that it got.
#[test]
fn who_asks_twice_for_an_offer_gets_a_second_one_in_place_of_the_first() {
    let mut bench = Bench::new();
    let [old, _] = bench.conference(["A", "B"]);
    let first = bench.offer("A", true);
    let second = bench.offer("A", true);
    assert!(bench.closed(first) && !bench.closed(old));
    bench.answer("A");
    bench.open(second);
    assert!(bench.closed(old));
    assert_eq!(bench.view().legs.len(), 2);
}

#[test]
fn who_hangs_up_while_it_reconnects_is_gone() {
    let mut bench = Bench::new();
    let [old, b] = bench.conference(["A", "B"]);
    let a = bench.offer("A", true);
    bench.say(old, &crate::support::message("HANGUP", false, json!({})));
    assert!(bench.closed(old) && bench.closed(a));
    bench.advance(A_WHILE);
    assert_eq!(bench.listed(b), ["B"]);
}

/// Its browser may use the same number again.
#[test]
fn the_ssrc_of_the_leg_that_it_replaces_is_its_own() {
    let mut bench = Bench::new();
    let [old, _] = bench.conference(["A", "B"]);
    let ssrc = bench.view().legs[0].audio_ssrc.unwrap();
    let leg = bench.offer("A", true);
    let id = bench
        .post(crate::support::GROUP, &crate::support::setup("A", &crate::support::answer_sdp(ssrc, None)));
    assert_eq!(bench.status(id), 200);
    bench.open(leg);
    assert!(bench.closed(old));
}
