//! Key frames are asked for when somebody waits for one, and no source is asked too often.
use std::time::Duration;

use sft_control::core::{
    Input,
    table::{Layer, LegId},
};

use crate::support::{Bench, high, low};

const THROTTLE: Duration = Duration::from_millis(500);

fn three() -> (Bench, [LegId; 3]) {
    let mut bench = Bench::new();
    let legs = bench.conference(["A", "B", "C"]);
    for leg in legs {
        bench.learn(leg);
    }
    bench.take();
    (bench, legs)
}

/// A watches C's high layer, which its slot 0 has reached; C has not been asked lately.
fn watching() -> (Bench, [LegId; 3]) {
    let (mut bench, legs) = three();
    bench.select(legs[0], &[("C", 2)]);
    bench.reach(legs[0], 0, 1);
    bench.advance(THROTTLE * 2);
    bench.take();
    (bench, legs)
}

#[test]
fn who_starts_to_watch_gets_one() {
    let (mut bench, [a, _, c]) = three();
    bench.select(a, &[("C", 2)]);
    assert_eq!(bench.asked(), [high(c)]);
    bench.take();
    bench.select(a, &[("C", 2), ("B", 1)]);
    assert_eq!(bench.asked(), [low(LegId(2))], "the slot that stays needs none");
}

#[test]
fn a_source_nobody_watches_is_never_asked() {
    let (mut bench, _) = three();
    bench.advance(Duration::from_secs(10));
    assert!(bench.asked().is_empty());
}

#[test]
fn it_is_asked_again_until_it_sends_one() {
    let (mut bench, [a, _, c]) = three();
    bench.select(a, &[("C", 2)]);
    bench.take();
    bench.advance(THROTTLE * 3);
    assert_eq!(bench.asked(), [high(c); 3]);
    bench.reach(a, 0, 1);
    bench.take();
    bench.advance(THROTTLE * 3);
    assert!(bench.asked().is_empty());
}

#[test]
fn many_who_start_at_once_share_one() {
    let (mut bench, [a, b, c]) = three();
    bench.select(a, &[("C", 2)]);
    bench.select(b, &[("C", 2)]);
    assert_eq!(bench.asked(), [high(c)]);
}

#[test]
fn a_receiver_that_asks_gets_one() {
    let (mut bench, [a, _, c]) = watching();
    bench.input(Input::KeyframeWanted { receiver: a, slot: 0 });
    assert_eq!(bench.asked(), [high(c)]);
    bench.advance(THROTTLE * 3);
    assert_eq!(bench.asked(), [high(c)], "once");
}

/// The first answer may have been sent before the loss that the second asks for.
#[test]
fn a_receiver_that_asks_too_soon_gets_one_later() {
    let (mut bench, [a, _, c]) = watching();
    for _ in 0..5 {
        bench.input(Input::KeyframeWanted { receiver: a, slot: 0 });
        bench.advance(Duration::from_millis(10));
    }
    assert_eq!(bench.asked(), [high(c)]);
    bench.take();
    bench.advance(THROTTLE);
    assert_eq!(bench.asked(), [high(c)]);
    bench.take();
    bench.advance(THROTTLE * 3);
    assert!(bench.asked().is_empty());
}

#[test]
fn a_slot_that_shows_nothing_asks_nobody() {
    let (mut bench, [a, b, _]) = watching();
    for (receiver, slot) in [(a, 1), (a, 200), (b, 0), (LegId(99), 0)] {
        bench.input(Input::KeyframeWanted { receiver, slot });
    }
    assert!(bench.asked().is_empty());
}

/// Asking a layer that is switched off would go on for ever.
#[test]
fn a_source_that_sends_nothing_is_not_asked_again() {
    let (mut bench, [a, _, c]) = three();
    bench.select(a, &[("C", 2)]);
    let idle = Duration::from_secs(1);
    for layer in [Layer::Low, Layer::High] {
        bench.idle(c, layer, idle);
    }
    bench.take();
    bench.advance(THROTTLE * 4);
    assert!(bench.asked().is_empty());
    bench.idle(c, Layer::High, Duration::ZERO);
    assert_eq!(bench.asked(), [high(c)], "it is back");
}

#[test]
fn who_left_is_not_asked() {
    let (mut bench, [a, _, c]) = three();
    bench.select(a, &[("C", 2)]);
    bench.input(Input::KeyframeWanted { receiver: a, slot: 0 });
    bench.input(Input::ChannelClosed { leg: c });
    bench.take();
    bench.advance(THROTTLE * 4);
    assert!(bench.asked().is_empty());
}
