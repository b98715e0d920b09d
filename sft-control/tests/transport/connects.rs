//! A client connects: pairs, keys and the channel come in an order that the data plane can rely on.

use std::time::Duration;

use crate::support::{World, direct};
use sft_control::{sdp::Setup, transport::TransportEvent};

const CLIENT: &str = "198.51.100.7:40000";
/// Content type of the record with which a side's last flight of DTLS 1.2 starts.
const CHANGE_CIPHER_SPEC: u8 = 20;

/// Places in the order of events.
fn place(world: &World, leg: u32, what: impl Fn(&TransportEvent) -> bool) -> usize {
    let leg = &world.legs[&sft_control::core::table::LegId(leg)];
    leg.events.iter().position(|(_, event)| what(event)).expect("the event came")
}

#[test]
fn the_channel_opens_and_carries_messages_both_ways() {
    for setup in [Setup::Active, Setup::Passive] {
        let mut world = World::new();
        let leg = world.offer(1);
        world.client(leg, &[direct(CLIENT)], setup);
        let answer = world.answer(leg);
        world.start(leg, &answer);
        assert!(world.run_until(Duration::from_secs(2), |world| world.is_open(leg)), "{setup:?}");
        let (_, label) = world.clients[&leg].channel.clone().unwrap();
        assert_eq!(label, "calling-3.0");

        world.send(leg, "{\"type\":\"CONFPART\"}");
        world.send(leg, "{\"type\":\"PING\"}");
        world.clients.get_mut(&leg).unwrap().send("{\"resp\":true}");
        world.run(Duration::from_millis(100));
        assert_eq!(world.clients[&leg].messages, ["{\"type\":\"CONFPART\"}", "{\"type\":\"PING\"}"]);
        assert_eq!(world.legs[&leg].messages(), ["{\"resp\":true}"]);
        assert_eq!(world.drops, []);
    }
}

#[test]
fn a_direct_client_connects_within_six_round_trips() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    let opened =
        world.legs[&leg].events.iter().find(|(_, event)| matches!(event, TransportEvent::ChannelOpen));
    let (opened, _) = opened.unwrap();
    // Check, two of DTLS, two of SCTP, one of DCEP; the agent paces its checks by 50 ms.
    assert!(*opened <= 12 * crate::support::LATENCY + Duration::from_millis(100), "{opened:?}");
}

#[test]
fn events_come_in_order() {
    let mut world = World::new();
    world.connected(1, &[direct(CLIENT)]);
    let validated = place(&world, 1, |event| matches!(event, TransportEvent::Validated(_)));
    let selected = place(&world, 1, |event| matches!(event, TransportEvent::Selected(_)));
    let keys = place(&world, 1, |event| matches!(event, TransportEvent::Keys(_)));
    let open = place(&world, 1, |event| matches!(event, TransportEvent::ChannelOpen));
    let last_flight = place(
        &world,
        1,
        |event| matches!(event, TransportEvent::Transmit { data, .. } if data.first() == Some(&CHANGE_CIPHER_SPEC)),
    );
    assert!(validated < selected && selected < keys && keys < last_flight && last_flight < open);
}

#[test]
fn the_pair_is_the_one_that_the_sockets_see() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    let tuple = world.legs[&leg].selected()[0].1;
    assert_eq!(tuple.local, world.media[0].local);
    assert_eq!(tuple.remote.to_string(), CLIENT);
    assert_eq!(world.legs[&leg].validated().len(), 1);
    assert_eq!(world.legs[&leg].selected().len(), 1);
}
