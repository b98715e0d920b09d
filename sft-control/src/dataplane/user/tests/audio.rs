//! Audio: slots, silence, and who may take a slot from whom.

use sft_common::{drops::DropReason, maps::AUDIO_SLOTS};

use super::world::{CONFERENCE, Copy, OUT_START, OUT_TIMESTAMP, Sent, World, csrc, table};
use crate::{
    core::table::{LegId, Speaker},
    dataplane::{Lane, user::Verdict},
};

const SILENCE: u8 = 127;

fn speaker(leg: u32, run: u32) -> Option<Speaker> {
    Some(Speaker { leg: LegId(leg), run })
}

#[test]
fn a_speaker_is_heard_by_all_others_in_one_slot() {
    let mut world = World::with_table(&[1, 2, 3], vec![]);
    let sent = Sent {
        marker: true,
        csrcs: vec![7, 8],
        extensions: vec![(1, vec![20]), (3, vec![1, 2]), (4, b"h".to_vec())],
        ..Sent::audio(1, 500, 20)
    };
    let expected = |leg| Copy {
        leg,
        slot: 0,
        index: OUT_START,
        timestamp: OUT_TIMESTAMP,
        csrcs: vec![csrc(1)],
        marker: true,
        padding: false,
        // Transport sequence number and RID meant something to us only.
        extensions: vec![0xbe, 0xde, 0, 2, 0x10, 20, 0, 0, 0, 0, 0, 0],
        payload: sent.payload.clone(),
    };
    assert_eq!(world.copies(1, &sent), [expected(2), expected(3)]);
    assert_eq!(world.lane.speakers(CONFERENCE)[0], speaker(1, 1));
    let next = world.copies(1, &Sent::audio(1, 502, 20));
    assert_eq!(next[0].index, OUT_START + 2);
    assert_eq!(next[0].timestamp, OUT_TIMESTAMP.wrapping_add(2 * 960));
}

#[test]
fn counters_say_what_was_received_copied_and_measured() {
    let mut world = World::with_table(&[1, 2, 3], vec![]);
    world.copies(1, &Sent::audio(1, 500, 20));
    let counters = world.lane.counters();
    assert_eq!((counters.rtp_received, counters.audio_copies, counters.video_copies), (1, 2, 0));
    // Header with one CSRC, extension and tag.
    let (gcm, hmac) = (12 + 4 + 8 + 80 + 16, 12 + 4 + 8 + 80 + 10);
    assert_eq!(counters.audio_bytes, hmac + gcm);
    let slots: Vec<_> = world.lane.slots(CONFERENCE).into_iter().filter(|slot| slot.packets > 0).collect();
    assert_eq!(slots.iter().map(|slot| slot.receiver).collect::<Vec<_>>(), [LegId(2), LegId(3)]);
    let readings = world.lane.sources(CONFERENCE);
    let reading = readings.iter().find(|reading| reading.leg == LegId(1)).unwrap();
    assert_eq!((reading.stats.packets, reading.stats.first_index, reading.stats.level), (1, 500, 20));
}

#[test]
fn when_all_slots_are_taken_the_next_waits_until_one_is_free() {
    const NEXT: u32 = AUDIO_SLOTS as u32 + 1;
    let legs: Vec<u32> = (1..=NEXT).collect();
    let mut world = World::with_table(&legs, vec![]);
    for leg in 1..NEXT {
        assert!(world.copies(leg, &Sent::audio(leg, 1, 5)).iter().all(|copy| copy.slot == leg as usize - 1));
    }
    assert_eq!(world.send(NEXT, &Sent::audio(NEXT, 1, 5)).0, Verdict::Dropped(DropReason::NoAudioSlot));
    assert!(world.lane.replace_speaker(CONFERENCE, 1, speaker(2, 1), None));
    let copies = world.copies(NEXT, &Sent::audio(NEXT, 2, 5));
    // Leg 2 has not heard itself: the others' slots go on, its own begins.
    for copy in copies {
        let expected = if copy.leg == 2 { OUT_START } else { OUT_START + 1 };
        assert_eq!((copy.slot, copy.index), (1, expected), "leg {}", copy.leg);
    }
    assert_eq!(world.lane.speakers(CONFERENCE)[1], speaker(NEXT, 2));
}

