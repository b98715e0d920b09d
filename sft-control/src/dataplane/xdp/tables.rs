//! Publishing tables: records first, then the one word that refers to them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
};

use sft_common::{
    maps::{AUDIO_SLOTS, Kind, ListEntry, SourceControl, SourceKey, SourceRecord, bpf_spin_lock},
    slot::SlotState,
    source::{LockedSource, SourceState},
    speaker,
};

use super::{
    Conference, KernelLane, LaneError, Source, kernel,
    keystream::{self as stream, Stream},
    lists::WrittenList,
};
use crate::{
    core::table::{self, ConferenceId, ConferenceTable, LegId, Receiver},
    dataplane::compile::{Lists, Place},
};

/// Words of `SourceControl`.
const LIST: usize = 0;
/// `BPF_F_LOCK`: the kernel takes the record's lock for the copy.
pub(super) const LOCKED: u64 = 4;

/// The lists of a table that is being published.
struct Written<'a> {
    compiled: Lists<'a>,
    /// Those that are in the map, by what they say.
    lists: HashMap<*const [ListEntry], Arc<WrittenList>>,
}

impl KernelLane {
    pub(super) fn take_table(&mut self, table: &ConferenceTable) -> Result<(), LaneError> {
        let conference = table.conference;
        self.conference(conference)?;
        let named: HashSet<_> = table.sources.iter().map(|source| (source.leg, source.ssrc)).collect();
        self.drop_sources(conference, |key| !named.contains(key));
        for receiver in &table.receivers {
            self.make_slots(receiver)?;
        }
        if let Some(found) = self.conferences.get_mut(&conference) {
            found.receivers.clone_from(&table.receivers);
        }
        self.note_listed(table);
        let places = table.receivers.iter().filter_map(|receiver| {
            let state = self.legs.get(&receiver.leg)?;
            Some(Place { receiver, leg: state.number, first_slot: state.slots?.0 })
        });
        let mut lists = Written { compiled: Lists::new(places), lists: HashMap::new() };
        for source in &table.sources {
            self.take_source(table.conference, &mut lists, source)?;
        }
        self.note_in_force(conference, Some(table));
        Ok(())
    }

    /// The number of a conference.
    fn conference(&mut self, conference: ConferenceId) -> Result<u32, LaneError> {
        if let Some(found) = self.conferences.get(&conference) {
            return Ok(found.number);
        }
        let number = self.numbers.conferences.take(1)?;
        // Runs of a cell go on growing from conference to conference.
        for cell in 0..AUDIO_SLOTS {
            let word = self.maps.speakers.word(number, cell);
            word.store(speaker::freed(word.load(Ordering::SeqCst)), Ordering::SeqCst);
        }
        let found = Conference { number, ..Conference::default() };
        self.conferences.insert(conference, found);
        Ok(number)
    }

    /// A leg's slots are made once and live as long as it does. Their numbers follow each other, so that there is
    /// room for those that it gets a name for later.
    fn make_slots(&mut self, receiver: &Receiver) -> Result<(), LaneError> {
        let leg = self.leg(receiver.leg)?;
        let (key, made) = (leg.transmit.clone(), leg.made);
        let first = match leg.slots {
            Some((first, _)) => first,
            None => self.take_slots(receiver)?,
        };
        for (number, (kind, start)) in (first..).zip(receiver.slots()).skip(made) {
            self.write_slot(number, SlotState::starting(start.ssrc, start.index, start.timestamp))?;
            let place = stream::Place::Slot(number);
            self.maps.keystream.add(Stream { place, kind, ssrc: start.ssrc, key: key.clone() });
            if let Some(leg) = self.legs.get_mut(&receiver.leg) {
                leg.made += 1;
            }
        }
        Ok(())
    }

    fn take_slots(&mut self, receiver: &Receiver) -> Result<u32, LaneError> {
        let len = receiver.room() as u32;
        let first = self.numbers.slots.take(len)?;
        if let Some(leg) = self.legs.get_mut(&receiver.leg) {
            leg.slots = Some((first, len));
        }
        Ok(first)
    }

    /// The state and its readable part.
    pub(super) fn write_source(&mut self, number: u32, state: SourceState) -> Result<(), LaneError> {
        let record = LockedSource { lock: bpf_spin_lock::default(), pad: 0, state };
        self.maps
            .source_state
            .set(number, record, LOCKED)
            .map_err(|error| kernel("writing a source", error))?;
        self.maps.source_stats.write(number, state.stats());
        Ok(())
    }

    fn take_source(
        &mut self,
        conference: ConferenceId,
        lists: &mut Written<'_>,
        source: &table::Source,
    ) -> Result<(), LaneError> {
        let key = (source.leg, source.ssrc);
        let is_new = !self.sources.contains_key(&key);
        if is_new {
            self.add_source(conference, source)?;
        }
        self.switch_list(lists, source)?;
        if is_new { self.admit(key) } else { Ok(()) }
    }

