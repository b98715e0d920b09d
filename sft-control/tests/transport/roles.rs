//! Roles of ICE: the server controls, whatever the client thinks of that.

use std::time::Duration;

use crate::support::{Client, World, behind_nat, direct};
use is::stun::StunMessage;
use sft_control::{core::table::LegId, sdp::Setup, transport::TransportEvent};

/// Connects a client that has been changed before it starts.
fn join(change: impl FnOnce(&mut Client)) -> (World, LegId) {
    let mut world = World::new();
    let leg = world.offer(1);
    world.client(leg, &[behind_nat("192.168.1.5:50000", "198.51.100.7:40000")], Setup::Active);
    change(world.clients.get_mut(&leg).unwrap());
    let answer = world.answer(leg);
    world.start(leg, &answer);
    assert!(world.run_until(Duration::from_secs(5), |world| world.is_open(leg)));
    (world, leg)
}

/// The roles in our checks: whether each was sent as the controlling side.
fn roles(world: &World, leg: LegId) -> Vec<bool> {
    let role = |event: &TransportEvent| match event {
        TransportEvent::Transmit { data, .. } => {
            let message = StunMessage::parse(data).ok()?;
            message.is_binding_request().then(|| message.ice_controlling().is_some())
        }
        _ => None,
    };
    world.legs[&leg].events.iter().filter_map(|(_, event)| role(event)).collect()
}

#[test]
fn the_server_controls() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct("198.51.100.7:40000")]);
    assert!(roles(&world, leg).into_iter().all(|controlling| controlling));
}

#[test]
fn a_client_that_wants_to_control_connects_and_is_followed() {
    let (mut yielded, mut kept) = (0, 0);
    // Random numbers decide who yields.
    while yielded == 0 || kept == 0 {
        let (mut world, leg) = join(|client| client.rtc.direct_api().set_ice_controlling(true));
        world.run(Duration::from_secs(10));
        match roles(&world, leg).last() {
            Some(true) => kept += 1,
            _ => yielded += 1,
        }
        assert!(yielded + kept < 100);
        let outer = "203.0.113.7:1111".parse().unwrap();
        world.clients.get_mut(&leg).unwrap().links[0].outer = outer;
        let follows = |world: &World| world.legs[&leg].selected().last().unwrap().1.remote == outer;
        assert!(world.run_until(Duration::from_secs(5), follows), "kept {kept}, yielded {yielded}");
        world.send(leg, "found you");
        world.run(Duration::from_secs(4));
        assert_eq!(world.clients[&leg].messages, ["found you"]);
    }
}

#[test]
fn a_lite_client_connects() {
    let mut world = World::new();
    let leg = world.offer(1);
    world.client(leg, &[direct("198.51.100.7:40000")], Setup::Active);
    world.clients.get_mut(&leg).unwrap().rtc.direct_api().set_ice_lite(true);
    let mut answer = world.answer(leg);
    answer.ice_lite = true;
    world.start(leg, &answer);
    assert!(world.run_until(Duration::from_secs(5), |world| world.is_open(leg)));
    world.run(Duration::from_secs(60));
    assert_eq!(world.legs[&leg].failure(), None);
}
