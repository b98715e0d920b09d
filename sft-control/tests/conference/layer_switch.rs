//! A switch between the layers of a source happens at a key frame of the new layer, and the old one shows on
//! until then (sft-protocol.md 10.5).
use sft_control::core::table::{Layer, LegId};

use crate::support::{A_WHILE, Bench, high, low};

/// A watches B's high layer, which its slot 0 has reached under run 1.
fn watching() -> (Bench, LegId, LegId) {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.learn(b);
    bench.select(a, &[("B", 2)]);
    bench.reach(a, 0, 1);
    bench.advance(A_WHILE * 10);
    assert_eq!(bench.shown(a, 0), [(b, Layer::High, 1)]);
    bench.take();
    (bench, a, b)
}

#[test]
fn both_layers_are_subscribed_until_the_new_one_has_a_key_frame() {
    let (mut bench, a, b) = watching();
    bench.select(a, &[("B", 1)]);
    assert_eq!(bench.shown(a, 0), [(b, Layer::High, 1), (b, Layer::Low, 2)]);
    assert_eq!(bench.asked(), [low(b)]);
    bench.reach(a, 0, 2);
    assert_eq!(bench.shown(a, 0), [(b, Layer::Low, 2)]);
}

#[test]
fn a_switch_back_is_a_newer_run() {
    let (mut bench, a, b) = watching();
    bench.select(a, &[("B", 1)]);
    bench.reach(a, 0, 2);
    bench.select(a, &[("B", 0)]);
    assert_eq!(bench.shown(a, 0), [(b, Layer::Low, 2), (b, Layer::High, 3)]);
}

#[test]
fn a_switch_that_is_called_off_leaves_the_layer_on() {
    let (mut bench, a, b) = watching();
    bench.select(a, &[("B", 1)]);
    bench.select(a, &[("B", 2)]);
    assert_eq!(bench.shown(a, 0), [(b, Layer::High, 1)]);
}

/// The data plane was faster: it drops everything of the older run, so the layer needs a newer one.
#[test]
fn a_switch_that_was_called_off_too_late_is_undone() {
    let (mut bench, a, b) = watching();
    bench.select(a, &[("B", 1)]);
    bench.select(a, &[("B", 2)]);
    bench.take();
    bench.reach(a, 0, 2);
    assert_eq!(bench.shown(a, 0), [(b, Layer::High, 3)]);
    assert_eq!(bench.asked(), [high(b)]);
}

/// The same, while the switch is wanted again: the slot is at the run that was called off.
#[test]
fn a_switch_that_is_wanted_again_ends_at_its_own_run() {
    let (mut bench, a, b) = watching();
    for quality in [1, 2, 1] {
        bench.select(a, &[("B", quality)]);
    }
    bench.reach(a, 0, 2);
    assert_eq!(bench.shown(a, 0), [(b, Layer::High, 1), (b, Layer::Low, 3)]);
    bench.reach(a, 0, 3);
    assert_eq!(bench.shown(a, 0), [(b, Layer::Low, 3)]);
}

#[test]
fn before_anything_is_shown_there_is_nothing_to_show_on() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.learn(b);
    bench.select(a, &[("B", 2)]);
    bench.select(a, &[("B", 1)]);
    assert_eq!(bench.shown(a, 0), [(b, Layer::Low, 2)]);
}

#[test]
fn a_run_that_nobody_subscribed_with_is_not_believed() {
    let (mut bench, a, b) = watching();
    bench.reach(a, 0, 7);
    bench.reach(a, 9, 1);
    bench.reach(a, 0, 0);
    assert_eq!(bench.shown(a, 0), [(b, Layer::High, 1)]);
    let current = bench.view().legs[0].video_slots[0].current.unwrap();
    assert_eq!((current.leg, current.layer, current.run, current.reached), (b, Layer::High, 1, true));
}

#[test]
fn the_view_shows_what_a_slot_waits_for() {
    let (mut bench, a, b) = watching();
    bench.select(a, &[("B", 1)]);
    let slot = bench.view().legs[0].video_slots[0].clone();
    assert_eq!(slot.selected.as_deref(), Some("B"));
    let pending = slot.pending.unwrap();
    assert_eq!((pending.leg, pending.layer, pending.reached), (b, Layer::Low, false));
}
