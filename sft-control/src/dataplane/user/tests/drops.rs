//! Every reason for which this lane ends a packet or a copy, and that each is counted once.

use sft_common::{
    drops::DropReason,
    index::INDEX_END,
    maps::{MAX_PAYLOAD, MAX_RTP_HEADER},
};

use super::world::{CONFERENCE, Sent, World, keys, subscription, table, tuple, video_source};
use crate::{
    core::table::{Layer, LegId},
    dataplane::{Lane, user::Verdict},
};

const KEY_FRAME: u8 = 0x80;

fn world() -> World {
    World::with_table(
        &[1, 2],
        vec![video_source(1, Layer::Low, vec![subscription(2, 0, 1)]), video_source(1, Layer::High, vec![])],
    )
}

fn video(index: u64) -> Sent {
    Sent::video(1, Layer::Low, index, KEY_FRAME)
}

/// The packet ends for this reason, which is counted, and nothing comes out.
fn expect_drop(world: &mut World, leg: u32, packet: &mut [u8], reason: DropReason) {
    let before = world.lane.counters();
    let (verdict, copies) = world.raw(tuple(leg), packet);
    assert_eq!((verdict, copies), (Verdict::Dropped(reason), vec![]));
    expect_counted(world, &before.drops, reason);
}

/// One copy ends for this reason, and the packet is finished.
fn expect_copy_drop(world: &mut World, sent: &Sent, reason: DropReason) {
    let before = world.lane.counters();
    assert_eq!(world.copies(1, sent), []);
    expect_counted(world, &before.drops, reason);
}

fn expect_counted(world: &World, before: &[(DropReason, u64)], reason: DropReason) {
    let after = world.lane.counters().drops;
    for ((known, before), (_, after)) in before.iter().zip(after) {
        assert_eq!(after - before, u64::from(*known == reason), "{known:?}");
    }
}

#[test]
fn headers_that_are_none() {
    let mut world = world();
    for length in 0..12 {
        expect_drop(&mut world, 1, &mut vec![0x80; length], DropReason::Runt);
    }
    expect_drop(&mut world, 1, &mut [0x40; 40], DropReason::BadRtpHeader);
    let mut short = video(1).sealed(1);
    short[14..16].copy_from_slice(&1000_u16.to_be_bytes());
    expect_drop(&mut world, 1, &mut short, DropReason::BadRtpHeader);
    let extensions = vec![(12, vec![1; 16]); MAX_RTP_HEADER / 17];
    let long = Sent { extensions, ..video(1) };
    expect_drop(&mut world, 1, &mut long.sealed(1), DropReason::HeaderTooLong);
}

#[test]
fn lengths_at_the_limit() {
    let mut world = world();
    let fits = Sent { payload: vec![1; MAX_PAYLOAD], ..video(1) };
    assert_eq!(world.copies(1, &fits).len(), 1);
    let too_long = Sent { payload: vec![1; MAX_PAYLOAD + 1], ..video(2) };
    expect_drop(&mut world, 1, &mut too_long.sealed(1), DropReason::PayloadTooLong);
    let empty = Sent { payload: vec![], ..video(3) };
    assert_eq!(world.copies(1, &empty).len(), 1);
    let mut no_tag = empty.plain();
    no_tag[3] = 4;
    no_tag.extend([0; 15]);
    expect_drop(&mut world, 1, &mut no_tag, DropReason::AuthFailed);
}

#[test]
fn packets_from_nowhere() {
    let mut world = world();
    expect_drop(&mut world, 9, &mut video(1).sealed(1), DropReason::UnknownTuple);
    world.lane.accept_tuple(LegId(9), tuple(9)).unwrap();
    expect_drop(&mut world, 9, &mut video(1).sealed(1), DropReason::StaleReference);
    expect_drop(&mut world, 2, &mut video(1).sealed(1), DropReason::UnknownSsrc);
}

#[test]
fn unknown_ssrcs_are_handed_to_learning_while_it_is_allowed() {
    let mut world = world();
    let stranger = Sent { ssrc: 0x1234, ..video(1) };
    world.lane.allow_learning(LegId(1), 2);
    for _ in 0..2 {
        let mut packet = stranger.sealed(1);
        let untouched = packet.clone();
        assert_eq!(world.raw(tuple(1), &mut packet).0, Verdict::Unknown { leg: LegId(1) });
        assert_eq!(packet, untouched);
    }
    assert_eq!(world.drops(), []);
    expect_drop(&mut world, 1, &mut stranger.sealed(1), DropReason::UnknownSsrc);
}

