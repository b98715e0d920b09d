//! Whatever arrives from anywhere, nothing panics, no other leg is touched, and a connected leg stays.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    time::Duration,
};

use crate::support::{Datagram, World, direct};
use proptest::prelude::*;
use sft_control::core::table::LegId;

const CLIENT: &str = "198.51.100.7:40000";
const OTHER: &str = "198.51.100.8:40000";

/// How to spoil a genuine datagram, or what to send instead of one.
#[derive(Clone, Debug)]
enum Spoiled {
    Overwritten { at: usize, with: Vec<u8> },
    Cut { to: usize },
    Extended { by: Vec<u8> },
    Replaced { by: Vec<u8> },
}

fn spoiled() -> impl Strategy<Value = Spoiled> {
    let bytes = || prop::collection::vec(any::<u8>(), 1..40);
    prop_oneof![
        (0_usize..700, bytes()).prop_map(|(at, with)| Spoiled::Overwritten { at, with }),
        (0_usize..700).prop_map(|to| Spoiled::Cut { to }),
        bytes().prop_map(|by| Spoiled::Extended { by }),
        // First bytes of every protocol on the port.
        (prop::sample::select(vec![0_u8, 1, 2, 3, 20, 21, 22, 23, 25, 63, 128, 191]), bytes())
            .prop_map(|(first, rest)| Spoiled::Replaced { by: [&[first], &rest[..]].concat() }),
        // A header of DTLS 1.2 in either epoch.
        (20_u8..26, 0_u8..2, bytes()).prop_map(|(kind, epoch, rest)| {
            let head = [kind, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 9, 0, rest.len() as u8];
            Spoiled::Replaced { by: [&head[..], &rest[..]].concat() }
        }),
    ]
}

impl Spoiled {
    fn apply(&self, genuine: &[u8]) -> Vec<u8> {
        let mut data = genuine.to_vec();
        match self {
            Spoiled::Overwritten { at, with } => {
                let at = at % data.len().max(1);
                let end = (at + with.len()).min(data.len());
                data[at..end].copy_from_slice(&with[..end - at]);
            }
            Spoiled::Cut { to } => data.truncate(*to),
            Spoiled::Extended { by } => data.extend(by),
            Spoiled::Replaced { by } => data = by.clone(),
        }
        data
    }
}

/// Collects what the clients send to the server.
fn tapped(world: &mut World) -> Rc<RefCell<Vec<Datagram>>> {
    let log = Rc::new(RefCell::new(Vec::new()));
    let written = log.clone();
    world.passes = Box::new(move |datagram: &Datagram| {
        if !datagram.down {
            written.borrow_mut().push(datagram.clone());
        }
        true
    });
    log
}

