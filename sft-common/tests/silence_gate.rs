//! The silence gate: who speaks is forwarded in runs without holes of the gate's making.

use sft_common::{
    drops::DropReason,
    extension::KeyframeMark,
    maps::Kind,
    source::{Admitted, PacketFacts, SourceState},
};

const LOUD: u8 = 0;
const MUTE: u8 = 127;

fn audio(level: impl Into<Option<u8>>) -> PacketFacts {
    PacketFacts {
        kind: Kind::Audio,
        timestamp: 0,
        bytes: 200,
        level: level.into(),
        padding_only: false,
        keyframe: KeyframeMark::Unmarked,
    }
}

fn take(state: &mut SourceState, index: u64, level: u8) -> Result<u32, DropReason> {
    state.commit(index, &audio(level), 1).map(|admitted| admitted.gate_run)
}

/// As many silent packets as it takes to close the gate; the index after them.
fn fall_silent(state: &mut SourceState, mut index: u64) -> u64 {
    while take(state, index, MUTE) != Err(DropReason::Silent) {
        index += 1;
    }
    index + 1
}

#[test]
fn levels_are_smoothed_from_the_first_one_on() {
    let mut state = SourceState::default();
    let levels: Vec<u64> = [MUTE, MUTE, 1, 0, MUTE, MUTE]
        .into_iter()
        .enumerate()
        .map(|(index, level)| {
            let _ = take(&mut state, index as u64, level);
            state.stats().level
        })
        .collect();
    assert_eq!(levels, [127, 127, 64, 32, 79, 103]);
}

#[test]
fn silence_begins_at_110() {
    let mut state = SourceState::default();
    let mut outcomes = Vec::new();
    for (index, level) in (0..).zip([LOUD, MUTE, MUTE, MUTE, MUTE]) {
        outcomes.push((take(&mut state, index, level).is_ok(), state.stats().level));
    }
    assert_eq!(outcomes, [(true, 0), (true, 63), (true, 95), (false, 111), (false, 119)]);
}

#[test]
fn who_begins_in_silence_has_not_spoken() {
    let mut state = SourceState::default();
    for index in 0..5 {
        assert_eq!(take(&mut state, index, 110), Err(DropReason::Silent));
    }
}

/// However deep the silence before it was.
#[test]
fn an_onset_is_heard_from_its_first_packet() {
    for level in 0..110 {
        let mut state = SourceState::default();
        let next = (0..50).find(|index| take(&mut state, *index, MUTE).is_ok());
        assert_eq!(next, None);
        assert_eq!(take(&mut state, 50, level), Ok(1), "level {level}");
    }
}

#[test]
fn each_return_to_speech_is_a_run_of_its_own() {
    let mut state = SourceState::default();
    assert_eq!(take(&mut state, 0, LOUD), Ok(1));
    assert_eq!(take(&mut state, 1, LOUD), Ok(1));
    let next = fall_silent(&mut state, 2);
    assert_eq!(take(&mut state, next, LOUD), Ok(2));
    assert_eq!(take(&mut state, next + 1, LOUD), Ok(2));
    let next = fall_silent(&mut state, next + 2);
    assert_eq!(take(&mut state, next, MUTE), Err(DropReason::Silent));
    assert_eq!(take(&mut state, next + 1, LOUD), Ok(3));
}

#[test]
fn a_late_packet_belongs_where_it_was_sent() {
    let mut state = SourceState::default();
    assert_eq!(take(&mut state, 0, LOUD), Ok(1));
    assert_eq!(take(&mut state, 2, LOUD), Ok(1));
    // Silent, but 2 has been numbered behind it.
    assert_eq!(take(&mut state, 1, MUTE), Ok(1));
    assert_eq!(take(&mut state, 4, LOUD), Ok(1));
    assert_eq!(state.stats().level, 0, "late packets do not move the level");

    let closed = fall_silent(&mut state, 5);
    assert_eq!(take(&mut state, 3, LOUD), Ok(1), "still the last run");
    assert_eq!(take(&mut state, closed + 1, MUTE), Err(DropReason::Silent));
    assert_eq!(take(&mut state, closed, LOUD), Err(DropReason::Silent), "loud, but amid the silence");

    assert_eq!(take(&mut state, closed + 4, LOUD), Ok(2));
    assert_eq!(take(&mut state, closed + 3, LOUD), Err(DropReason::BeforeBase));
    assert_eq!(state.stats().packets, closed + 4);
}

#[test]
fn before_the_first_word_everything_late_is_silence() {
    let mut state = SourceState::starting_at(5);
    for index in [20, 6, 30] {
        let facts = PacketFacts { padding_only: true, ..audio(MUTE) };
        let expected = if index == 6 { DropReason::Silent } else { DropReason::PaddingOnly };
        assert_eq!(state.commit(index, &facts, 1), Err(expected));
    }
}

#[test]
fn without_a_level_there_is_no_silence() {
    let mut state = SourceState::default();
    for index in 0..20 {
        assert!(state.commit(index, &audio(None), 1).is_ok());
    }
}

#[test]
fn video_has_no_gate() {
    let mut state = SourceState::default();
    let facts = PacketFacts { kind: Kind::Video, ..audio(MUTE) };
    for index in [1, 3, 2] {
        assert_eq!(state.commit(index, &facts, 1), Ok(Admitted { effective: index, gate_run: 0 }));
    }
}
