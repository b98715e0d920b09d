//! Media flows between two members that authorise each other, and only then (sft-protocol.md 9.3).
use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::json;
use sft_control::core::table::LegId;

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

/// A list for each of many members would be as long as all others together.
#[test]
fn members_of_a_large_conference_share_their_audience() {
    let mut bench = Bench::new();
    let legs: Vec<LegId> = (0..40).map(|user| bench.enter(&format!("{user:032}"))).collect();
    bench.advance(A_WHILE * 10);
    for leg in &legs {
        bench.authorise_all(*leg);
    }
    bench.advance(A_WHILE);
    let first = bench.audio(legs[0]).subscribers.clone();
    for leg in &legs {
        assert!(Arc::ptr_eq(&first, &bench.audio(*leg).subscribers));
        assert_eq!(bench.audio(*leg).reaches().count(), legs.len() - 1);
    }
    // One that is not authorised any more is off everybody's, and hears nobody.
    bench.authorise(legs[7], &[]);
    bench.advance(A_WHILE);
    assert_eq!((bench.audio(legs[7]).subscribers.len(), bench.audio(legs[8]).reaches().count()), (0, 38));
}

/// Nobody loses whom it reached, and all lists together stay within what the maps hold.
#[test]
fn while_authorisations_trickle_in_lists_are_bounded() {
    let mut bench = Bench::new();
    let count = 90;
    let user = |number: usize| format!("{number:032}");
    let legs: Vec<LegId> = (0..count).map(|number| bench.enter(&user(number))).collect();
    bench.advance(A_WHILE * 10);
    let mut reached = vec![0; count];
    for known in [count / 3, count / 2, count - 1, count] {
        for (number, leg) in legs.iter().enumerate() {
            // Each leaves out another one, so that no two lists are the same.
            let others = (0..known).filter(|other| *other != (number + 1) % count && *other != number);
            let others: Vec<String> = others.map(user).collect();
            bench.authorise(*leg, &others.iter().map(String::as_str).collect::<Vec<_>>());
            bench.advance(Duration::from_millis(30));
            let entries: HashMap<_, usize> = bench
                .table()
                .sources
                .iter()
                .map(|source| (source.subscribers.as_ptr(), source.subscribers.len()))
                .collect();
            assert!(entries.values().sum::<usize>() <= 32 * count);
        }
        for (leg, before) in legs.iter().zip(&mut reached) {
            let now = bench.audio(*leg).reaches().count();
            assert!(now >= *before, "{leg:?} reaches {now} after {before}");
            *before = now;
        }
    }
    for leg in &legs {
        bench.authorise_all(*leg);
    }
    bench.advance(A_WHILE);
    assert!(legs.iter().all(|leg| bench.audio(*leg).reaches().count() == count - 1));
}
