//! What the original does instead, for comparison: periodic requests for key frames, and layer switches that wait
//! for none (sft-protocol.md 10.5, 11).
use std::time::Duration;

use sft_control::core::{Config, Input, Output, table::LegId};

use crate::support::{A_WHILE, Bench, config};

fn bench() -> (Bench, LegId, LegId) {
    let mut bench = Bench::with(Config { imitate_original: true, ..config() });
    let [a, b] = bench.conference(["A", "B"]);
    bench.learn(a);
    bench.learn(b);
    bench.advance(A_WHILE);
    bench.take();
    (bench, a, b)
}

#[test]
fn every_source_is_asked_each_second_whether_watched_or_not() {
    let (mut bench, a, b) = bench();
    bench.advance(Duration::from_secs(10));
    for leg in [a, b] {
        let asked = bench
            .out
            .iter()
            .filter(|output| matches!(output, Output::RequestKeyframe { leg: of, .. } if *of == leg));
        assert_eq!(asked.count(), 20, "two layers");
    }
}

#[test]
fn a_receiver_that_lost_its_picture_waits_like_all_others() {
    let (mut bench, a, _) = bench();
    bench.select(a, &[("B", 2)]);
    bench.take();
    bench.input(Input::KeyframeWanted { receiver: a, slot: 0 });
    assert!(bench.out.is_empty());
}

#[test]
fn a_layer_switch_waits_for_nothing() {
    let (mut bench, a, _) = bench();
    bench.select(a, &[("B", 2)]);
    let before = bench.shown(a, 0);
    bench.input(Input::SlotReached { receiver: a, slot: 0, run: before[0].2 });
    bench.advance(A_WHILE);
    bench.select(a, &[("B", 1)]);
    bench.advance(A_WHILE);
    let after = bench.shown(a, 0);
    assert_eq!(after.len(), 1, "the old layer is given up");
    assert!(after[0].1 != before[0].1 && after[0].2 > before[0].2);
    let table = bench.table();
    let mut subscriptions = table.sources.iter().flat_map(|source| source.reaches());
    assert!(subscriptions.all(|subscription| !subscription.from_keyframe));
}
