//! Taking in tables, and handing a conference's exact state over.

use std::{collections::HashSet, sync::Arc};

use sft_common::{
    list::List,
    maps::{AUDIO_SLOTS, Kind},
    slot::SlotState,
    source::SourceState,
    speaker::{self, SpeakerStore},
};

use super::{Conference, Leg, Source, UserLane};
use crate::{
    core::table::{self, ConferenceId, ConferenceTable, LegId, Receiver},
    dataplane::{
        ConferenceState,
        compile::{Lists, Place},
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
        let named: HashSet<_> = table.sources.iter().map(|source| (source.leg, source.ssrc)).collect();
        self.remove_sources(conference, |source| !named.contains(&(source.leg, source.ssrc)));
        self.conferences.entry(conference).or_default().receivers.clone_from(&table.receivers);
        for receiver in &table.receivers {
            if let Some(leg) = self.legs.get_mut(&receiver.leg) {
                leg.make_slots(receiver);
            }
        }
        let receivers = table.receivers.iter();
        let places = receivers.map(|receiver| Place { receiver, leg: receiver.leg.0, first_slot: 0 });
        let mut lists = Lists::new(places);
        for source in &table.sources {
            self.take_source(conference, &mut lists, source);
        }
    }

    fn take_source(&mut self, conference: ConferenceId, lists: &mut Lists<'_>, source: &table::Source) {
        let number = match self.source_ids.get(&(source.leg, source.ssrc)) {
            Some(&number) => number,
            None => self.add_source(conference, source),
        };
        if let Some(Some(known)) = self.sources.get_mut(number as usize) {
            known.entries = lists.of(source, &known.entries);
            known.list = lists.reference(source, &known.entries, 0, source.leg.0);
            known.csrc = source.csrc;
            known.kind = source.media.kind();
        }
    }

    fn add_source(&mut self, conference: ConferenceId, source: &table::Source) -> u32 {
        let added = Source {
            conference,
            leg: source.leg,
            ssrc: source.ssrc,
            csrc: source.csrc,
            kind: source.media.kind(),
            entries: Arc::default(),
            list: List::EMPTY,
            state: self.first_state(source),
        };
        let number = self.free.pop().unwrap_or_else(|| {
            self.sources.push(None);
            self.sources.len() as u32 - 1
        });
        self.sources[number as usize] = Some(added);
        self.source_ids.insert((source.leg, source.ssrc), number);
        self.conferences.entry(conference).or_default().sources.push(number);
        number
    }

    /// Where a source starts: where it was, or at the packet it was learned from, or anywhere.
    fn first_state(&mut self, source: &table::Source) -> SourceState {
        let learned = self.learned.remove(&(source.leg, source.ssrc));
        let retired = self.legs.get_mut(&source.leg).and_then(|leg| leg.retired.remove(&source.ssrc));
        retired.or_else(|| learned.map(SourceState::starting_at)).unwrap_or_default()
    }

    /// Takes sources out of a conference, and frees the audio slots they hold. Their legs, if they still are
    /// there, keep the states.
    pub(super) fn remove_sources(&mut self, conference: ConferenceId, which: impl Fn(&Source) -> bool) {
        let Some(found) = self.conferences.get_mut(&conference) else { return };
        let Conference { sources: numbers, cells, .. } = found;
        numbers.retain(|&number| {
            let place = self.sources.get_mut(number as usize);
            let Some(source) = place.and_then(|place| place.take_if(|source| which(source))) else {
                return true;
            };
            cells.release(number);
            self.free.push(number);
            self.source_ids.remove(&(source.leg, source.ssrc));
            if let Some(leg) = self.legs.get_mut(&source.leg) {
                leg.retired.insert(source.ssrc, source.state);
            }
            false
        });
    }

    /// Everything of a conference that moves with packets.
    pub(super) fn state_of(&self, conference: ConferenceId) -> Option<ConferenceState> {
        let found = self.conferences.get(&conference)?;
        let carried = self.sources_of(conference);
        let carried = carried.map(|(_, source)| (source.leg, source.ssrc, source.state));
        let legs = || self.legs.iter().filter(|(_, leg)| leg.conference == conference);
        let retired = legs()
            .flat_map(|(&leg, state)| state.retired.iter().map(move |(&ssrc, &state)| (leg, ssrc, state)));
        let slots =
            legs().flat_map(|(&leg, state)| state.slots.iter().map(move |&slot| (leg, slot.ssrc, slot)));
        let mut speakers = [(0, None); AUDIO_SLOTS];
        for (i, speaker) in speakers.iter_mut().enumerate() {
            let cell = found.cells.load(i);
            let holder = speaker::holder_source(cell).and_then(|number| self.source(number));
            *speaker = (speaker::run(cell), holder.map(|source| source.leg));
        }
        Some(ConferenceState { sources: carried.chain(retired).collect(), slots: slots.collect(), speakers })
    }

    /// Takes over such a state; what it does not mention stays as it is.
    pub(super) fn continue_from(&mut self, conference: ConferenceId, state: &ConferenceState) {
        for &(leg, ssrc, source) in &state.sources {
            let number = self.source_ids.get(&(leg, ssrc)).copied();
            if let Some(Some(known)) = number.and_then(|number| self.sources.get_mut(number as usize)) {
                known.state = source;
            } else if let Some(leg) = self.legs.get_mut(&leg) {
                leg.retired.insert(ssrc, source);
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

    /// The audio source of a leg.
    pub(super) fn audio_source(&self, conference: ConferenceId, leg: LegId) -> Option<u32> {
        let mut sources = self.sources_of(conference);
        sources.find(|(_, source)| source.leg == leg && source.kind == Kind::Audio).map(|(number, _)| number)
    }
}

impl Leg {
    /// A leg's slots are made once and live as long as it does.
    fn make_slots(&mut self, receiver: &Receiver) {
        let added = receiver.slots().skip(self.slots.len());
        let added: Vec<SlotState> =
            added.map(|(_, start)| SlotState::starting(start.ssrc, start.index, start.timestamp)).collect();
        self.slots.extend(added);
    }
}
