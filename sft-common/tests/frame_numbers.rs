//! The numbers that frames get in a slot: one after the other across switches, and within a run as far apart
//! as they were sent.

use sft_common::{
    drops::DropReason,
    extension::KeyframeMark,
    maps::Kind,
    slot::{Incoming, SlotState},
};

const MARK: [KeyframeMark; 2] = [KeyframeMark::NotStart, KeyframeMark::Start];

/// A packet that begins this frame, or none.
fn packet(run: u64, index: u64, frame_id: impl Into<Option<u16>>) -> Incoming {
    Incoming {
        kind: Kind::Video,
        run,
        from_keyframe: false,
        mark: MARK[0],
        index,
        frame_id: frame_id.into(),
        timestamp: 0,
        arrival: 0,
        bytes: 100,
    }
}

fn slot(frame_id: u16) -> SlotState {
    SlotState { frame_id, ..SlotState::starting(1, 500, 0) }
}

/// The number that a packet's frame gets.
#[track_caller]
fn number(slot: &mut SlotState, packet: Incoming) -> u16 {
    slot.commit(&packet).expect("a place").frame_id.expect("a frame")
}

#[test]
fn a_run_continues_with_the_next_number_and_keeps_its_distances() {
    let mut slot = slot(0);
    let sent = [(1, 10, 7000), (1, 12, 7001), (1, 13, 7004), (2, 90, 3), (2, 91, 5), (3, 4, 3)];
    let numbers = sent.map(|(run, index, id)| number(&mut slot, packet(run, index, id)));
    assert_eq!(numbers, [1, 2, 5, 6, 8, 9]);
}

#[test]
fn late_frames_of_a_run_keep_their_distance() {
    let mut slot = slot(100);
    let sent = [(10, 20), (14, 24), (12, 22), (11, 21), (15, 25)];
    let numbers = sent.map(|(index, id)| number(&mut slot, packet(1, index, id)));
    assert_eq!(numbers, [101, 105, 103, 102, 106]);
    assert_eq!(number(&mut slot, packet(2, 7, 9)), 107, "the highest of the run before counts");
}

#[test]
fn numbers_wrap_on_both_sides() {
    let mut slot = slot(65_534);
    let sent = [(1, 10, 65_535), (1, 11, 0), (1, 12, 1), (2, 5, 40_000), (2, 6, 40_001)];
    let numbers = sent.map(|(run, index, id)| number(&mut slot, packet(run, index, id)));
    assert_eq!(numbers, [65_535, 0, 1, 2, 3]);
}

#[test]
fn packets_that_begin_no_frame_have_no_number() {
    let mut slot = slot(7);
    assert_eq!(slot.commit(&packet(1, 10, None)).unwrap().frame_id, None);
    assert_eq!(number(&mut slot, packet(1, 11, 300)), 8);
    assert_eq!(slot.commit(&packet(1, 12, None)).unwrap().frame_id, None);
    assert_eq!(slot.frame_id, 8);
}

/// The run began in the middle of a frame. Whatever came before its first number would get one that is taken.
#[test]
fn what_was_sent_before_the_first_frame_of_a_run_comes_too_late() {
    let mut slot = slot(7);
    let mut places = |index, id: Option<u16>| slot.commit(&packet(1, index, id)).map(|out| out.frame_id);
    let before = Err(DropReason::BeforeBase);
    assert_eq!(places(10, None), Ok(None));
    assert_eq!(places(13, Some(300)), Ok(Some(8)));
    assert_eq!(places(12, Some(299)), before);
    assert_eq!(places(11, None), before);
    assert_eq!(places(14, Some(301)), Ok(Some(9)));
    assert_eq!(slot.commit(&packet(1, 15, None)).unwrap().index, 505, "its place is kept");
}

/// After a long pause, or with a new encoder: a key frame depends on nothing, so that its number is free.
#[test]
fn a_source_may_number_its_frames_anew_from_a_key_frame_on() {
    for restart in [100, 300, 299, 300_u16.wrapping_add(40_000)] {
        let mut slot = slot(7);
        let key_frame = |index, id| Incoming { mark: MARK[1], ..packet(1, index, id) };
        assert_eq!(number(&mut slot, key_frame(10, 300)), 8);
        assert_eq!(number(&mut slot, key_frame(20, restart)), 9, "{restart}");
        assert_eq!(number(&mut slot, packet(1, 21, restart.wrapping_add(1))), 10);
        assert_eq!(slot.commit(&packet(1, 19, 301)).map(|out| out.index), Err(DropReason::BeforeBase));
    }
    let mut slot = slot(7);
    number(&mut slot, packet(1, 10, 300));
    number(&mut slot, packet(1, 20, 310));
    let late = Incoming { mark: MARK[1], ..packet(1, 15, 305) };
    assert_eq!(number(&mut slot, late), 13, "a late key frame is no new beginning");
}
