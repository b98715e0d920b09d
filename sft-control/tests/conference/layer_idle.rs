//! A layer that stops sending is given up for the other one (sft-protocol.md 10.5).
use std::time::Duration;

use serde_json::json;
use sft_control::core::table::{Layer, LegId};

use crate::support::{A_WHILE, Bench};

/// A watches B under this quality, and its slot is at run 1.
fn watching(quality: u8) -> (Bench, LegId, LegId) {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.learn(b);
    bench.select(a, &[("B", quality)]);
    bench.reach(a, 0, 1);
    bench.advance(A_WHILE * 10);
    bench.take();
    (bench, a, b)
}

fn idle(bench: &mut Bench, leg: LegId, layer: Layer, ms: u64) {
    bench.idle(leg, layer, Duration::from_millis(ms));
}

#[test]
fn a_silent_high_layer_gives_way_and_comes_back() {
    let (mut bench, a, b) = watching(2);
    idle(&mut bench, b, Layer::High, 799);
    assert_eq!(bench.shown(a, 0), [(b, Layer::High, 1)]);
    idle(&mut bench, b, Layer::High, 800);
    assert_eq!(bench.shown(a, 0), [(b, Layer::High, 1), (b, Layer::Low, 2)]);
    bench.reach(a, 0, 2);
    idle(&mut bench, b, Layer::High, 0);
    assert_eq!(bench.shown(a, 0), [(b, Layer::Low, 2), (b, Layer::High, 3)]);
}

/// Who shares a screen sends no low layer at all.
#[test]
fn a_silent_low_layer_gives_way_too() {
    let (mut bench, a, b) = watching(1);
    idle(&mut bench, b, Layer::Low, 5000);
    assert_eq!(bench.shown(a, 0), [(b, Layer::Low, 1), (b, Layer::High, 2)]);
}

#[test]
fn while_neither_layer_sends_nothing_changes() {
    for quality in [1, 2] {
        let (mut bench, a, b) = watching(quality);
        let shown = bench.shown(a, 0);
        let preferred = shown[0].1;
        let other = if preferred == Layer::High { Layer::Low } else { Layer::High };
        idle(&mut bench, b, other, 900);
        idle(&mut bench, b, preferred, 900);
        assert_eq!(bench.shown(a, 0), shown, "{quality}");
        bench.advance(Duration::from_secs(5));
        assert!(bench.asked().is_empty(), "nobody is there to be asked");
    }
}

/// It has fallen back, and then the other layer stops too: a switch to either would wait for ever.
#[test]
fn a_layer_that_was_fallen_back_to_stays() {
    let (mut bench, a, b) = watching(2);
    idle(&mut bench, b, Layer::High, 900);
    bench.reach(a, 0, 2);
    idle(&mut bench, b, Layer::Low, 900);
    assert_eq!(bench.shown(a, 0), [(b, Layer::Low, 2)]);
}

/// Frames of a shared screen are rare.
#[test]
fn a_screen_may_pause_for_three_seconds() {
    let (mut bench, a, b) = watching(2);
    bench.propsync(b, json!({ "screensend": "true" }));
    idle(&mut bench, b, Layer::High, 2999);
    assert_eq!(bench.shown(a, 0), [(b, Layer::High, 1)]);
    idle(&mut bench, b, Layer::High, 3000);
    assert_eq!(bench.shown(a, 0).len(), 2);
}

#[test]
fn the_end_of_a_shared_screen_counts_at_once() {
    let (mut bench, a, b) = watching(2);
    bench.propsync(b, json!({ "screensend": "true" }));
    idle(&mut bench, b, Layer::High, 1000);
    bench.propsync(b, json!({ "screensend": "false" }));
    bench.advance(A_WHILE);
    assert_eq!(bench.shown(a, 0).len(), 2);
}
