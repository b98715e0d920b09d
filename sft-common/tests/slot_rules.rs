//! The rules of one slot, one by one.

use sft_common::{
    drops::DropReason,
    extension::KeyframeMark,
    index::INDEX_END,
    maps::Kind,
    slot::{Incoming, MAX_ADVANCE, Outgoing, SlotState},
};

fn packet(run: u64, index: u64, timestamp: u32) -> Incoming {
    Incoming {
        kind: Kind::Video,
        run,
        from_keyframe: false,
        mark: KeyframeMark::Unmarked,
        index,
        frame_id: None,
        timestamp,
        arrival: 0,
        bytes: 100,
    }
}

fn place(index: u64, timestamp: u32) -> Outgoing {
    Outgoing { index, timestamp, frame_id: None }
}

fn indices(slot: &mut SlotState, packets: &[(u64, u64)]) -> Vec<Result<u64, DropReason>> {
    packets.iter().map(|&(run, index)| slot.commit(&packet(run, index, 0)).map(|out| out.index)).collect()
}

#[test]
fn the_first_packet_starts_exactly_where_it_was_told() {
    for run in [0, 1, 7 << 32] {
        let mut slot = SlotState::starting(0xabc, 3000, 77);
        let out = slot.commit(&packet(run, 500, 123_456));
        assert_eq!(out, Ok(place(3000, 77)));
        assert_eq!(slot.commit(&packet(run, 501, 123_556)), Ok(place(3001, 177)));
    }
}

#[test]
fn within_a_run_distances_are_kept() {
    let mut slot = SlotState::starting(1, 10, 0);
    let outs: Vec<_> = [(100, 0), (103, 30), (101, 10), (104, 40)]
        .into_iter()
        .map(|(index, timestamp)| slot.commit(&packet(1, index, timestamp)).unwrap())
        .map(|out| (out.index, out.timestamp))
        .collect();
    assert_eq!(outs, [(10, 0), (13, 30), (11, 10), (14, 40)]);
}

#[test]
fn a_switch_continues_behind_everything_handed_out() {
    for (kind, step) in [(Kind::Audio, 1920), (Kind::Video, 9000)] {
        let mut slot = SlotState::starting(1, 500, 1000);
        slot.commit(&packet(1, 100, 5000)).unwrap();
        slot.commit(&packet(1, 102, 5200)).unwrap();
        slot.commit(&packet(1, 101, 5100)).unwrap();
        let other = Incoming { kind, ..packet(2, 7, u32::MAX) };
        // The timestamp steps from that of the highest index, not of the latest packet.
        assert_eq!(slot.commit(&other), Ok(place(503, 1200 + step)));
        let next = Incoming { kind, ..packet(2, 8, 9) };
        assert_eq!(slot.commit(&next), Ok(place(504, 1200 + step + 10)));
    }
}

#[test]
fn timestamps_follow_the_clock_across_a_switch() {
    const MS: u64 = 1_000_000;
    for (kind, ticks_per_ms, least) in [(Kind::Audio, 48, 1920), (Kind::Video, 90, 9000)] {
        let mut slot = SlotState::starting(1, 500, 1000);
        let mut at = |run, index, timestamp, arrival| {
            let packet = Incoming { kind, arrival, ..packet(run, index, timestamp) };
            slot.commit(&packet).unwrap().timestamp
        };
        at(1, 100, 5000, 7000 * MS);
        assert_eq!(at(1, 102, 5200, 7100 * MS), 1200);
        at(1, 101, 5100, 7200 * MS);
        let mut last = 1200 + 250 * ticks_per_ms;
        assert_eq!(at(2, 7, 0, 7350 * MS), last, "since the packet of the highest index came");
        for (run, arrival) in [(3, 7350 * MS), (4, 7351 * MS), (5, 0)] {
            last += least;
            assert_eq!(at(run, 7, 77, arrival), last, "never less than the least step");
        }
        let week = 7 * 24 * 3600 * 1000 * MS;
        assert_eq!(at(6, 7, 3, week), last + (1 << 30), "never so far that it looks like a step back");
        assert_eq!(at(7, 7, 3, u64::MAX), last.wrapping_add(2 << 30));
    }
}