    /// Everything of a source but its list and its entry in `SOURCE_IDS`.
    fn add_source(&mut self, conference: ConferenceId, source: &table::Source) -> Result<(), LaneError> {
        let leg = self.leg(source.leg)?.number;
        let speakers = self.conference(conference)?;
        let number = self.numbers.sources.take(1)?;
        let kind = source.media.kind();
        let record = SourceRecord {
            leg,
            ssrc: source.ssrc,
            csrc: source.csrc,
            kind: kind as u32,
            conference: speakers,
            pad: 0,
        };
        self.maps.sources.set(number, record, 0).map_err(|error| kernel("writing a source", error))?;
        let key = (source.leg, source.ssrc);
        let learned = self.learned.remove(&key).map(SourceState::starting_at);
        let state = self.parked.remove(&key).or(learned).unwrap_or_default();
        self.write_source(number, state)?;
        self.maps.source_control.write(number, SourceControl::default());
        let added = Source { number, kind, list: WrittenList::empty() };
        self.sources.insert((source.leg, source.ssrc), added);
        let key = self.leg(source.leg)?.receive.clone();
        self.maps.keystream.add(Stream {
            place: stream::Place::Source(number),
            kind,
            ssrc: source.ssrc,
            key,
        });
        self.by_number.insert(number, source.leg);
        if let Some(leg) = self.legs.get_mut(&source.leg) {
            leg.sources.push(number);
        }
        if let Some(found) = self.conferences.get_mut(&conference) {
            found.sources.push((source.leg, source.ssrc));
        }
        Ok(())
    }

    /// From now on packets of the source find it.
    fn admit(&mut self, (leg, ssrc): (LegId, u32)) -> Result<(), LaneError> {
        let Some(source) = self.sources.get(&(leg, ssrc)) else { return Ok(()) };
        let key = SourceKey { leg: self.leg(leg)?.number, ssrc };
        let inserted = self.maps.source_ids.insert(key, source.number, 0);
        inserted.map_err(|error| kernel("writing a source", error))
    }

    /// Refers to a new list; the old one rests once nobody refers to it.
    fn switch_list(&mut self, lists: &mut Written<'_>, source: &table::Source) -> Result<(), LaneError> {
        let Some(known) = self.sources.get(&(source.leg, source.ssrc)) else { return Ok(()) };
        let entries = lists.compiled.of(source, &known.list.entries);
        let contents = Arc::as_ptr(&entries);
        if Arc::ptr_eq(&entries, &known.list.entries) {
            lists.lists.insert(contents, known.list.clone());
            return Ok(());
        }
        let list = match lists.lists.get(&contents) {
            Some(list) => list.clone(),
            None => {
                let before = known.list.clone();
                self.write_list(entries, &before)?
            }
        };
        lists.lists.insert(contents, list.clone());
        let leg = self.leg(source.leg)?.number;
        let word = lists.compiled.reference(source, &list.entries, list.first(), leg).to_word();
        if let Some(known) = self.sources.get_mut(&(source.leg, source.ssrc)) {
            self.maps.source_control.store(known.number, LIST, word);
            let old = std::mem::replace(&mut known.list, list);
            self.release_list(old);
        }
        Ok(())
    }

    /// Forgets sources of a conference, and frees the audio slots they hold.
    pub(super) fn drop_sources(&mut self, conference: ConferenceId, which: impl Fn(&(LegId, u32)) -> bool) {
        let Some(found) = self.conferences.get_mut(&conference) else { return };
        let cells = found.number;
        let gone: Vec<(LegId, u32)> = found.sources.extract_if(.., |key| which(key)).collect();
        for key in gone {
            let Some(source) = self.sources.remove(&key) else { continue };
            if let Some(leg) = self.legs.get_mut(&key.0) {
                leg.sources.retain(|number| *number != source.number);
                // It is there: nobody else removes.
                let _ = self.maps.source_ids.remove(&SourceKey { leg: leg.number, ssrc: key.1 });
            }
            self.maps.source_control.store(source.number, LIST, 0);
            // Should it come back, what has been let in must not come in again.
            if let Ok(record) = self.maps.source_state.get(&source.number, LOCKED) {
                self.parked.insert(key, record.state);
            }
            self.by_number.remove(&source.number);
            if source.kind == Kind::Audio {
                self.release_speaker(cells, source.number);
            }
            self.maps.keystream.remove(stream::Place::Source(source.number));
            self.release_list(source.list);
            self.numbers.sources.give_back(source.number, 1);
        }
    }

    fn release_speaker(&self, conference: u32, source: u32) {
        for cell in 0..AUDIO_SLOTS {
            let word = self.maps.speakers.word(conference, cell);
            let value = word.load(Ordering::SeqCst);
            if speaker::holder_source(value) == Some(source) {
                // Only the holder's own packets could claim it again, and they do not find it any more.
                let _ =
                    word.compare_exchange(value, speaker::freed(value), Ordering::SeqCst, Ordering::SeqCst);
            }
        }
    }

    pub(super) fn drop_conference(&mut self, conference: ConferenceId) {
        self.drop_sources(conference, |_| true);
        self.note_in_force(conference, None);
        self.passing.remove(&conference);
        if let Some(found) = self.conferences.remove(&conference) {
            self.numbers.conferences.give_back(found.number, 1);
        }
    }
}
