//! Legs that do nothing cost next to nothing.

use std::time::Duration;

use crate::support::{World, direct};

#[test]
fn an_offer_without_an_answer_has_no_timer() {
    let mut world = World::new();
    let leg = world.offer(1);
    world.run(Duration::from_secs(600));
    assert_eq!(world.legs[&leg].timeouts, 0);
}

#[test]
fn a_connected_leg_wakes_less_than_once_a_second() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct("198.51.100.7:40000")]);
    world.run(Duration::from_secs(10));
    let (timeouts, events) = (world.legs[&leg].timeouts, world.legs[&leg].events.len());
    world.run(Duration::from_secs(100));
    let timeouts = world.legs[&leg].timeouts - timeouts;
    let events = world.legs[&leg].events.len() - events;
    assert!(timeouts <= 100, "{timeouts}");
    // A check and an answer every 3 s.
    assert!(events <= 70, "{events}");
}