#[test]
fn a_late_packet_of_the_new_source_never_takes_an_old_index() {
    let mut slot = SlotState::starting(1, 500, 0);
    let before = Err(DropReason::BeforeBase);
    let taken = indices(&mut slot, &[(1, 40), (2, 100), (2, 99), (2, 101), (2, 0)]);
    assert_eq!(taken, [Ok(500), Ok(501), before, Ok(502), before]);
    assert_eq!(slot.before_base, 2);
}

#[test]
fn an_older_run_is_superseded() {
    let mut slot = SlotState::starting(1, 500, 0);
    let taken = indices(&mut slot, &[(1, 40), (3, 100), (1, 41), (2, 9), (3, 101)]);
    let superseded = Err(DropReason::Superseded);
    assert_eq!(taken, [Ok(500), Ok(501), superseded, superseded, Ok(502)]);
    assert_eq!((slot.superseded, slot.dropped(), slot.packets, slot.bytes), (2, 2, 3, 300));
}

#[test]
fn a_switch_may_have_to_wait_for_a_key_frame() {
    for started in [false, true] {
        let mut slot = SlotState::starting(1, 500, 0);
        if started {
            slot.commit(&packet(1, 40, 0)).unwrap();
        }
        let waiting = |mark| Incoming { from_keyframe: true, mark, ..packet(2, 100, 0) };
        let next = if started { 501 } else { 500 };
        let unchanged = slot;
        let refused = slot.commit(&waiting(KeyframeMark::NotStart));
        assert_eq!(refused, Err(DropReason::AwaitingKeyframe));
        assert_eq!(slot, SlotState { awaiting_keyframe: 1, ..unchanged });
        let mut unmarked = slot;
        assert_eq!(unmarked.commit(&waiting(KeyframeMark::Unmarked)).map(|out| out.index), Ok(next));
        assert_eq!(slot.commit(&waiting(KeyframeMark::Start)).map(|out| out.index), Ok(next));
        let within = Incoming { index: 101, ..waiting(KeyframeMark::NotStart) };
        assert_eq!(slot.commit(&within).map(|out| out.index), Ok(next + 1));
    }
}

#[test]
fn the_old_source_goes_on_while_the_new_one_waits() {
    let mut slot = SlotState::starting(1, 500, 0);
    let waiting = Incoming { from_keyframe: true, mark: KeyframeMark::NotStart, ..packet(2, 100, 0) };
    assert!(slot.commit(&packet(1, 40, 0)).is_ok());
    assert!(slot.commit(&waiting).is_err());
    assert_eq!(slot.commit(&packet(1, 41, 0)).map(|out| out.index), Ok(501));
}

#[test]
fn a_jump_is_shortened_and_stays_unique() {
    let mut slot = SlotState::starting(1, 500, 0);
    let jump = 100 + 50_000;
    let taken = indices(
        &mut slot,
        &[(1, 100), (1, jump), (1, jump - MAX_ADVANCE + 1), (1, jump - MAX_ADVANCE), (1, 101), (1, jump + 1)],
    );
    let before = Err(DropReason::BeforeBase);
    let top = 500 + MAX_ADVANCE;
    assert_eq!(taken, [Ok(500), Ok(top), Ok(501), before, before, Ok(top + 1)]);
}

#[test]
fn the_longest_allowed_jump_is_not_shortened() {
    let mut slot = SlotState::starting(1, 500, 0);
    let taken = indices(&mut slot, &[(1, 100), (1, 100 + MAX_ADVANCE), (1, 101)]);
    assert_eq!(taken, [Ok(500), Ok(500 + MAX_ADVANCE), Ok(501)]);
}

#[test]
fn indices_end_at_48_bits() {
    let last = INDEX_END - 1;
    let mut slot = SlotState::starting(1, last - 1, 0);
    let exhausted = Err(DropReason::IndexExhausted);
    let taken = indices(&mut slot, &[(1, 100), (1, 102), (1, 101), (1, 103), (2, 7), (1, 500_000)]);
    assert_eq!(taken, [Ok(last - 1), exhausted, Ok(last), exhausted, exhausted, exhausted]);
    assert_eq!(slot.packets, 2);
}

#[test]
fn timestamps_wrap() {
    let mut slot = SlotState::starting(1, 1, u32::MAX - 10);
    slot.commit(&packet(1, 100, 5)).unwrap();
    assert_eq!(slot.commit(&packet(1, 101, 25)).unwrap().timestamp, 9);
    assert_eq!(slot.commit(&packet(1, 102, 4)).unwrap().timestamp, u32::MAX - 11);
}