#[test]
fn packets_seen_before_or_too_old() {
    let mut world = world();
    world.copies(1, &video(5000));
    expect_drop(&mut world, 1, &mut video(5000).sealed(1), DropReason::Replay);
    expect_drop(&mut world, 1, &mut video(4999).sealed(1), DropReason::TooOld);
    world.copies(1, &video(7000));
    expect_drop(&mut world, 1, &mut video(7000 - 1024).sealed(1), DropReason::TooOld);
    assert_eq!(world.lane.sources(CONFERENCE)[2].stats.replays, 1);
}

#[test]
fn forged_packets() {
    let mut world = world();
    let sealed = video(1).sealed(1);
    // Byte 11 makes it the other layer's, where it does not verify either.
    for at in [3, 11, 20, 100, sealed.len() - 1] {
        let mut forged = sealed.clone();
        forged[at] ^= 1;
        expect_drop(&mut world, 1, &mut forged, DropReason::AuthFailed);
    }
    assert_eq!(world.lane.sources(CONFERENCE)[2].stats.auth_failures, 4);
    assert_eq!(world.copies(1, &video(1)).len(), 1);
}

#[test]
fn packets_that_nobody_may_have() {
    let mut world = world();
    let high = Sent::video(1, Layer::High, 1, KEY_FRAME);
    expect_drop(&mut world, 1, &mut high.sealed(1), DropReason::NoReceiver);
    let padding = Sent { padding: true, payload: vec![5; 5], ..video(1) };
    expect_drop(&mut world, 1, &mut padding.sealed(1), DropReason::PaddingOnly);
}

#[test]
fn copies_without_a_way() {
    let mut world = World::new(&[1]);
    world.lane.install_leg(CONFERENCE, LegId(2), &keys(2)).unwrap();
    let video_source = video_source(1, Layer::Low, vec![subscription(2, 0, 1)]);
    world.lane.publish(&table(&[1, 2], vec![video_source])).unwrap();
    expect_copy_drop(&mut world, &video(1), DropReason::NoPath);
    world.lane.select_tuple(LegId(2), tuple(2)).unwrap();
    let copies = world.copies(1, &video(2));
    // No index was used up for the copy that did not go.
    assert_eq!((copies.len(), copies[0].index), (1, super::world::OUT_START));
    world.lane.remove_leg(LegId(2));
    expect_copy_drop(&mut world, &video(3), DropReason::StaleReference);
}

#[test]
fn copies_that_have_no_place_in_their_slot() {
    let mut world = world();
    world.copies(1, &video(100));
    world.copies(1, &video(102));
    let switched = vec![video_source(1, Layer::Low, vec![subscription(2, 0, 2)])];
    world.lane.publish(&table(&[1, 2], switched)).unwrap();
    world.copies(1, &video(103));
    expect_copy_drop(&mut world, &video(101), DropReason::BeforeBase);
}

#[test]
fn indices_that_are_used_up() {
    let mut world = World::new(&[1, 2]);
    let mut last = table(&[1, 2], vec![video_source(1, Layer::Low, vec![subscription(2, 0, 1)])]);
    std::sync::Arc::make_mut(&mut last.receivers[1]).video[0].index = INDEX_END - 1;
    world.lane.publish(&last).unwrap();
    let mut sink = super::world::Sink::default();
    world.lane.forward(tuple(1), &mut video(1).sealed(1), 1, &mut sink);
    assert_eq!(sink.0.len(), 1);
    world.lane.forward(tuple(1), &mut video(2).sealed(1), 1, &mut sink);
    assert_eq!(sink.0.len(), 1);
    assert_eq!(world.drops(), [(DropReason::IndexExhausted, 1)]);
}

#[test]
fn what_ends_outside_the_lane_is_counted_too() {
    let mut world = world();
    world.lane.count_drop(DropReason::TransmitFull);
    world.lane.count_drop(DropReason::BadStun);
    world.lane.count_drop(DropReason::TransmitFull);
    assert_eq!(world.drops(), [(DropReason::TransmitFull, 2), (DropReason::BadStun, 1)]);
    let listed: Vec<_> = world.lane.counters().drops.into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(listed, DropReason::ALL);
}
