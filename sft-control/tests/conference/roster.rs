//! The participant list: who is in it, in which order, and when it is sent (sft-protocol.md 9.2).
use std::time::Duration;

use serde_json::{Value, json};
use sft_control::core::{Config, Input, Output, table::LegId};

use crate::support::{A_WHILE, Bench, GROUP, URL, answer_sdp, confconn, config, setup};

#[test]
fn the_first_is_told_to_start_and_is_in_its_own_list() {
    let mut bench = Bench::new();
    let a = bench.offer("A", false);
    bench.post(GROUP, &setup("A", &answer_sdp(4_000_000_001, None)));
    bench.open(a);
    let lists = bench.sent_of(a, "CONFPART");
    assert_eq!(lists.len(), 1);
    let list = &lists[0];
    assert_eq!(
        (&list["should_start"], &list["sessid"], &list["resp"]),
        (&json!(true), &json!(""), &json!(false))
    );
    assert_eq!(list["timestamp"], (bench.now.unix.as_millis() as u64).to_string());
    assert_eq!((&list["seqno"], &list["sfts"]), (&json!("1"), &json!([URL])));
    let entry = &list["participants"][0];
    assert_eq!((&entry["userid"], &entry["clientid"]), (&json!("A"), &json!("_")));
    assert_eq!((&entry["ssrc_audio"], &entry["timestamp"]), (&json!("4000000001"), &json!(0)));
    assert_eq!((&entry["authorized"], &entry["muted"]), (&json!(false), &json!(false)));
    let video: u32 = entry["ssrc_video"].as_str().unwrap().parse().unwrap();
    assert_eq!(video, bench.view().legs[0].video_ssrc);
}

#[test]
fn all_get_the_same_list_in_join_order() {
    let mut bench = Bench::new();
    let a = bench.enter("A");
    bench.advance(A_WHILE);
    bench.take();
    let b = bench.enter("B");
    let to = |leg| bench.sent_of(leg, "CONFPART").pop().unwrap();
    let (to_a, to_b) = (to(a), to(b));
    assert_eq!(to_a["participants"], to_b["participants"]);
    assert_eq!((bench.listed(a), &to_a["entropy"]), (vec!["A".into(), "B".into()], &to_b["entropy"]));
    assert_eq!(to_a["timestamp"], to_b["timestamp"]);
    assert_eq!((&to_a["seqno"], &to_b["seqno"]), (&json!("2"), &json!("2")), "one version");
    assert_eq!((&to_a["should_start"], &to_a["participants"][1]["timestamp"]), (&json!(false), &json!(1)));
}

#[test]
fn entropy_is_fresh_in_every_round() {
    let mut bench = Bench::new();
    let a = bench.enter("A");
    bench.advance(A_WHILE);
    bench.enter("B");
    let entropies: Vec<Value> =
        bench.sent_of(a, "CONFPART").iter().map(|list| list["entropy"].clone()).collect();
    assert_eq!(entropies.len(), 2);
    assert_ne!(entropies[0], entropies[1]);
    assert!(entropies.iter().all(|entropy| entropy.as_str().unwrap().len() == 24), "16 bytes");
}

/// Who asked first is first, even if its channel opens last.
#[test]
fn join_order_is_the_order_of_requests() {
    let mut bench = Bench::new();
    let a = bench.offer("A", false);
    let b = bench.enter("B");
    assert_eq!(bench.listed(b), ["B"]);
    bench.advance(A_WHILE);
    bench.answer("A");
    bench.open(a);
    assert_eq!(bench.listed(b), ["A", "B"]);
}

#[test]
fn nobody_is_told_to_start_twice() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.input(Input::ChannelClosed { leg: a });
    let list = bench.sent_of(b, "CONFPART").pop().unwrap();
    assert_eq!((bench.listed(b), &list["should_start"]), (vec!["B".into()], &json!(false)));
}

#[test]
fn who_leaves_is_taken_off_at_once() {
    let mut bench = Bench::new();
    let [a, b, c] = bench.conference(["A", "B", "C"]);
    bench.input(Input::TransportFailed { leg: b, reason: "ICE".into() });
    assert_eq!(
        (bench.listed(a), bench.listed(c)),
        (vec!["A".into(), "C".into()], vec!["A".into(), "C".into()])
    );
    assert!(bench.closed(b));
}

/// Those who are on their way are in no list, so their end changes none.
#[test]
fn who_never_arrived_is_not_missed() {
    let mut bench = Bench::new();
    let [a, _] = bench.conference(["A", "B"]);
    let c = bench.offer("C", false);
    bench.take();
    bench.input(Input::TransportFailed { leg: c, reason: "ICE".into() });
    bench.advance(A_WHILE);
    assert!(bench.sent(a).is_empty());
}

#[test]
fn mute_is_in_the_next_list_and_causes_none() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.propsync(a, json!({ "muted": "true" }));
    bench.advance(A_WHILE);
    assert!(bench.sent_of(b, "CONFPART").is_empty());
    bench.enter("C");
    let list = bench.sent_of(b, "CONFPART").pop().unwrap();
    let muted: Vec<&Value> = (0..3).map(|place| &list["participants"][place]["muted"]).collect();
    assert_eq!(muted, [&json!(true), &json!(false), &json!(false)]);
}