#[test]
fn silence_is_not_forwarded_and_leaves_no_gap() {
    let mut world = World::with_table(&[1, 2], vec![]);
    assert_eq!(world.places(1, &Sent::audio(1, 10, 5)), [(2, 0, OUT_START)]);
    let mut index = 11;
    while world.lane.sources(CONFERENCE)[0].stats.level < 110 {
        world.send(1, &Sent::audio(1, index, SILENCE));
        index += 1;
    }
    let before = world.lane.slots(CONFERENCE).iter().map(|slot| slot.packets).sum::<u64>();
    assert_eq!(world.send(1, &Sent::audio(1, index, SILENCE)).0, Verdict::Dropped(DropReason::Silent));
    let copies = world.copies(1, &Sent::audio(1, index + 50, 1));
    assert_eq!(copies[0].index, OUT_START + before);
}

#[test]
fn a_replacement_needs_to_know_who_holds_the_slot() {
    let mut world = World::with_table(&[1, 2, 3], vec![]);
    world.copies(1, &Sent::audio(1, 1, 5));
    for wrong in [None, speaker(1, 2), speaker(2, 1)] {
        assert!(!world.lane.replace_speaker(CONFERENCE, 0, wrong, Some(LegId(2))), "{wrong:?}");
    }
    assert!(!world.lane.replace_speaker(CONFERENCE, 0, speaker(1, 1), Some(LegId(9))), "no such leg");
    assert!(world.lane.replace_speaker(CONFERENCE, 0, speaker(1, 1), Some(LegId(2))));
    assert_eq!(world.lane.speakers(CONFERENCE)[0], speaker(2, 2));
    // The slot goes on behind what the first speaker had.
    let copies = world.copies(2, &Sent::audio(2, 70, 5));
    let first = copies.iter().find(|copy| copy.leg == 1).unwrap();
    assert_eq!((copies.len(), first.slot, first.index), (2, 0, OUT_START));
    let third = copies.iter().find(|copy| copy.leg == 3).unwrap();
    assert_eq!((third.slot, third.index), (0, OUT_START + 1));
}

#[test]
fn only_slots_that_there_are_can_be_given_away() {
    let mut world = World::with_table(&[1, 2], vec![]);
    for slot in [AUDIO_SLOTS as u8, AUDIO_SLOTS as u8 + 1, 255] {
        assert!(!world.lane.replace_speaker(CONFERENCE, slot, None, Some(LegId(1))), "slot {slot}");
    }
    assert_eq!(world.lane.speakers(CONFERENCE), [None; AUDIO_SLOTS]);
}

#[test]
fn nobody_is_given_a_second_slot() {
    let mut world = World::with_table(&[1, 2], vec![]);
    world.copies(1, &Sent::audio(1, 1, 5));
    world.copies(2, &Sent::audio(2, 1, 5));
    assert!(!world.lane.replace_speaker(CONFERENCE, 1, speaker(2, 1), Some(LegId(1))));
    assert!(!world.lane.replace_speaker(CONFERENCE, 2, None, Some(LegId(1))));
    let [first, second, rest @ ..] = world.lane.speakers(CONFERENCE);
    assert_eq!((first, second, rest), (speaker(1, 1), speaker(2, 1), [None; AUDIO_SLOTS - 2]));
}

#[test]
fn a_leg_that_leaves_frees_its_slot() {
    let mut world = World::with_table(&[1, 2, 3], vec![]);
    world.copies(1, &Sent::audio(1, 1, 5));
    world.lane.remove_leg(LegId(1));
    world.lane.publish(&table(&[2, 3], vec![])).unwrap();
    assert_eq!(world.lane.speakers(CONFERENCE), [None; AUDIO_SLOTS]);
    assert_eq!(world.places(2, &Sent::audio(2, 1, 5)), [(3, 0, OUT_START + 1)]);
    assert_eq!(world.lane.speakers(CONFERENCE)[0], speaker(2, 2));
}
