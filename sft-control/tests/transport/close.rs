//! Every end of a transport is noticed by the other side, or by time.

use std::time::Duration;

use crate::support::{LATENCY, World, direct};
use sft_control::transport::{SendError, TransportEvent};

const CLIENT: &str = "198.51.100.7:40000";

#[test]
fn the_client_hears_our_goodbye() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    let now = world.now;
    world.send(leg, "the last words");
    world.with(leg, |transport| transport.close(now));
    world.run(Duration::from_secs(1));
    assert_eq!(world.clients[&leg].messages, ["the last words"]);
    assert!(world.clients[&leg].closed);
    // It was ours, so there is nothing to report.
    assert!(!world.legs[&leg].is_closed());
    assert!(world.legs[&leg].failure().is_none());
    world.with(leg, |transport| assert_eq!(transport.send("more"), Err(SendError::NoChannel)));
    let before = world.legs[&leg].timeouts;
    world.run(Duration::from_secs(60));
    assert_eq!(world.legs[&leg].timeouts, before);
}

/// However much more that is than fits into one window.
#[test]
fn all_that_was_sent_arrives_before_the_goodbye() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    let now = world.now;
    let words: Vec<String> = (0..20).map(|number| format!("{number}").repeat(2_000)).collect();
    words.iter().for_each(|word| world.send(leg, word));
    world.with(leg, |transport| transport.close(now));
    world.run(Duration::from_secs(2));
    assert_eq!(world.clients[&leg].messages, words);
    assert!(world.clients[&leg].closed);
}

#[test]
fn the_goodbye_does_not_wait_for_ever() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    let now = world.now;
    world.passes = Box::new(|_| false);
    world.send(leg, "the last words");
    world.with(leg, |transport| {
        transport.close(now);
        assert!(!transport.is_over());
    });
    world.run(Duration::from_secs(2) + 3 * LATENCY);
    world.with(leg, |transport| assert!(transport.is_over()));
}

#[test]
fn who_asks_twice_says_goodbye_at_once() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    let now = world.now;
    world.send(leg, "the last words");
    world.with(leg, |transport| {
        transport.close(now);
        transport.close(now);
        assert!(transport.is_over());
    });
}

#[test]
fn the_clients_goodbye_is_reported_once() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    world.clients.get_mut(&leg).unwrap().rtc.close().unwrap();
    world.run(Duration::from_secs(2));
    let closed = |(_, event): &&(Duration, TransportEvent)| matches!(event, TransportEvent::ChannelClosed);
    assert_eq!(world.legs[&leg].events.iter().filter(closed).count(), 1);
    assert!(world.legs[&leg].failure().is_none());
}

#[test]
fn the_client_may_close_the_channel_alone() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    let client = world.clients.get_mut(&leg).unwrap();
    let (channel, _) = client.channel.clone().unwrap();
    client.rtc.direct_api().close_data_channel(channel);
    let now = world.now;
    client.handle_timeout(now);
    world.run(Duration::from_secs(2));
    assert!(world.legs[&leg].is_closed());
    world.with(leg, |transport| assert_eq!(transport.send("more"), Err(SendError::NoChannel)));
}

#[test]
fn a_client_that_vanishes_fails_after_30_seconds() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    world.run(Duration::from_secs(10));
    world.clients.remove(&leg);
    world.run(Duration::from_secs(20));
    assert_eq!(world.legs[&leg].failure(), None);
    assert!(world.run_until(Duration::from_secs(15), |world| world.legs[&leg].failure().is_some()));
    // Nothing more is sent to where nobody consents.
    let events = world.legs[&leg].events.len();
    world.run(Duration::from_secs(60));
    assert_eq!(world.legs[&leg].events.len(), events);
}

#[test]
fn an_interruption_of_20_seconds_is_survived() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    world.run(Duration::from_secs(10));
    world.passes = Box::new(|_| false);
    world.run(Duration::from_secs(20));
    world.passes = Box::new(|_| true);
    world.run(Duration::from_secs(30));
    assert_eq!(world.legs[&leg].failure(), None);
    world.send(leg, "still here");
    world.run(Duration::from_secs(5));
    assert_eq!(world.clients[&leg].messages, ["still here"]);
}

#[test]
fn an_offer_may_be_withdrawn() {
    let mut world = World::new();
    let leg = world.offer(1);
    let now = world.now;
    world.with(leg, |transport| transport.close(now));
    world.client(leg, &[direct(CLIENT)], sft_control::sdp::Setup::Active);
    let answer = world.answer(leg);
    world.start(leg, &answer);
    world.run(Duration::from_secs(2));
    assert!(world.legs[&leg].events.is_empty());
}
