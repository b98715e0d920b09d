//! The speaker cells of a conference.

use std::cell::Cell;

use sft_common::{
    maps::AUDIO_SLOTS,
    speaker::{self, SpeakerStore},
};

use super::UserLane;
use crate::core::table::{ConferenceId, LegId, Speaker, Speakers};

/// As in `sft_common::maps::SpeakerCells`; one thread owns them.
#[derive(Debug, Default)]
pub(super) struct Cells([Cell<u64>; AUDIO_SLOTS]);

impl SpeakerStore for Cells {
    fn load(&self, i: usize) -> u64 {
        self.0.get(i).map_or(0, Cell::get)
    }

    fn exchange(&self, i: usize, from: u64, to: u64) -> bool {
        self.0.get(i).is_some_and(|cell| cell.get() == from && cell.replace(to) == from)
    }
}

impl Cells {
    /// Frees what this source holds.
    pub(super) fn release(&self, source: u32) {
        for cell in &self.0 {
            if speaker::holder_source(cell.get()) == Some(source) {
                cell.set(speaker::freed(cell.get()));
            }
        }
    }

    fn is_held_by(&self, source: u32) -> bool {
        self.0.iter().any(|cell| speaker::holder_source(cell.get()) == Some(source))
    }

    /// Continues a cell that another lane had.
    pub(super) fn restore(&self, i: usize, run: u32, source: Option<u32>) {
        let free = u64::from(run) << 32;
        if let Some(cell) = self.0.get(i) {
            cell.set(free | source.map_or(0, |source| u64::from(source) + 1));
        }
    }
}

impl UserLane {
    pub(super) fn speakers_of(&self, conference: ConferenceId) -> Speakers {
        let mut speakers = Speakers::default();
        let Some(found) = self.conferences.get(&conference) else { return speakers };
        for (i, speaker) in speakers.iter_mut().enumerate() {
            let cell = found.cells.load(i);
            let source = speaker::holder_source(cell).and_then(|number| self.source(number));
            *speaker = source.map(|source| Speaker { leg: source.leg, run: speaker::run(cell) });
        }
        speakers
    }

    /// `None` if there is no such slot or the cell is not as the caller believes, if `next` sends no audio, or if
    /// it holds a slot already.
    pub(super) fn exchange_speaker(
        &self,
        conference: ConferenceId,
        slot: u8,
        holder: Option<Speaker>,
        next: Option<LegId>,
    ) -> Option<bool> {
        let (slot, found) = (usize::from(slot), self.conferences.get(&conference)?);
        if *self.speakers_of(conference).get(slot)? != holder {
            return None;
        }
        let cell = found.cells.load(slot);
        let to = match next {
            None => speaker::freed(cell),
            Some(leg) => {
                let source = self.audio_source(conference, leg)?;
                if found.cells.is_held_by(source) {
                    return None;
                }
                speaker::claimed(cell, source)
            }
        };
        Some(found.cells.exchange(slot, cell, to))
    }
}
