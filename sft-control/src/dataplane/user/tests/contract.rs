//! What the lane keeps over changes of tables and legs: above all, the numbers that nonces are made of.

use sft_common::{drops::DropReason, maps::AUDIO_SLOTS};

use super::world::{
    CONFERENCE, OUT_START, Sent, World, keys, receiver, subscription, table, tuple, video_source, video_ssrc,
};
use crate::{
    core::table::{ConferenceTable, Layer, LegId},
    dataplane::{Arrival, Lane, user::Verdict},
};

const KEY_FRAME: u8 = 0x80;
const VIDEO: usize = AUDIO_SLOTS;

fn video(index: u64) -> Sent {
    Sent::video(1, Layer::Low, index, KEY_FRAME)
}

fn with_video() -> ConferenceTable {
    table(&[1, 2], vec![video_source(1, Layer::Low, vec![subscription(2, 0, 1)])])
}

#[test]
fn a_source_that_comes_back_continues() {
    let mut world = World::new(&[1, 2]);
    world.lane.publish(&with_video()).unwrap();
    world.copies(1, &video(100));
    world.copies(1, &video(101));
    world.lane.publish(&table(&[1, 2], vec![])).unwrap();
    assert_eq!(world.send(1, &video(102)).0, Verdict::Dropped(DropReason::UnknownSsrc));
    // Were its indices forgotten, the replayed packet would get its old index in the slot.
    world.lane.learned(LegId(1), video_ssrc(1, Layer::Low), 99);
    world.lane.publish(&with_video()).unwrap();
    assert_eq!(world.send(1, &video(101)).0, Verdict::Dropped(DropReason::Replay));
    assert_eq!(world.places(1, &video(103)), [(2, VIDEO, OUT_START + 3)]);
}

#[test]
fn a_speaker_that_comes_back_continues() {
    let mut world = World::new(&[1, 2]);
    let with = table(&[1, 2], vec![]);
    let without = ConferenceTable { sources: with.sources[1..].to_vec(), ..with.clone() };
    world.lane.publish(&with).unwrap();
    for n in 0..9 {
        world.copies(1, &Sent::audio(1, 100 + n, 0));
    }
    world.lane.publish(&without).unwrap();
    world.lane.publish(&with).unwrap();
    // `Clients` panics where an index occurs twice.
    for n in 0..9 {
        assert_eq!(world.send(1, &Sent::audio(1, 100 + n, 0)).0, Verdict::Dropped(DropReason::Replay));
    }
    assert_eq!(world.places(1, &Sent::audio(1, 109, 0)), [(2, 0, OUT_START + 9)]);
}

#[test]
fn a_receiver_that_comes_back_continues() {
    let mut world = World::new(&[1, 2]);
    world.lane.publish(&with_video()).unwrap();
    world.copies(1, &video(100));
    let mut without = table(&[1], vec![]);
    without.sources.push(video_source(1, Layer::Low, vec![]));
    world.lane.publish(&without).unwrap();
    world.lane.publish(&with_video()).unwrap();
    assert_eq!(world.places(1, &video(101)), [(2, VIDEO, OUT_START + 1)]);
}

#[test]
fn a_leg_that_is_installed_again_keeps_its_slots() {
    let mut world = World::new(&[1, 2]);
    world.lane.publish(&with_video()).unwrap();
    world.copies(1, &video(100));
    world.lane.install_leg(CONFERENCE, LegId(2), &keys(2)).unwrap();
    world.lane.publish(&with_video()).unwrap();
    assert_eq!(world.places(1, &video(101)), [(2, VIDEO, OUT_START + 1)]);
}

#[test]
fn a_leg_has_several_ways_in_and_one_out() {
    let mut world = World::new(&[1, 2]);
    world.lane.publish(&with_video()).unwrap();
    world.lane.accept_tuple(LegId(1), tuple(7)).unwrap();
    assert_eq!(world.raw(tuple(7), &mut video(1).sealed(1)).1.len(), 1);
    assert_eq!(world.raw(tuple(1), &mut video(2).sealed(1)).1.len(), 1);
    world.lane.select_tuple(LegId(2), tuple(8)).unwrap();
    let mut sink = super::world::Sink::default();
    world.lane.forward(tuple(1), &mut video(3).sealed(1), 1, &mut sink);
    assert_eq!(sink.0[0].0, tuple(8));
}

