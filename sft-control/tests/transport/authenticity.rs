//! Addresses are learned from authentic STUN, and a pair is proven only by the answer to a check that went
//! there.

use std::{
    cell::RefCell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use crate::support::{Datagram, World, behind_nat, direct};
use is::stun::StunMessage;
use sft_common::drops::DropReason;
use sft_control::{core::table::LegId, dataplane::Tuple};

const CLIENT: &str = "198.51.100.7:40000";
const SERVER: &str = "192.0.2.1:8586";

fn attacker() -> SocketAddr {
    "203.0.113.66:6666".parse().unwrap()
}

fn server() -> SocketAddr {
    SERVER.parse().unwrap()
}

/// A world with one connected leg, and all STUN that its client sent.
fn observed() -> (World, LegId, Vec<Vec<u8>>) {
    let mut world = World::new();
    let log = Rc::new(RefCell::new(Vec::new()));
    let written = log.clone();
    world.passes = Box::new(move |datagram: &Datagram| {
        if !datagram.down && datagram.data[0] < 4 {
            written.borrow_mut().push(datagram.data.clone());
        }
        true
    });
    let leg = world.connected(1, &[direct(CLIENT)]);
    let stun = log.borrow().clone();
    (world, leg, stun)
}

fn only_pair(world: &World, leg: LegId) -> bool {
    let pairs = world.legs[&leg].validated();
    pairs.len() == 1 && pairs[0].1.remote.to_string() == CLIENT && world.legs[&leg].selected().len() == 1
}

#[test]
fn replayed_answers_prove_nothing() {
    let (mut world, leg, stun) = observed();
    let answer = |data: &&Vec<u8>| StunMessage::parse(data).unwrap().is_successful_binding_response();
    for data in stun.iter().filter(answer) {
        world.arrive(attacker(), server(), data);
        assert_eq!(world.drops.pop(), Some(DropReason::BadStun));
    }
    world.run(Duration::from_secs(5));
    assert!(only_pair(&world, leg));
}

#[test]
fn an_answer_counts_only_from_where_the_check_went() {
    let mut world = World::new();
    let leg = world.join(1, &[direct(CLIENT)]);
    // Somebody on the way sends the client's answers from elsewhere, before the client's own arrive.
    let log = Rc::new(RefCell::new(Vec::new()));
    let written = log.clone();
    world.passes = Box::new(move |datagram: &Datagram| {
        let answer = StunMessage::parse(&datagram.data);
        let stolen = !datagram.down && answer.is_ok_and(|answer| answer.is_successful_binding_response());
        if stolen {
            written.borrow_mut().push(datagram.data.clone());
        }
        !stolen
    });
    for _ in 0..20 {
        world.run(Duration::from_millis(50));
        for data in log.borrow_mut().drain(..) {
            world.arrive(attacker(), server(), &data);
            assert_eq!(world.drops.pop(), Some(DropReason::BadStun));
        }
    }
    assert_eq!(world.legs[&leg].validated(), []);
    assert_eq!(world.legs[&leg].selected(), []);
}

#[test]
fn a_replayed_check_is_answered_but_proves_nothing() {
    let (mut world, leg, stun) = observed();
    let check = stun.iter().rfind(|data| StunMessage::parse(data).unwrap().is_binding_request()).unwrap();
    let drops = world.drops.len();
    world.arrive(attacker(), server(), check);
    assert_eq!(world.drops.len(), drops);
    world.run(Duration::from_secs(40));
    assert!(only_pair(&world, leg), "{:?}", world.legs[&leg].validated());
    assert!(world.legs[&leg].failure().is_none());
    // Media from there is nobody's.
    let tuple = Tuple { local: server(), remote: attacker() };
    assert_eq!(world.demux.lookup(tuple, &[128, 111, 0, 0]), Err(DropReason::UnknownTuple));
}

#[test]
fn one_client_cannot_take_another_ones_pair() {
    let mut world = World::new();
    let victim = world.connected(1, &[behind_nat("192.168.1.5:50000", CLIENT)]);
    let thief = world.connected(2, &[direct("203.0.113.66:6666")]);
    // The thief sends its checks with the victim's address, and cannot see what is answered.
    let links = world.clients[&thief].links.clone();
    let link = crate::support::Link { outer: CLIENT.parse().unwrap(), ..links[0] };
    world.clients.get_mut(&thief).unwrap().links = vec![link];
    let to_victim = world.clients[&victim].links[0].own;
    world.passes = Box::new(move |_| true);
    for _ in 0..30 {
        // Both would get what is sent to the address; only the victim does.
        let (mut thiefs, outer) = (world.clients.remove(&thief).unwrap(), link);
        world.run(Duration::from_millis(500));
        thiefs.handle_timeout(world.now);
        for (_, to, data) in thiefs.outbox.drain(..) {
            world.arrive(outer.outer, to, &data);
        }
        world.clients.insert(thief, thiefs);
    }
    assert_eq!(world.legs[&thief].validated().len(), 1);
    let tuple = Tuple { local: server(), remote: CLIENT.parse().unwrap() };
    assert_eq!(world.demux.lookup(tuple, &[128, 111, 0, 0]), Ok(victim));
    assert_eq!(world.demux.lookup(tuple, &[22, 254, 253]), Ok(victim));
    assert!(to_victim.is_ipv4());
}

#[test]
fn dtls_of_strangers_is_not_taken() {
    let (mut world, leg, _) = observed();
    let now = Instant::now();
    let tuple = Tuple { local: server(), remote: attacker() };
    world.with(leg, |transport| {
        assert_eq!(transport.receive(tuple, &[22, 254, 253, 0, 0], now), Err(DropReason::BadDtls));
        let elsewhere = Tuple { local: attacker(), remote: CLIENT.parse().unwrap() };
        assert_eq!(transport.receive(elsewhere, &[22, 254, 253, 0, 0], now), Err(DropReason::UnknownTuple));
    });
}
