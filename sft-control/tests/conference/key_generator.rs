//! The first of the list has audio slot 0 to itself (sft-protocol.md 10.4).
use sft_control::core::{
    Input,
    table::{LegId, Media},
};

use crate::support::{A_WHILE, Bench};

/// Who holds slot 0 and under which run.
fn reserved(bench: &Bench) -> Vec<(LegId, u32)> {
    let runs = bench.table().sources.iter().filter_map(|source| match source.media {
        Media::Audio { reserved_run } => Some((source.leg, reserved_run?)),
        Media::Video { .. } => None,
    });
    runs.collect()
}

#[test]
fn the_first_holds_the_slot_while_others_come_and_go() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    let held = reserved(&bench);
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].0, a);
    bench.input(Input::ChannelClosed { leg: b });
    bench.enter("C");
    assert_eq!(reserved(&bench), held, "the same run");
}

#[test]
fn the_next_takes_over_under_a_newer_run() {
    let mut bench = Bench::new();
    let [a, b, c] = bench.conference(["A", "B", "C"]);
    let first = reserved(&bench)[0].1;
    bench.input(Input::ChannelClosed { leg: a });
    let second = reserved(&bench)[0];
    assert!(second.0 == b && second.1 > first);
    bench.input(Input::ChannelClosed { leg: b });
    let third = reserved(&bench)[0];
    assert!(third.0 == c && third.1 > second.1);
}

/// It reconnects and is no longer the first.
#[test]
fn who_reconnects_loses_the_slot() {
    let mut bench = Bench::new();
    let [_, b] = bench.conference(["A", "B"]);
    let first = reserved(&bench)[0].1;
    let a = bench.offer("A", true);
    bench.answer("A");
    bench.open(a);
    assert_eq!(reserved(&bench)[0].0, b);
    bench.advance(A_WHILE);
    assert_eq!(bench.listed(b), ["B", "A"]);
    let held = reserved(&bench)[0];
    assert!(held.0 == b && held.1 > first);
    assert_eq!(bench.view().key_generator, Some(b));
}

/// Who asked first is first once its channel opens.
#[test]
fn a_slow_first_one_takes_the_slot_when_it_arrives() {
    let mut bench = Bench::new();
    let a = bench.offer("A", false);
    let b = bench.enter("B");
    let early = reserved(&bench)[0];
    assert_eq!(early.0, b);
    bench.answer("A");
    bench.open(a);
    let late = reserved(&bench)[0];
    assert!(late.0 == a && late.1 > early.1);
}
