//! Moving a conference from one lane to another.

use std::collections::BTreeMap;

use sft_common::drops::DropReason;

use super::world::{
    CONFERENCE, Sent, World, keys, lane, subscription, table, tuple, video_source, video_ssrc,
};
use crate::{
    core::table::{ConferenceTable, Layer, LegId},
    dataplane::{Lane, LaneError, user::Verdict},
};

const KEY_FRAME: u8 = 0x80;

fn published() -> ConferenceTable {
    table(&[1, 2, 3], vec![video_source(1, Layer::Low, vec![subscription(2, 0, 1), subscription(3, 1, 1)])])
}

/// Some of everything that has state: speakers, silence, padding, gaps.
fn traffic(n: u64) -> Vec<(u32, Sent)> {
    let level = if n % 40 < 20 { 3 } else { 127 };
    let padding = n % 5 == 4;
    let video = Sent::video(1, Layer::Low, 500 + n + n / 7, KEY_FRAME);
    let payload = if padding { vec![8; 8] } else { vec![n as u8; 30] };
    vec![
        (1, Sent::audio(1, 65_530 + n, level)),
        (2, Sent::audio(2, 9 + 2 * n, 130 - level)),
        (1, Sent { padding, payload, ..video }),
    ]
}

/// By leg and SSRC.
fn by_name<T>(states: Vec<(LegId, u32, T)>) -> BTreeMap<(LegId, u32), T> {
    states.into_iter().map(|(leg, ssrc, state)| ((leg, ssrc), state)).collect()
}

#[test]
fn another_lane_continues_exactly() {
    for moment in [0, 1, 13, 30, 55] {
        let mut stays = World::new(&[1, 2, 3]);
        stays.lane.publish(&published()).unwrap();
        let mut moves = World::new(&[1, 2, 3]);
        moves.lane.publish(&published()).unwrap();
        for n in 0..80 {
            if n == moment {
                let state = moves.lane.export(CONFERENCE).unwrap();
                moves.lane = lane(&[1, 2, 3]);
                moves.lane.learned(LegId(1), video_ssrc(1, Layer::Low), 1);
                moves.lane.publish(&published()).unwrap();
                moves.lane.import(CONFERENCE, state);
            }
            for (leg, sent) in traffic(n) {
                assert_eq!(moves.send(leg, &sent), stays.send(leg, &sent), "packet {n}, moved at {moment}");
            }
            assert_eq!(moves.lane.speakers(CONFERENCE), stays.lane.speakers(CONFERENCE));
        }
        let (moved, stayed) =
            (moves.lane.export(CONFERENCE).unwrap(), stays.lane.export(CONFERENCE).unwrap());
        assert_eq!(by_name(moved.sources), by_name(stayed.sources));
        assert_eq!(by_name(moved.slots), by_name(stayed.slots));
        assert_eq!(moved.speakers, stayed.speakers);
    }
}

#[test]
fn a_source_out_of_the_table_moves_along() {
    let mut world = World::new(&[1, 2, 3]);
    world.lane.publish(&published()).unwrap();
    let video = |index| Sent::video(1, Layer::Low, index, KEY_FRAME);
    world.copies(1, &video(100));
    let without = table(&[1, 2, 3], vec![]);
    world.lane.publish(&without).unwrap();
    let state = world.lane.export(CONFERENCE).unwrap();
    world.lane = lane(&[1, 2, 3]);
    world.lane.publish(&without).unwrap();
    world.lane.import(CONFERENCE, state);
    world.lane.publish(&published()).unwrap();
    assert_eq!(world.send(1, &video(100)).0, Verdict::Dropped(DropReason::Replay));
    assert_eq!(world.copies(1, &video(101)).len(), 2);
}

#[test]
fn a_conference_that_was_handed_over_is_not_carried_any_more() {
    let mut world = World::new(&[1, 2, 3]);
    world.lane.publish(&published()).unwrap();
    world.copies(1, &Sent::audio(1, 1, 0));
    world.lane.allow_learning(LegId(1), 100);
    assert!(world.lane.export(CONFERENCE).is_some());
    assert!(world.lane.export(CONFERENCE).is_none());
    let wrong = Verdict::Dropped(DropReason::WrongLane);
    assert_eq!(world.send(1, &Sent::audio(1, 2, 0)), (wrong, vec![]));
    // Its slots are at numbers that this lane no longer knows.
    assert!(matches!(world.lane.publish(&published()), Err(LaneError::NotCarried { .. })));
    world.lane.install_leg(CONFERENCE, LegId(4), &keys(4)).unwrap();
    world.lane.accept_tuple(LegId(4), tuple(4)).unwrap();
    assert_eq!(world.send(4, &Sent::audio(4, 2, 0)), (wrong, vec![]));
    world.lane.remove_leg(LegId(1));
    assert_eq!(world.send(1, &Sent::audio(1, 2, 0)).0, Verdict::Dropped(DropReason::UnknownTuple));
}

#[test]
fn a_conference_that_was_never_known_is_marked_as_well() {
    let mut world = World::new(&[]);
    assert!(world.lane.export(CONFERENCE).is_none());
    world.lane.install_leg(CONFERENCE, LegId(1), &keys(1)).unwrap();
    world.lane.accept_tuple(LegId(1), tuple(1)).unwrap();
    assert_eq!(world.send(1, &Sent::audio(1, 2, 0)).0, Verdict::Dropped(DropReason::WrongLane));
}
