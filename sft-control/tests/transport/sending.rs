//! What can be sent on a channel, and what is refused.

use std::time::Duration;

use crate::support::{LATENCY, World, direct};
use sft_control::transport::{MAX_BACKLOG, MAX_MESSAGE, SendError};

const CLIENT: &str = "198.51.100.7:40000";

#[test]
fn nothing_can_be_sent_before_the_channel_is_open() {
    let mut world = World::new();
    let leg = world.offer(1);
    world.with(leg, |transport| assert_eq!(transport.send("early"), Err(SendError::NoChannel)));
    world.client(leg, &[direct(CLIENT)], sft_control::sdp::Setup::Active);
    let answer = world.answer(leg);
    world.start(leg, &answer);
    for _ in 0..20 {
        if !world.legs[&leg].is_open() {
            world.with(leg, |transport| assert_eq!(transport.send("early"), Err(SendError::NoChannel)));
        }
        world.run(Duration::from_millis(20));
    }
    // The refusals have not hurt it.
    assert!(world.run_until(Duration::from_secs(2), |world| world.is_open(leg)));
    world.send(leg, "in time");
    world.run(Duration::from_millis(100));
    assert_eq!(world.clients[&leg].messages, ["in time"]);
}

#[test]
fn the_longest_message_arrives_and_a_longer_one_is_refused() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    let longest = "ü".repeat(MAX_MESSAGE / 2);
    world.send(leg, &longest);
    let too_long = format!("{longest}.");
    world.with(leg, |transport| {
        let refused = SendError::TooLong { length: MAX_MESSAGE + 1, limit: MAX_MESSAGE };
        assert_eq!(transport.send(&too_long), Err(refused));
    });
    world.send(leg, "after it");
    world.run(Duration::from_secs(5));
    assert_eq!(world.clients[&leg].messages, [&*longest, "after it"]);
}

#[test]
fn a_client_that_says_what_it_takes_is_sent_no_more() {
    let mut world = World::new();
    let leg = world.offer(1);
    world.client(leg, &[direct(CLIENT)], sft_control::sdp::Setup::Active);
    let answer = sft_control::sdp::Answer { max_message: Some(1000), ..world.answer(leg) };
    world.start(leg, &answer);
    assert!(world.run_until(Duration::from_secs(2), |world| world.is_open(leg)));
    world.with(leg, |transport| {
        assert_eq!(transport.send(&"m".repeat(1001)), Err(SendError::TooLong { length: 1001, limit: 1000 }));
    });
    world.send(leg, &"m".repeat(1000));
    world.run(Duration::from_millis(100));
    assert_eq!(world.clients[&leg].messages.len(), 1);
}

#[test]
fn a_client_that_takes_nothing_is_noticed_and_memory_is_bounded() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    // SCTP is all that is lost, so the leg lives.
    world.passes = Box::new(|datagram| datagram.data[0] < 4);
    let message = "m".repeat(1000);
    let mut taken = 0;
    world.with(leg, |transport| {
        while transport.send(&message).is_ok() {
            taken += message.len();
        }
        assert_eq!(transport.send(&message), Err(SendError::Full));
    });
    assert!(taken <= MAX_BACKLOG && taken > MAX_BACKLOG / 2, "{taken}");
    world.passes = Box::new(|_| true);
    world.run(Duration::from_secs(20));
    assert_eq!(world.clients[&leg].messages.len(), taken / message.len());
}

#[test]
fn a_message_after_a_long_silence_leaves_at_once_and_once() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    world.run(Duration::from_secs(61));
    let before = world.legs[&leg].events.len();
    world.send(leg, "once");
    world.run(2 * LATENCY);
    assert_eq!(world.clients[&leg].messages, ["once"]);
    world.run(Duration::from_millis(900));
    let records = world.legs[&leg].events[before..].iter().filter(|(_, event)| match event {
        sft_control::transport::TransportEvent::Transmit { data, .. } => data[0] == 23,
        _ => false,
    });
    assert_eq!(records.count(), 1);
}
