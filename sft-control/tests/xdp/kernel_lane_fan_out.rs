//! More receivers than one broadcast reaches: the copies are made in stages.

use std::collections::{HashMap, HashSet};

use sft_common::{
    drops::DropReason::{StageExpired, WrongLane},
    flight::{Flight, LIFE, MAGIC, Metadata, Onward},
    list::List,
    maps::{Counter, LEG_PASS, LegControl, MAX_REPLICATION, name},
};
use sft_control::{
    core::table::{Layer, LegId},
    dataplane::Lane,
};

use crate::support::{
    conference::{SENDER, open_copy},
    kernel::{DROP, Kernel, monotonic_ns},
    lane::{Server, drops, leg_of},
    sender::Sender,
    tables::{FIRST_INDEX, everybody, profile, v6},
};

/// Sends a packet and opens what everybody else gets of it; returns the receivers in the order of their copies.
fn round(server: &Server, legs: &[u32], sender: &Sender, number: u64) -> Vec<u32> {
    let payload = format!("packet {number} for everybody").into_bytes();
    server.wire.send(&sender.loud(number, &payload));
    let copies = server.wire.receive_all(legs.len() - 1).into_iter();
    let order = copies.map(|copy| {
        let leg = leg_of(&copy);
        let (_, opened) = open_copy(&copy, leg, (profile(leg), v6(leg)), FIRST_INDEX + number);
        assert_eq!(opened, payload, "leg {leg}, packet {number}");
        leg
    });
    order.collect()
}

fn everybody_gets_everything(legs: &[u32], packets: u64) {
    let mut table = everybody(legs);
    // The rest would only talk.
    table.sources.retain(|source| source.leg == LegId(1));
    let server = Server::with_table(legs, &table);
    for sender in [Sender::video(1, Layer::Low), Sender::audio(1)] {
        let mut lasts = HashMap::new();
        for number in 0..packets {
            let order = round(&server, legs, &sender, number);
            let receivers: HashSet<u32> = order.iter().copied().collect();
            assert_eq!(receivers, legs.iter().copied().filter(|leg| *leg != 1).collect());
            *lasts.entry(order.last().copied()).or_insert(0) += 1;
        }
        assert!(lasts.values().all(|times| *times <= packets / 2), "always the same one is last: {lasts:?}");
    }
    assert!(server.wire.waiting().is_none(), "a copy too many");
    assert_eq!(drops(&server.lane), []);
    let counters = server.lane.counters();
    let copies = packets * (legs.len() as u64 - 1);
    assert_eq!((counters.video_copies, counters.audio_copies), (copies, copies));
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn around_the_size_of_a_stage() {
    for receivers in [MAX_REPLICATION, MAX_REPLICATION + 1, 2 * MAX_REPLICATION, 2 * MAX_REPLICATION + 1] {
        let legs: Vec<u32> = (1..=receivers as u32 + 1).collect();
        everybody_gets_everything(&legs, 6);
    }
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn a_thousand_receivers() {
    let legs: Vec<u32> = (1..=1001).collect();
    everybody_gets_everything(&legs, 4);
}

/// What the far end of the chain makes of 150 copies that are left.
fn left(arrival: u64) -> Onward {
    let list = List { first: 0, len: 215, own: 0 }.to_word();
    let flight =
        Flight { arrival, list, source_leg: SENDER, ..Flight::default() }.stage(MAX_REPLICATION as u32);
    Onward { flight, metadata: Metadata { magic: MAGIC, id: flight.id } }
}

fn bytes(onward: &Onward) -> &[u8] {
    // SAFETY: a record without padding.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(onward).cast(), size_of::<Onward>()) }
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn stages_that_come_too_late() {
    let kernel = Kernel::load();
    let onward = left(monotonic_ns() - LIFE - 1);
    assert_eq!(kernel.continue_with(bytes(&onward), &[0; 60]), DROP);
    assert_eq!(kernel.all_drops(), [(StageExpired, 150)]);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn stages_of_a_conference_that_was_handed_over() {
    let mut kernel = Kernel::load();
    let control = LegControl { flags: LEG_PASS, ..LegControl::default() };
    kernel.set(name::LEG_CONTROL, SENDER, control);
    assert_eq!(kernel.continue_with(bytes(&left(monotonic_ns())), &[0; 60]), DROP);
    assert_eq!(kernel.all_drops(), [(WrongLane, 150)]);
}

/// What the network stack sends through the devices of the chain, for example to look for routers.
#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn frames_that_are_none_of_ours() {
    let kernel = Kernel::load();
    let mut foreign = left(monotonic_ns());
    foreign.metadata.magic += 1;
    for metadata in [&[][..], &[0; 8], bytes(&foreign)] {
        assert_eq!(kernel.continue_with(metadata, &[0; 60]), DROP);
    }
    assert_eq!(kernel.all_drops(), []);
    assert_eq!(kernel.counter(Counter::Sealed), 0);
}