fn works(world: &mut World, leg: LegId, word: &str) {
    world.send(leg, word);
    world.run(Duration::from_secs(4));
    assert_eq!(world.clients[&leg].messages.last().map(String::as_str), Some(word));
    assert_eq!(world.legs[&leg].failure(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Garbage on a connected leg's own pair, as anybody can send who forges its address.
    #[test]
    fn a_connected_leg_outlives_garbage(garbage in prop::collection::vec((any::<prop::sample::Index>(), spoiled()), 1..30)) {
        let mut world = World::new();
        let log = tapped(&mut world);
        let leg = world.connected(1, &[direct(CLIENT)]);
        let other = world.connected(2, &[direct(OTHER)]);
        let genuine = log.borrow().clone();
        for (which, spoiled) in &garbage {
            let datagram = which.get(&genuine);
            let data = spoiled.apply(&datagram.data);
            // A genuine datagram once more is not garbage, but must not hurt either.
            world.arrive(datagram.from, datagram.to, &data);
            world.run(Duration::from_millis(10));
        }
        works(&mut world, leg, "still here");
        works(&mut world, other, "and I");
        prop_assert_eq!(world.legs[&leg].selected().len(), 1);
        prop_assert_eq!(world.legs[&other].selected().len(), 1);
    }

    /// Garbage while a leg connects may end that leg, but no other, and never the server.
    #[test]
    fn a_connecting_leg_endangers_no_other(
        garbage in prop::collection::vec((0_usize..16, spoiled()), 1..8),
    ) {
        let mut world = World::new();
        let bystander = world.connected(2, &[direct(OTHER)]);
        let leg = world.join(1, &[direct(CLIENT)]);
        let place = Rc::new(Cell::new(0));
        let spoils = Rc::new(RefCell::new(Vec::new()));
        let (counter, found) = (place.clone(), spoils.clone());
        let plan = garbage.clone();
        world.passes = Box::new(move |datagram: &Datagram| {
            if datagram.down || datagram.from.to_string() != CLIENT {
                return true;
            }
            for (_, spoiled) in plan.iter().filter(|(at, _)| *at == counter.get()) {
                found.borrow_mut().push((datagram.clone(), spoiled.apply(&datagram.data)));
            }
            counter.set(counter.get() + 1);
            true
        });
        for _ in 0..100 {
            world.run(Duration::from_millis(10));
            for (datagram, data) in spoils.borrow_mut().drain(..) {
                world.arrive(datagram.from, datagram.to, &data);
            }
        }
        works(&mut world, bystander, "not me");
        prop_assert_ne!(world.legs[&leg].failure(), Some("internal error of the WebRTC stack"));
    }

    /// SCTP of a client that went mad: it has the keys, so everything arrives.
    #[test]
    fn a_mad_client_ends_itself_at_most(packets in prop::collection::vec(sctp(), 1..12)) {
        let mut world = World::new();
        let bystander = world.connected(2, &[direct(OTHER)]);
        let leg = world.connected(1, &[direct(CLIENT)]);
        for packet in &packets {
            world.clients.get_mut(&leg).unwrap().inject(packet);
            world.run(Duration::from_millis(50));
        }
        works(&mut world, bystander, "not me");
        prop_assert_ne!(world.legs[&leg].failure(), Some("internal error of the WebRTC stack"));
    }
}

/// An SCTP packet (RFC 9260 section 3) with random chunks under a right checksum; the tag is set by the client.
fn sctp() -> impl Strategy<Value = Vec<u8>> {
    let chunk = (
        prop::sample::select(vec![0_u8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 64, 130, 192, 193]),
        any::<u8>(),
        prop::collection::vec(any::<u8>(), 0..60),
        -2_i16..3,
    );
    prop::collection::vec(chunk, 0..4).prop_map(|chunks| {
        let mut packet = vec![0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 0, 0, 0, 0];
        for (kind, flags, value, error) in chunks {
            let length =
                (value.len() as i16 + 4 + error.min(if value.len() % 3 == 0 { error } else { 0 })).max(0);
            packet.extend([kind, flags]);
            packet.extend(length.to_be_bytes());
            packet.extend(&value);
            packet.resize(packet.len().next_multiple_of(4), 0);
        }
        packet
    })
}

/// The mad client's packets do get through.
#[test]
fn an_abort_ends_the_leg_that_sent_it() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct(CLIENT)]);
    let abort = [0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 4];
    world.clients.get_mut(&leg).unwrap().inject(&abort);
    world.run(Duration::from_secs(1));
    assert!(world.legs[&leg].is_closed());
}

/// The guard around the stack must not be what keeps the tests above green.
#[test]
fn the_stack_itself_does_not_panic_on_short_input() {
    for first in [0_u8, 1, 20, 22, 23, 128] {
        for length in 0..80 {
            let data = vec![first; length];
            let parsed = catch_unwind(AssertUnwindSafe(|| {
                let from = CLIENT.parse().unwrap();
                let _ = str0m::net::Receive::new(str0m::net::Protocol::Udp, from, from, &data);
            }));
            assert!(parsed.is_ok(), "{first} {length}");
        }
    }
}
