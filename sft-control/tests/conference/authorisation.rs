//! Media flows between two members that authorise each other, and only then (sft-protocol.md 9.3).
use serde_json::json;

use crate::support::{A_WHILE, Bench, confpart, message};

#[test]
fn one_sided_authorisation_is_none() {
    let mut bench = Bench::new();
    let a = bench.enter("A");
    bench.advance(A_WHILE);
    let b = bench.enter("B");
    bench.advance(A_WHILE);
    assert!(bench.hearers(a).is_empty() && bench.hearers(b).is_empty());
    bench.authorise(a, &["B"]);
    bench.advance(A_WHILE);
    assert!(bench.hearers(a).is_empty() && bench.hearers(b).is_empty());
    bench.authorise(b, &["A"]);
    bench.advance(A_WHILE);
    assert_eq!((bench.hearers(a), bench.hearers(b)), (vec![b], vec![a]));
}

#[test]
fn a_stranger_neither_hears_nor_is_heard() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    let stranger = bench.enter("X");
    bench.advance(A_WHILE);
    bench.authorise_all(stranger);
    bench.learn(a);
    bench.select(stranger, &[("A", 2)]);
    bench.advance(A_WHILE);
    assert_eq!((bench.hearers(a), bench.hearers(b)), (vec![b], vec![a]));
    assert!(bench.hearers(stranger).is_empty() && bench.shown(stranger, 0).is_empty());
}

#[test]
fn a_new_list_replaces_the_earlier_one() {
    let mut bench = Bench::new();
    let [a, b, c] = bench.conference(["A", "B", "C"]);
    bench.learn(b);
    bench.select(a, &[("B", 2)]);
    assert!(!bench.shown(a, 0).is_empty());
    bench.authorise(a, &["C"]);
    bench.advance(A_WHILE);
    assert_eq!((bench.hearers(a), bench.hearers(b)), (vec![c], vec![c]));
    assert!(bench.shown(a, 0).is_empty());
}

#[test]
fn an_entry_that_is_not_authorised_is_none() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    let legs = bench.view().legs;
    let entry = json!({
        "userid": "B", "clientid": "_", "authorized": false,
        "ssrc_audio": legs[1].audio_ssrc.unwrap().to_string(), "ssrc_video": legs[1].video_ssrc.to_string()
    });
    bench.say(a, &confpart(&[entry]));
    bench.advance(A_WHILE);
    assert!(bench.hearers(a).is_empty() && bench.hearers(b).is_empty());
    assert!(bench.view().legs[0].authorises.is_empty());
}

/// Audio and video by themselves: what the entry does not name does not flow.
#[test]
fn only_the_ssrcs_that_were_named_are_accepted() {
    for (wrong, heard, seen) in [("ssrc_audio", false, true), ("ssrc_video", true, false)] {
        let mut bench = Bench::new();
        let [a, b] = bench.conference(["A", "B"]);
        bench.learn(b);
        let legs = bench.view().legs;
        let mut entry = json!({
            "userid": "B", "clientid": "_", "authorized": true,
            "ssrc_audio": legs[1].audio_ssrc.unwrap().to_string(), "ssrc_video": legs[1].video_ssrc.to_string()
        });
        entry[wrong] = "1".into();
        bench.say(a, &confpart(&[entry]));
        bench.select(a, &[("B", 2)]);
        bench.advance(A_WHILE);
        assert_eq!((!bench.hearers(b).is_empty(), !bench.shown(a, 0).is_empty()), (heard, seen), "{wrong}");
        assert_eq!(bench.hearers(a), [b], "the other direction names A's own SSRC");
    }
}

#[test]
fn names_of_nobody_mean_nothing() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    let entry = |user: &str, client: &str| json!({ "userid": user, "clientid": client, "authorized": true, "ssrc_audio": "1", "ssrc_video": "1" });
    bench.say(a, &confpart(&[entry("X", "_"), entry("B", "2"), entry("A", "_")]));
    bench.advance(A_WHILE);
    assert!(bench.hearers(a).is_empty() && bench.hearers(b).is_empty());
}

/// The list goes from the server to the client.
#[test]
fn a_list_that_is_no_response_is_ignored() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.say(a, &message("CONFPART", false, json!({ "participants": [] })));
    bench.advance(A_WHILE);
    assert_eq!(bench.hearers(b), [a]);
}

/// All members answer a list at once; a table for each answer would cost the cube of their number.
#[test]
fn many_authorisations_at_once_share_a_table() {
    let mut bench = Bench::new();
    let legs = ["A", "B", "C", "D"].map(|user| bench.enter(user));
    bench.advance(A_WHILE);
    bench.take();
    for leg in legs {
        bench.authorise_all(leg);
    }
    bench.advance(A_WHILE);
    assert!(bench.published() <= 2, "{}", bench.published());
    assert_eq!(bench.hearers(legs[0]), legs[1..]);
}
