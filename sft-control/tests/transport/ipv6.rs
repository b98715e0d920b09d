//! IPv6, alone and beside IPv4.

use crate::support::{World, direct};
use sft_control::transport::MediaAddress;

fn media(addresses: &[&str]) -> Vec<MediaAddress> {
    let own = |address: &&str| address.parse().unwrap();
    addresses.iter().map(own).map(|local| MediaAddress { local, advertised: local }).collect()
}

#[test]
fn a_client_connects_over_ipv6() {
    let mut world = World::at(&media(&["[2001:db8::1]:8586"]));
    let leg = world.connected(1, &[direct("[2001:db8:7::2]:40000")]);
    let tuple = world.legs[&leg].selected()[0].1;
    assert_eq!(tuple.local.to_string(), "[2001:db8::1]:8586");
    assert_eq!(tuple.remote.to_string(), "[2001:db8:7::2]:40000");
    world.send(leg, "six");
    world.run(crate::support::LATENCY * 3);
    assert_eq!(world.clients[&leg].messages, ["six"]);
}

#[test]
fn each_client_uses_the_family_it_has() {
    let mut world = World::at(&media(&["[2001:db8::1]:8586", "192.0.2.1:8586"]));
    let six = world.connected(6, &[direct("[2001:db8:7::2]:40000")]);
    let four = world.connected(4, &[direct("198.51.100.7:40000")]);
    let both = world.connected(10, &[direct("[2001:db8:7::3]:40000"), direct("198.51.100.8:40000")]);
    for leg in [six, four, both] {
        for (_, tuple) in world.legs[&leg].validated() {
            assert_eq!(tuple.local.is_ipv6(), tuple.remote.is_ipv6(), "{tuple:?}");
        }
    }
    assert!(world.legs[&six].selected()[0].1.remote.is_ipv6());
    assert!(world.legs[&four].selected()[0].1.remote.is_ipv4());
    assert_eq!(world.legs[&both].parameters.candidates.len(), 2);
}