#[test]
fn a_pair_belongs_to_the_leg_that_validated_it_last() {
    let mut world = World::new(&[1, 2]);
    world.lane.publish(&with_video()).unwrap();
    world.lane.accept_tuple(LegId(1), tuple(2)).unwrap();
    world.lane.remove_leg(LegId(2));
    assert_eq!(world.raw(tuple(2), &mut video(1).sealed(1)).0, Verdict::Finished);
}

#[test]
fn what_left_is_forgotten() {
    let mut world = World::new(&[1, 2]);
    world.lane.publish(&with_video()).unwrap();
    world.lane.remove_leg(LegId(1));
    assert_eq!(world.send(1, &video(1)).0, Verdict::Dropped(DropReason::UnknownTuple));
    world.lane.remove_conference(CONFERENCE);
    assert!(world.lane.sources(CONFERENCE).is_empty());
    assert!(world.lane.slots(CONFERENCE).is_empty());
    assert_eq!(world.send(2, &Sent::audio(2, 1, 0)).0, Verdict::Dropped(DropReason::UnknownSsrc));
}

#[test]
fn receivers_without_slots_get_nothing() {
    let mut world = World::new(&[1, 2]);
    let mut narrow = with_video();
    narrow.receivers[1] = crate::core::table::Receiver { audio: vec![], video: vec![], ..receiver(2) }.into();
    world.lane.publish(&narrow).unwrap();
    assert_eq!(world.send(1, &video(1)).0, Verdict::Dropped(DropReason::NoReceiver));
    // The speaker's own entry is all that is left.
    assert_eq!(world.send(1, &Sent::audio(1, 1, 0)).0, Verdict::Dropped(DropReason::NoReceiver));
    assert_eq!(world.drops(), [(DropReason::NoReceiver, 2)]);
}

#[test]
fn conferences_do_not_hear_each_other() {
    let mut world = World::new(&[1, 2]);
    let other = crate::core::table::ConferenceId(4);
    for leg in [3, 4] {
        world.lane.install_leg(other, LegId(leg), &keys(leg)).unwrap();
        world.lane.accept_tuple(LegId(leg), tuple(leg)).unwrap();
        world.lane.select_tuple(LegId(leg), tuple(leg)).unwrap();
    }
    world.lane.publish(&table(&[1, 2], vec![])).unwrap();
    world.lane.publish(&ConferenceTable { conference: other, ..table(&[3, 4], vec![]) }).unwrap();
    assert_eq!(world.places(1, &Sent::audio(1, 1, 0)), [(2, 0, OUT_START)]);
    assert_eq!(world.places(3, &Sent::audio(3, 1, 0)), [(4, 0, OUT_START)]);
    assert_eq!(world.lane.speakers(other)[0].map(|speaker| speaker.leg), Some(LegId(3)));
    world.lane.remove_conference(other);
    assert_eq!(world.places(1, &Sent::audio(1, 2, 0)), [(2, 0, OUT_START + 1)]);
}

#[test]
fn arrivals_are_taken_once_in_order_of_their_numbers() {
    let mut world = World::new(&[1, 2]);
    world.lane.publish(&with_video()).unwrap();
    let numbered =
        |index, number: u16| Sent { extensions: vec![(3, number.to_be_bytes().to_vec())], ..video(index) };
    for (index, number) in [(10, 65_534), (12, 0), (11, 65_535), (13, 1)] {
        world.copies(1, &numbered(index, number));
    }
    // Padding counts, a forgery and a replay do not.
    let padding = Sent { padding: true, payload: vec![3; 3], ..numbered(14, 2) };
    world.send(1, &padding);
    world.send(1, &padding);
    let mut forged = numbered(15, 3).sealed(1);
    forged[30] ^= 1;
    world.raw(tuple(1), &mut forged);
    let mut arrivals = Vec::new();
    world.lane.take_arrivals(LegId(1), &mut arrivals);
    let start = 1_001_000;
    let expected = [(65_534, 0), (65_535, 2000), (0, 1000), (1, 3000), (2, 4000)];
    let expected = expected.map(|(sequence, after)| Arrival { sequence, micros: start + after });
    assert_eq!(arrivals, expected);
    world.lane.take_arrivals(LegId(1), &mut arrivals);
    world.lane.take_arrivals(LegId(9), &mut arrivals);
    assert_eq!(arrivals.len(), expected.len());
}
