//! The kernel lane where some clients are on a VLAN and some are not.
//!
//! Needs a kernel with 802.1Q interfaces; elsewhere only the last test says something. Legs below 10 are untagged; the others are reached over the VLAN interface. Even ones have IPv6.

use crate::support::{
    conference::{PORT, transmit_key},
    kernel::{monotonic_ns, skip},
    lane::{drops, leg_of, load, mount_bpf, pin_dir},
    packet::{Endpoint, Header, frame, tagged},
    sender::{Extras, Sender},
    tables::{CONFERENCE, FIRST_INDEX, csrc, everybody, keys, profile, v6},
    wire::{SERVER, Wire, run},
};
use sft_common::maps::name;
use sft_control::{
    core::table::LegId,
    dataplane::{
        Lane, LaneError, Tuple,
        xdp::{KernelLane, LoadError, Settings, dump::PinnedMaps},
    },
    netlink::strips_vlan_tags,
};

const VLAN: u16 = 100;
const SERVER_VLAN: &str = "server.100";
const LEGS: [u32; 4] = [1, 2, 11, 12];

fn on_vlan(leg: u32) -> bool {
    leg >= 10
}

/// Our end of a leg.
fn ours(leg: u32) -> Endpoint {
    let address = match (on_vlan(leg), v6(leg)) {
        (false, false) => "192.0.2.1",
        (false, true) => "[2001:db8::1]",
        (true, false) => "198.51.100.1",
        (true, true) => "[2001:db8:64::1]",
    };
    Endpoint::new([2, 0, 0, 0, 0, 1], &format!("{address}:{PORT}"))
}

/// The other end of a leg.
fn theirs(leg: u32) -> Endpoint {
    let (mac, address) = match (on_vlan(leg), v6(leg)) {
        (false, false) => (2, "192.0.2.2"),
        (false, true) => (2, "[2001:db8::2]"),
        (true, false) => (3, "198.51.100.2"),
        (true, true) => (3, "[2001:db8:64::2]"),
    };
    Endpoint::new([2, 0, 0, 0, 0, mac], &format!("{address}:{}", 10_000 + leg))
}

fn join(lane: &mut KernelLane, leg: u32, local: Endpoint) -> Result<(), LaneError> {
    let tuple = Tuple { local: local.socket, remote: theirs(leg).socket };
    lane.install_leg(CONFERENCE, LegId(leg), &keys(leg))?;
    lane.accept_tuple(LegId(leg), tuple)?;
    lane.select_tuple(LegId(leg), tuple)
}

fn settings(interfaces: &[&str], legs: &[u32]) -> Settings {
    Settings {
        interfaces: interfaces.iter().map(|&name| name.into()).collect(),
        media: legs.iter().map(|&leg| ours(leg).socket).collect(),
        pin_dir: Some(pin_dir()),
        legs: 16,
        keystream: 8 << 20,
    }
}

/// A wire with the VLAN on it; `None` where the kernel has no VLANs.
fn wire() -> Option<Wire> {
    mount_bpf();
    let wire = Wire::new();
    wire.add_addresses();
    wire.add_neighbours();
    run("ethtool", &["-K", SERVER, "rxvlan", "off"]);
    if !wire.add_vlan(VLAN, &["198.51.100.1/24", "2001:db8:64::1/64"]) {
        skip("this kernel has no 802.1Q");
        return None;
    }
    for address in ["198.51.100.2", "2001:db8:64::2"] {
        let neighbour = [address, "lladdr", "02:00:00:00:00:03", "dev", SERVER_VLAN, "nud", "permanent"];
        run("ip", &[&["neighbour", "replace"], &neighbour[..]].concat());
    }
    Some(wire)
}

fn vlan(leg: u32) -> u16 {
    if on_vlan(leg) { VLAN } else { 0 }
}

fn send(wire: &Wire, sender: &Sender, index: u64, payload: &[u8]) {
    let packet = sender.packet(index, Extras { level: Some(20), ..Extras::default() }, payload);
    let frame = frame(&theirs(sender.leg), &ours(sender.leg), &packet);
    wire.send(&if on_vlan(sender.leg) { tagged(frame, VLAN) } else { frame });
}

fn start(settings: &Settings, legs: &[u32]) -> KernelLane {
    let mut lane = load(settings).unwrap();
    lane.renew_lease(monotonic_ns());
    for &leg in legs {
        join(&mut lane, leg, ours(leg)).unwrap();
    }
    lane.publish(&everybody(legs)).unwrap();
    lane
}

