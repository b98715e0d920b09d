//! Taking in tables, and handing a conference's exact state over.

use sft_common::{
    maps::AUDIO_SLOTS,
    slot::SlotState,
    source::SourceState,
    speaker::{self, SpeakerStore},
};

use super::{Conference, Leg, Source, UserLane};
use crate::{
    core::table::{self, ConferenceId, ConferenceTable, LegId, Receiver},
    dataplane::{
        ConferenceState,
        compile::{self, Place},
    },
};

impl UserLane {
    pub(super) fn source(&self, number: u32) -> Option<&Source> {
        self.sources.get(number as usize)?.as_ref()
    }

    /// Sources of a conference with their numbers.
    pub(super) fn sources_of(&self, conference: ConferenceId) -> impl Iterator<Item = (u32, &Source)> {
        let numbers = self.conferences.get(&conference).into_iter().flat_map(|found| &found.sources);
        numbers.filter_map(|&number| Some((number, self.source(number)?)))
    }

    /// Sources and slots that stay keep their state.
    pub(super) fn take_table(&mut self, table: &ConferenceTable) {
        let conference = table.conference;
        self.remove_sources(conference, |source| {
            !table.sources.iter().any(|kept| kept.leg == source.leg && kept.ssrc == source.ssrc)
        });
        self.conferences.entry(conference).or_default().receivers.clone_from(&table.receivers);
        for receiver in &table.receivers {
            if let Some(leg) = self.legs.get_mut(&receiver.leg) {
                leg.make_slots(receiver);
            }
        }
        for source in &table.sources {
            self.take_source(table, source);
        }
    }

    fn take_source(&mut self, table: &ConferenceTable, source: &table::Source) {
        let number = match self.source_ids.get(&(source.leg, source.ssrc)) {
            Some(&number) => number,
            None => self.add_source(table.conference, source),
        };
        let place = |leg: LegId| {
            let receiver = table.receivers.iter().find(|receiver| receiver.leg == leg)?;
            Some(Place { receiver, leg: leg.0, first_slot: 0 })
        };
        let entries = compile::entries(source, place);
        if let Some(Some(known)) = self.sources.get_mut(number as usize) {
            known.entries = entries;
            known.csrc = source.csrc;
            known.reserved_slot = compile::reserved_slot(source.media);
        }
    }

    fn add_source(&mut self, conference: ConferenceId, source: &table::Source) -> u32 {
        let learned = self.learned.remove(&(source.leg, source.ssrc));
        let added = Source {
            conference,
            leg: source.leg,
            ssrc: source.ssrc,
            csrc: source.csrc,
            kind: source.media.kind(),
            reserved_slot: 0,
            entries: Vec::new(),
            state: learned.map_or_else(SourceState::default, SourceState::starting_at),
        };
        let free = self.sources.iter().position(Option::is_none);
        let number = free.unwrap_or_else(|| {
            self.sources.push(None);
            self.sources.len() - 1
        });
        self.sources[number] = Some(added);
        self.source_ids.insert((source.leg, source.ssrc), number as u32);
        self.conferences.entry(conference).or_default().sources.push(number as u32);
        number as u32
    }

    /// Forgets sources of a conference, and frees the audio slots they hold.
    pub(super) fn remove_sources(&mut self, conference: ConferenceId, which: impl Fn(&Source) -> bool) {
        let Some(found) = self.conferences.get_mut(&conference) else { return };
        let Conference { sources: numbers, cells, .. } = found;
        numbers.retain(|&number| {
            let place = &mut self.sources[number as usize];
            let removed = place.take_if(|source| which(source));
            if let Some(source) = &removed {
                cells.release(number);
                self.source_ids.remove(&(source.leg, source.ssrc));
            }
            removed.is_none()
        });
    }

    pub(super) fn state_of(&self, conference: ConferenceId) -> Option<ConferenceState> {
        let found = self.conferences.get(&conference)?;
        let sources = self.sources_of(conference);
        let legs =
            found.receivers.iter().filter_map(|receiver| Some((receiver.leg, self.legs.get(&receiver.leg)?)));
        let mut speakers = [(0, None); AUDIO_SLOTS];
        for (i, speaker) in speakers.iter_mut().enumerate() {
            let cell = found.cells.load(i);
            let holder = speaker::holder_source(cell).and_then(|number| self.source(number));
            *speaker = (speaker::run(cell), holder.map(|source| source.leg));
        }
        Some(ConferenceState {
            sources: sources.map(|(_, source)| (source.leg, source.ssrc, source.state)).collect(),
            slots: legs
                .flat_map(|(leg, state)| state.slots.iter().map(move |slot| (leg, slot.ssrc, *slot)))
                .collect(),
            speakers,
        })
    }

    pub(super) fn continue_from(&mut self, conference: ConferenceId, state: &ConferenceState) {
        for (leg, ssrc, source) in &state.sources {
            let number = self.source_ids.get(&(*leg, *ssrc)).copied();
            if let Some(Some(known)) = number.and_then(|number| self.sources.get_mut(number as usize)) {
                known.state = *source;
            }
        }
        for (leg, ssrc, slot) in &state.slots {
            let slots = self.legs.get_mut(leg).map(|leg| &mut leg.slots);
            if let Some(known) = slots.and_then(|slots| slots.iter_mut().find(|known| known.ssrc == *ssrc)) {
                *known = *slot;
            }
        }
        let holders =
            state.speakers.map(|(run, leg)| (run, leg.and_then(|leg| self.audio_source(conference, leg))));
        if let Some(found) = self.conferences.get(&conference) {
            for (i, (run, holder)) in holders.into_iter().enumerate() {
                found.cells.restore(i, run, holder);
            }
        }
    }

    fn audio_source(&self, conference: ConferenceId, leg: LegId) -> Option<u32> {
        let mut sources = self.sources_of(conference);
        sources
            .find(|(_, source)| source.leg == leg && source.kind == sft_common::maps::Kind::Audio)
            .map(|(number, _)| number)
    }
}

impl Leg {
    /// A leg's slots are made once and live as long as it does.
    fn make_slots(&mut self, receiver: &Receiver) {
        if self.slots.is_empty() {
            let starts = receiver.audio.iter().chain(&receiver.video);
            self.slots =
                starts.map(|start| SlotState::starting(start.ssrc, start.index, start.timestamp)).collect();
        }
    }
}
