//! Video: subscriptions, layer switches, padding, and sequence numbers over their whole range.

use sft_common::{drops::DropReason, maps::AUDIO_SLOTS};

use super::world::{
    CONFERENCE, OUT_START, OUT_TIMESTAMP, Sent, World, csrc, keys, slot_ssrc, subscription, table, tuple,
    video_source, video_ssrc,
};
use crate::{
    core::table::{Layer, LegId, Subscription},
    dataplane::{Lane, learning::Learner, user::Verdict},
};

/// Number of the first video slot among a leg's slots.
const VIDEO: usize = AUDIO_SLOTS;
const KEY_FRAME: u8 = 0x80;
const DELTA_FRAME: u8 = 0x88;

/// Leg 1 sends both layers, leg 2 sees one of them.
fn layers(low: Vec<Subscription>, high: Vec<Subscription>) -> World {
    World::with_table(&[1, 2], vec![video_source(1, Layer::Low, low), video_source(1, Layer::High, high)])
}

#[test]
fn each_receiver_sees_the_layer_and_slot_it_subscribed_to() {
    let mut world = World::with_table(
        &[1, 2, 3],
        vec![
            video_source(1, Layer::Low, vec![subscription(2, 1, 1)]),
            video_source(1, Layer::High, vec![subscription(3, 0, 1)]),
        ],
    );
    let low = world.copies(1, &Sent::video(1, Layer::Low, 9, KEY_FRAME));
    assert_eq!(low.len(), 1);
    let copy = &low[0];
    assert_eq!((copy.leg, copy.slot, copy.index, copy.timestamp), (2, VIDEO + 1, OUT_START, OUT_TIMESTAMP));
    assert_eq!((&copy.csrcs, copy.payload.len()), (&vec![csrc(1)], 900));
    assert_eq!(world.places(1, &Sent::video(1, Layer::High, 60_000, KEY_FRAME)), [(3, VIDEO, OUT_START)]);
    let counters = world.lane.counters();
    assert_eq!((counters.video_copies, counters.audio_copies), (2, 0));
}

#[test]
fn a_slot_changes_layer_at_a_key_frame() {
    let mut world = layers(vec![subscription(2, 0, 1)], vec![]);
    assert_eq!(world.places(1, &Sent::video(1, Layer::Low, 100, KEY_FRAME)), [(2, VIDEO, OUT_START)]);
    let pending = Subscription { from_keyframe: true, ..subscription(2, 0, 2) };
    let video = vec![
        video_source(1, Layer::Low, vec![subscription(2, 0, 1)]),
        video_source(1, Layer::High, vec![pending]),
    ];
    world.lane.publish(&table(&[1, 2], video)).unwrap();
    assert_eq!(world.places(1, &Sent::video(1, Layer::High, 7, DELTA_FRAME)), []);
    assert_eq!(world.places(1, &Sent::video(1, Layer::Low, 101, DELTA_FRAME)), [(2, VIDEO, OUT_START + 1)]);
    let copies = world.copies(1, &Sent::video(1, Layer::High, 8, KEY_FRAME));
    assert_eq!(copies[0].index, OUT_START + 2);
    assert_eq!(
        copies[0].timestamp,
        OUT_TIMESTAMP.wrapping_add(3000 + 9000),
        "two packets came within 100 ms"
    );
    assert_eq!(world.places(1, &Sent::video(1, Layer::Low, 102, DELTA_FRAME)), []);
    assert_eq!(world.drops(), [(DropReason::AwaitingKeyframe, 1), (DropReason::Superseded, 1)]);
    let slots = world.lane.slots(CONFERENCE);
    let slot = slots.iter().find(|slot| slot.ssrc == slot_ssrc(2, VIDEO)).unwrap();
    assert_eq!((slot.receiver, slot.run, slot.packets, slot.dropped), (LegId(2), 2, 3, 2));
}

