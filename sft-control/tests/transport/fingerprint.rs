//! A client whose certificate is not the one of its answer gets neither keys nor a channel.

use std::time::Duration;

use crate::support::{World, direct};
use sft_control::sdp::Setup;

#[test]
fn a_wrong_fingerprint_ends_the_leg() {
    for setup in [Setup::Active, Setup::Passive] {
        let mut world = World::new();
        let leg = world.offer(1);
        world.client(leg, &[direct("198.51.100.7:40000")], setup);
        let mut answer = world.answer(leg);
        answer.fingerprint[31] ^= 1;
        world.start(leg, &answer);
        let failed = world.run_until(Duration::from_secs(2), |world| world.legs[&leg].failure().is_some());
        assert!(failed, "{setup:?}");
        let entry = &world.legs[&leg];
        assert!(entry.failure().unwrap().contains("fingerprint"), "{:?}", entry.failure());
        assert!(entry.keys().is_none() && !entry.is_open());
        // It is dead, and the others are not.
        let events = entry.events.len();
        let other = world.connected(2, &[direct("198.51.100.8:40000")]);
        world.run(Duration::from_secs(5));
        assert_eq!(world.legs[&leg].events.len(), events);
        assert!(world.legs[&other].failure().is_none());
    }
}

#[test]
fn values_that_no_check_can_carry_end_the_leg() {
    let mut world = World::new();
    let leg = world.offer(1);
    world.client(leg, &[direct("198.51.100.7:40000")], Setup::Active);
    let mut answer = world.answer(leg);
    answer.ufrag = "u".repeat(256);
    world.start(leg, &answer);
    assert_eq!(world.legs[&leg].failure(), Some("ice-ufrag of 256 bytes is too long"));
}
