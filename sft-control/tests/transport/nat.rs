//! Addresses behind NATs, ours and the clients': sockets' own addresses inside, outer ones outside.

use std::time::Duration;

use crate::support::{Link, World, behind_nat};
use sft_control::{
    dataplane::Tuple,
    transport::{MediaAddress, TransportEvent},
};

fn address(local: &str, advertised: &str) -> MediaAddress {
    MediaAddress { local: local.parse().unwrap(), advertised: advertised.parse().unwrap() }
}

#[test]
fn a_server_behind_a_1_1_nat_names_its_outer_address_and_uses_its_own() {
    let mut world = World::at(&[address("10.0.0.5:8586", "192.0.2.1:8586")]);
    let leg = world.connected(1, &[behind_nat("192.168.1.5:50000", "198.51.100.7:40000")]);
    let entry = &world.legs[&leg];
    assert_eq!(entry.parameters.candidates, ["192.0.2.1:8586".parse().unwrap()]);
    let expected =
        Tuple { local: "10.0.0.5:8586".parse().unwrap(), remote: "198.51.100.7:40000".parse().unwrap() };
    let pairs = |pairs: Vec<(Duration, Tuple)>| pairs.into_iter().map(|(_, tuple)| tuple).collect::<Vec<_>>();
    assert_eq!(pairs(entry.validated()), [expected]);
    assert_eq!(pairs(entry.selected()), [expected]);
    for (_, event) in &entry.events {
        if let TransportEvent::Transmit { local, .. } = event {
            assert_eq!(*local, expected.local);
        }
    }
}

/// Two lines for one socket, as `-B` makes them.
#[test]
fn a_socket_may_be_advertised_twice() {
    let twice = [address("10.0.0.5:8586", "192.0.2.1:8586"), address("10.0.0.5:8586", "192.0.2.2:8586")];
    let mut world = World::at(&twice);
    let leg = world.connected(1, &[behind_nat("192.168.1.5:50000", "198.51.100.7:40000")]);
    assert_eq!(world.legs[&leg].parameters.candidates.len(), 2);
    assert_eq!(world.legs[&leg].selected()[0].1.local, twice[0].local);
}

#[test]
fn clients_with_the_same_inner_address_are_told_apart() {
    let mut world = World::new();
    let inner = "192.168.1.5:50000";
    let one = world.join(1, &[behind_nat(inner, "198.51.100.7:40000")]);
    let two = world.join(2, &[behind_nat(inner, "203.0.113.9:40000")]);
    assert!(world.run_until(Duration::from_secs(2), |world| world.is_open(one) && world.is_open(two)));
    world.send(one, "for one");
    world.send(two, "for two");
    world.run(Duration::from_millis(100));
    assert_eq!(world.clients[&one].messages, ["for one"]);
    assert_eq!(world.clients[&two].messages, ["for two"]);
}

#[test]
fn a_client_that_signals_no_address_connects() {
    let mut world = World::new();
    let hidden = Link { signalled: false, ..behind_nat("192.168.1.5:50000", "198.51.100.7:40000") };
    let leg = world.connected(1, &[hidden]);
    assert_eq!(world.legs[&leg].selected()[0].1.remote, hidden.outer);
}

/// The relay's address is in the answer, the outer address of the client's own is not.
#[test]
fn a_direct_path_is_preferred_to_a_signalled_relay() {
    let mut world = World::new();
    let relay = crate::support::direct("203.0.113.100:3000");
    let hidden = Link { signalled: false, ..behind_nat("192.168.1.5:50000", "198.51.100.7:40000") };
    let leg = world.connected(1, &[relay, hidden]);
    world.run(Duration::from_secs(2));
    let selected = world.legs[&leg].selected();
    assert_eq!(selected.last().unwrap().1.remote, hidden.outer, "{selected:?}");
}