#[test]
fn a_pause_between_two_sources_shows_in_the_timestamps() {
    let mut world = layers(vec![subscription(2, 0, 1)], vec![subscription(2, 0, 2)]);
    world.copies(1, &Sent::video(1, Layer::Low, 100, KEY_FRAME));
    world.now_ns += 700_000_000 - 1_000_000;
    let copies = world.copies(1, &Sent::video(1, Layer::High, 7, KEY_FRAME));
    assert_eq!(copies[0].timestamp, OUT_TIMESTAMP.wrapping_add(700 * 90));
}

#[test]
fn padding_only_packets_leave_no_gap() {
    let mut world = layers(vec![subscription(2, 0, 1)], vec![]);
    world.copies(1, &Sent::video(1, Layer::Low, 100, KEY_FRAME));
    let padding = Sent { padding: true, payload: vec![9; 9], ..Sent::video(1, Layer::Low, 101, DELTA_FRAME) };
    assert_eq!(world.send(1, &padding).0, Verdict::Dropped(DropReason::PaddingOnly));
    // Padding behind a payload is carried along.
    let padded = Sent { padding: true, payload: vec![4; 50], ..Sent::video(1, Layer::Low, 102, DELTA_FRAME) };
    let copies = world.copies(1, &padded);
    assert_eq!((copies[0].index, copies[0].padding, &copies[0].payload), (OUT_START + 1, true, &vec![4; 50]));
}

#[test]
fn incoming_and_outgoing_numbers_roll_over() {
    let mut world = layers(vec![subscription(2, 0, 1)], vec![]);
    // The first packet has rollover counter 0: it is all a receiver can know.
    for n in 0..70_000 {
        let sent = Sent::video(1, Layer::Low, 60_000 + n, DELTA_FRAME);
        let sent = Sent { payload: vec![1], ..sent };
        assert_eq!(world.places(1, &sent), [(2, VIDEO, OUT_START + n)]);
    }
    assert_eq!(world.lane.sources(CONFERENCE)[2].stats.highest_index, 129_999);
}

#[test]
fn a_learned_source_starts_at_the_packet_it_was_learned_from() {
    let mut world = World::with_table(&[1, 2], vec![]);
    world.lane.learned(LegId(1), video_ssrc(1, Layer::Low), 1000);
    let video = vec![video_source(1, Layer::Low, vec![subscription(2, 0, 1)])];
    world.lane.publish(&table(&[1, 2], video)).unwrap();
    let sent = |index| Sent::video(1, Layer::Low, index, KEY_FRAME);
    assert_eq!(world.send(1, &sent(999)).0, Verdict::Dropped(DropReason::TooOld));
    assert_eq!(world.send(1, &sent(1000)).0, Verdict::Dropped(DropReason::Replay));
    assert_eq!(world.places(1, &sent(1001)), [(2, VIDEO, OUT_START)]);
    let stats = world.lane.sources(CONFERENCE)[2].stats;
    assert_eq!((stats.first_index, stats.highest_index, stats.packets, stats.replays), (1000, 1001, 2, 1));
}

#[test]
fn an_unknown_stream_is_learned_and_then_forwarded() {
    let mut world = World::with_table(&[1, 2], vec![]);
    let mut learner = Learner::new(&keys(1).receive).unwrap();
    world.lane.allow_learning(LegId(1), 1);
    let sent = |index| Sent {
        extensions: vec![(4, b"h".to_vec())],
        ..Sent::video(1, Layer::High, index, KEY_FRAME)
    };
    let mut first = sent(40).sealed(1);
    assert_eq!(world.raw(tuple(1), &mut first).0, Verdict::Unknown { leg: LegId(1) });
    let learned = learner.examine(&first).unwrap().unwrap();
    world.lane.learned(LegId(1), learned.ssrc, learned.index);
    let video = video_source(1, learned.layer, vec![subscription(2, 0, 1)]);
    world.lane.publish(&table(&[1, 2], vec![video])).unwrap();
    assert_eq!(world.raw(tuple(1), &mut first).0, Verdict::Dropped(DropReason::Replay));
    assert_eq!(world.places(1, &sent(41)), [(2, VIDEO, OUT_START)]);
}