fn others(leg: u32) -> Vec<u32> {
    LEGS.into_iter().filter(|&other| other != leg).collect()
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn copies_leave_on_the_vlan_of_their_receiver() {
    let Some(wire) = wire() else { return };
    // The interface is found by its VLAN's address.
    let lane = start(&settings(&[], &[11, 12, 1, 2]), &LEGS);
    let packets = 20;
    for number in 0..packets {
        for sender in LEGS {
            let payload = format!("packet {number} of leg {sender}").into_bytes();
            send(&wire, &Sender::audio(sender), number, &payload);
            let mut legs = others(sender);
            for copy in wire.receive_all(legs.len()) {
                let leg = leg_of(&copy);
                legs.retain(|other| *other != leg);
                assert_eq!((copy.vlan, copy.from, copy.to), (vlan(leg), ours(leg), theirs(leg)));
                let (header, length) = Header::read(&copy.payload);
                let opened =
                    transmit_key(leg, profile(leg)).open(&copy.payload, length, FIRST_INDEX + number);
                assert_eq!((opened, header.csrcs), (Some(payload.clone()), vec![csrc(sender)]));
            }
            assert!(legs.is_empty(), "no copy for {legs:?}");
        }
    }
    assert!(wire.waiting().is_none(), "a copy too many");
    assert_eq!(drops(&lane), []);
    let counters = lane.counters();
    assert_eq!((counters.rtp_received, counters.rtp_passed), (4 * packets, 0));
    assert_eq!(counters.audio_copies, 4 * 3 * packets);

    let pinned = PinnedMaps::open(&pin_dir()).unwrap();
    let column = |map, column: usize| {
        let rows = pinned.table(map).unwrap().rows.into_iter();
        let mut cells: Vec<String> = rows.map(|row| row[column].clone()).collect();
        cells.sort();
        cells
    };
    assert_eq!(column(name::LOCAL, 1), ["100", "100", "untagged", "untagged"]);
    assert_eq!(column(name::PATHS, 6), ["100", "100", "untagged", "untagged"]);
    assert_eq!(column(name::PATHS, 5), vec![wire.interface.to_string(); 4]);
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn a_way_over_a_vlan_that_its_address_is_not_on_is_not_carried() {
    let Some(_wire) = wire() else { return };
    let mut lane = start(&settings(&[SERVER], &[1, 2, 11, 12]), &[1]);
    let error = join(&mut lane, 11, ours(1)).unwrap_err();
    assert!(matches!(error, LaneError::NotCarried { .. }), "{error}");
    assert!(error.to_string().contains(SERVER_VLAN), "{error}");
    assert_eq!(join(&mut lane, 11, ours(11)), Ok(()));
}

/// Programs would take such frames for untagged ones.
#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn vlans_whose_tags_are_stripped_are_left_to_userspace() {
    let Some(wire) = wire() else { return };
    run("ethtool", &["-K", SERVER, "rxvlan", "on"]);
    for named in [&[][..], &[SERVER], &[SERVER_VLAN]] {
        let error = load(&settings(named, &[11, 12])).err().expect("no address is left");
        assert!(matches!(&error, LoadError::TagsStripped(interface) if interface == SERVER), "{error}");
    }
    assert!(!wire.has_programs());
    let mut lane = start(&settings(&[], &[11, 12, 1, 2]), &[1, 2]);
    let local = PinnedMaps::open(&pin_dir()).unwrap().table(name::LOCAL).unwrap();
    assert!(local.rows.iter().all(|row| row[1] == "untagged") && local.rows.len() == 2);
    let error = join(&mut lane, 11, ours(11)).unwrap_err();
    assert!(matches!(error, LaneError::NotCarried { .. }), "{error}");
    drop(lane);
    run("ethtool", &["-K", SERVER, "rxvlan", "off"]);
    let mut lane = load(&settings(&[SERVER_VLAN], &[11, 12])).unwrap();
    assert_eq!(join(&mut lane, 11, ours(11)), Ok(()));
}

/// A VLAN inside a VLAN has two tags, which programs leave to the stack.
#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn a_vlan_on_a_vlan_is_not_carried() {
    let Some(_wire) = wire() else { return };
    run("ip", &["link", "add", "link", SERVER_VLAN, "name", "inner", "type", "vlan", "id", "7"]);
    let error = load(&settings(&["inner"], &[11])).err().expect("it has no native XDP");
    assert!(matches!(&error, LoadError::NotNative { interface, .. } if interface == "inner"), "{error}");
}

#[test]
#[ignore = "makes interfaces: needs root"]
fn the_machine_says_whether_tags_are_stripped() {
    let _wire = Wire::new();
    for (word, strips) in [("on", true), ("off", false)] {
        run("ethtool", &["-K", SERVER, "rxvlan", word]);
        assert_eq!(strips_vlan_tags(SERVER).unwrap(), strips);
    }
}
