//! Who gets a packet, and what a copy asks its slot.

use std::cell::Cell;

use sft_common::{
    decision::{Route, incoming, route, run_of, slot_of},
    drops::DropReason,
    extension::KeyframeMark,
    flight::Flight,
    list::List,
    maps::{AUDIO_SLOTS, ENTRY_FROM_KEYFRAME, ENTRY_OWN_SLOT, Kind, ListEntry, SourceControl},
    speaker::{SpeakerStore, claimed},
};

#[derive(Default)]
struct Cells([Cell<u64>; AUDIO_SLOTS]);

impl SpeakerStore for Cells {
    fn load(&self, i: usize) -> u64 {
        self.0[i].get()
    }
    fn exchange(&self, i: usize, from: u64, to: u64) -> bool {
        let same = self.0[i].get() == from;
        if same {
            self.0[i].set(to);
        }
        same
    }
}

const LIST: List = List { first: 70, len: 3, own: 1 };

#[test]
fn video_goes_to_its_list() {
    let control = SourceControl { list: LIST.to_word() };
    let cells = Cells::default();
    let expected = Route { list: LIST, slot_offset: 0, run_high: 0 };
    assert_eq!(route(Kind::Video, 5, &control, &cells), Ok(expected));
    assert!(cells.0.iter().all(|cell| cell.get() == 0));
}

#[test]
fn audio_goes_to_its_list_in_the_speakers_slot() {
    let control = SourceControl { list: LIST.to_word() };
    let cells = Cells::default();
    cells.0[0].set(claimed(0, 76));
    cells.0[1].set(claimed(9 << 32, 77));
    cells.0[2].set(3 << 32);
    let expected = Route { list: LIST, slot_offset: 2, run_high: 4 };
    assert_eq!(route(Kind::Audio, 5, &control, &cells), Ok(expected));
}

#[test]
fn nobody_listening_means_no_slot_is_taken() {
    let cells = Cells::default();
    let alone = List { first: 3, len: 1, own: 0 };
    for (kind, list) in [(Kind::Audio, List::EMPTY), (Kind::Video, List::EMPTY), (Kind::Audio, alone)] {
        let control = SourceControl { list: list.to_word() };
        assert_eq!(route(kind, 5, &control, &cells), Err(DropReason::NoReceiver));
    }
    assert!(cells.0.iter().all(|cell| cell.get() == 0));
}

#[test]
fn without_a_free_cell_audio_is_not_heard() {
    let cells = Cells::default();
    for cell in &cells.0 {
        cell.set(claimed(0, 1000));
    }
    let control = SourceControl { list: LIST.to_word() };
    assert_eq!(route(Kind::Audio, 5, &control, &cells), Err(DropReason::NoAudioSlot));
}

#[test]
fn a_copy_names_its_run_and_slot() {
    let entry = ListEntry { leg: 1, slot: 40, run: 6, flags: ENTRY_FROM_KEYFRAME };
    let video = Flight { kind: Kind::Video as u32, gate_run: 9, run_high: 9, ..Flight::default() };
    assert_eq!((run_of(&entry, &video), slot_of(&entry, &video)), (6 << 32, 40));
    let audio =
        Flight { kind: Kind::Audio as u32, gate_run: 2, run_high: 3, slot_offset: 4, ..Flight::default() };
    assert_eq!((run_of(&entry, &audio), slot_of(&entry, &audio)), (3 << 32 | 2, 44));

    let own = ListEntry { flags: ENTRY_OWN_SLOT, ..entry };
    assert_eq!((run_of(&own, &audio), slot_of(&own, &audio)), (6 << 32 | 2, 40));

    let flight = Flight { effective: 12, timestamp: 13, payload_len: 14, mark: 1, ..video };
    let asked = incoming(&entry, &flight);
    assert!(asked.from_keyframe);
    assert_eq!((asked.index, asked.timestamp, asked.bytes), (12, 13, 14));
    assert_eq!((asked.kind, asked.mark), (Kind::Video, KeyframeMark::Start));
    assert!(!incoming(&ListEntry { flags: 0, ..entry }, &flight).from_keyframe);
}

#[test]
fn marks_and_kinds_survive_as_numbers() {
    for mark in [KeyframeMark::Unmarked, KeyframeMark::Start, KeyframeMark::NotStart] {
        assert_eq!(KeyframeMark::from_number(mark as u32), mark);
    }
    for kind in [Kind::Audio, Kind::Video] {
        assert_eq!(Kind::from_number(kind as u32), kind);
    }
}