/// A list per newcomer would cost the square of their number, to each of them.
#[test]
fn many_who_come_at_once_share_a_list() {
    let mut bench = Bench::new();
    let a = bench.enter("A");
    let newcomers = ["B", "C", "D"].map(|user| bench.enter(user));
    assert_eq!(bench.sent_of(a, "CONFPART").len(), 1);
    bench.advance(A_WHILE);
    for newcomer in newcomers {
        assert_eq!(bench.sent_of(newcomer, "CONFPART").len(), 1, "not the list that was there before it");
        assert_eq!(bench.listed(newcomer), ["A", "B", "C", "D"]);
    }
    assert_eq!(bench.sent_of(a, "CONFPART").len(), 2);
    assert_eq!(bench.listed(a), ["A", "B", "C", "D"]);
}

/// Rounds are the rarer the larger the conference is: their lists are no more in a second, however many join in
/// it, and however many they are. Newcomers do not wait for rounds.
#[test]
fn a_mass_join_costs_a_number_of_lists_that_grows_with_the_members() {
    const MEMBERS: usize = 200;
    let mut bench = Bench::with(Config { max_legs: MEMBERS, max_conference_legs: MEMBERS, ..config() });
    let mut legs = Vec::new();
    for second in 0..4 {
        for user in 0..MEMBERS / 4 {
            legs.push(bench.enter(&format!("{second}-{user}")));
            bench.advance(Duration::from_millis(20));
        }
        assert!(legs.iter().rev().skip(10).all(|leg| bench.was_served(*leg)), "newcomers do not wait");
        let lists = bench.take().iter().filter(is_list).count();
        assert!(lists <= 250 + MEMBERS / 4, "{lists} lists in a second");
    }
    bench.advance(A_WHILE * 30);
    for leg in &legs {
        assert_eq!(bench.listed(*leg).len(), MEMBERS);
    }
}

fn is_list(output: &&Output) -> bool {
    matches!(output, Output::Send { message, .. } if message.contains("CONFPART"))
}

/// What everybody gets of a long list at the same instant would fill queues and keep the server from media.
#[test]
fn a_long_list_goes_out_in_portions_to_newcomers_first() {
    let mut bench = Bench::with(Config { max_legs: 200, max_conference_legs: 200, ..config() });
    let legs: Vec<LegId> = (0..150).map(|user| bench.enter(&format!("{user:032}"))).collect();
    bench.advance(A_WHILE * 30);
    bench.take();
    let newcomer = bench.enter("newcomer");
    let served =
        |bench: &Bench| legs.iter().filter(|leg| !bench.sent_of(**leg, "CONFPART").is_empty()).count();
    let at_once = served(&bench);
    assert!((1..100).contains(&at_once), "{at_once}");
    assert_eq!(bench.sent_of(newcomer, "CONFPART").len(), 1);
    // Whoever waits still when there is a newer version gets only that.
    bench.advance(Duration::from_millis(10));
    bench.input(Input::ChannelClosed { leg: legs[0] });
    bench.enter("another");
    bench.advance(A_WHILE * 2);
    let lists = |leg: &LegId| bench.sent_of(*leg, "CONFPART").len();
    assert!(legs[1..].iter().all(|leg| lists(leg) == 1));
    let newest = legs[1..].iter().filter(|leg| bench.listed(**leg).contains(&"another".into())).count();
    assert!((1..100).contains(&newest), "{newest}");
    bench.advance(A_WHILE * 30);
    assert!(legs[1..].iter().all(|leg| bench.listed(*leg).len() == 151));
}

#[test]
fn the_time_of_a_list_never_goes_back() {
    let mut bench = Bench::new();
    let a = bench.enter("A");
    bench.advance(A_WHILE);
    bench.now.unix -= Duration::from_secs(3600);
    bench.enter("B");
    let times: Vec<u64> = bench
        .sent_of(a, "CONFPART")
        .iter()
        .map(|list| list["timestamp"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(times.is_sorted() && times.len() == 2, "{times:?}");
}

#[test]
fn two_devices_of_one_hash_differ_by_client() {
    let mut bench = Bench::new();
    bench.enter("A");
    let mut request = confconn("A");
    request["src_clientid"] = "2".into();
    bench.post(GROUP, &request.to_string());
    assert_eq!(bench.view().legs.len(), 2);
}

#[test]
fn numbers_run_on_over_all_conferences() {
    let mut bench = Bench::new();
    let a = bench.enter("A");
    bench.post("other", &confconn("B").to_string());
    let b = bench.opened();
    bench.input(Input::OfferReady { leg: b, sdp: String::new() });
    bench.post("other", &setup("B", &answer_sdp(9, None)));
    bench.open(b);
    let number = |leg| bench.sent_of(leg, "CONFPART").pop().unwrap()["seqno"].clone();
    assert_eq!((number(a), number(b)), (json!("1"), json!("2")));
}
