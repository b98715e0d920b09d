//! Reading back what the programs keep.

use std::sync::atomic::{AtomicU64, Ordering};

use sft_common::{
    drops::DropReason,
    maps::{ARRIVALS, AUDIO_SLOTS, Counter, Kind},
    source::SourceState,
    speaker,
};

use super::{KernelLane, tables::LOCKED};
use crate::{
    core::table::{ConferenceId, LegId, Speaker, Speakers},
    dataplane::{Arrival, ConferenceState, Counters, SourceReading},
};

/// How far behind the last arrival a newer one is looked for, before all are.
const LOOK_AHEAD: u16 = 512;

/// Whether there may be arrivals of a leg: most legs of a large conference send nothing, and their rings are
/// long.
#[derive(Default)]
pub(super) struct Traffic {
    /// Of all its sources.
    packets: u64,
    /// They have grown at the last look. The programs count a packet before they note its arrival, so it is
    /// looked for once more.
    moved: bool,
}

impl Traffic {
    fn moves(&mut self, packets: u64) -> bool {
        let before = std::mem::replace(&mut self.moved, packets != self.packets);
        self.packets = packets;
        before || self.moved
    }
}

impl KernelLane {
    pub(super) fn read_speakers(&self, conference: ConferenceId) -> Speakers {
        let mut speakers = Speakers::default();
        let Some(found) = self.conferences.get(&conference) else { return speakers };
        for (cell, speaker) in speakers.iter_mut().enumerate() {
            let value = self.maps.speakers.word(found.number, cell).load(Ordering::SeqCst);
            let leg = speaker::holder_source(value).and_then(|number| self.by_number.get(&number));
            *speaker = leg.map(|leg| Speaker { leg: *leg, run: speaker::run(value) });
        }
        speakers
    }

    pub(super) fn exchange_speaker(
        &self,
        conference: ConferenceId,
        slot: u8,
        holder: Option<Speaker>,
        next: Option<LegId>,
    ) -> Option<()> {
        let found = self.conferences.get(&conference)?;
        let cell = usize::from(slot);
        if cell >= AUDIO_SLOTS {
            return None;
        }
        let word = self.maps.speakers.word(found.number, cell);
        let value = word.load(Ordering::SeqCst);
        let held = speaker::holder_source(value).and_then(|number| self.by_number.get(&number));
        if held.map(|leg| Speaker { leg: *leg, run: speaker::run(value) }) != holder {
            return None;
        }
        let (to, source) = match next {
            None => (speaker::freed(value), None),
            Some(leg) => {
                let source = self.audio_source(conference, leg)?;
                if self.held_slots(found.number, source).next().is_some() {
                    return None;
                }
                (speaker::claimed(value, source), Some(source))
            }
        };
        word.compare_exchange(value, to, Ordering::SeqCst, Ordering::SeqCst).ok()?;
        if let Some(source) = source {
            self.settle(found.number, source);
        }
        Some(())
    }

    /// The cells that a source holds, and what stands in them.
    fn held_slots(&self, conference: u32, source: u32) -> impl Iterator<Item = (&AtomicU64, u64)> {
        let words = (0..AUDIO_SLOTS).map(move |cell| self.maps.speakers.word(conference, cell));
        words
            .map(|word| (word, word.load(Ordering::SeqCst)))
            .filter(move |(_, value)| speaker::holder_source(*value) == Some(source))
    }

    /// Packets of the source may have claimed a cell at the same time: the lowest one stays, which is the one
    /// that they find.
    fn settle(&self, conference: u32, source: u32) {
        for (word, value) in self.held_slots(conference, source).skip(1) {
            // If it is not as it was, somebody else has freed it.
            let _ = word.compare_exchange(value, speaker::freed(value), Ordering::SeqCst, Ordering::SeqCst);
        }
    }

    fn audio_source(&self, conference: ConferenceId, leg: LegId) -> Option<u32> {
        let keys = &self.conferences.get(&conference)?.sources;
        let mut sources =
            keys.iter().filter(|(holder, _)| *holder == leg).filter_map(|key| self.sources.get(key));
        sources.find(|source| source.kind == Kind::Audio).map(|source| source.number)
    }

    pub(super) fn read_sources(&self, conference: ConferenceId) -> Vec<SourceReading> {
        let keys = self.conferences.get(&conference).into_iter().flat_map(|found| &found.sources);
        let reading = |key: &(LegId, u32)| {
            let number = self.sources.get(key)?.number;
            Some(SourceReading { leg: key.0, ssrc: key.1, stats: self.maps.source_stats.read(number) })
        };
        keys.filter_map(reading).collect()
    }

    /// Of all sources in the table, and of those that have been.
    fn source_states(&self, conference: ConferenceId) -> Vec<(LegId, u32, SourceState)> {
        let keys = self.conferences.get(&conference).into_iter().flat_map(|found| &found.sources);
        let state = |key: &(LegId, u32)| {
            let source = self.maps.source_state.get(&self.sources.get(key)?.number, LOCKED).ok()?;
            Some((key.0, key.1, source.state))
        };
        let of_conference = |leg| self.legs.get(leg).is_some_and(|leg| leg.conference == conference);
        let parked = self.parked.iter().filter(|((leg, _), _)| of_conference(leg));
        let parked = parked.map(|((leg, ssrc), state)| (*leg, *ssrc, *state));
        keys.filter_map(state).chain(parked).collect()
    }

    pub(super) fn read_arrivals(&mut self, leg: LegId, into: &mut Vec<Arrival>) {
        let Some(state) = self.legs.get_mut(&leg) else { return };
        let (maps, number) = (&self.maps, state.number);
        let packets = state.sources.iter().map(|source| maps.source_stats.read(*source).packets);
        if !state.traffic.moves(packets.fold(0, u64::wrapping_add)) {
            return;
        }
        let cell = |place: usize| arrival(maps.arrivals.word(number, place).load(Ordering::Relaxed));
        let before = into.len();
        if let Some(last) = state.last_arrival {
            let next = (1..=LOOK_AHEAD).map(|step| last.sequence.wrapping_add(step));
            into.extend(next.filter_map(|sequence| {
                cell(usize::from(sequence) % ARRIVALS).filter(|arrival| arrival.sequence == sequence)
            }));
        }
        if into.len() == before {
            into.extend(arrivals_behind_gap(state.last_arrival, (0..ARRIVALS).filter_map(cell)));
        }
        if into.len() > before {
            state.last_arrival = into.last().copied();
        }
    }

    pub(super) fn read_counters(&self) -> Counters {
        let sum = |map: &aya::maps::PerCpuArray<aya::maps::MapData, u64>, index: u32| {
            map.get(&index, 0).map_or(0, |values| values.iter().sum())
        };
        let counter = |counter: Counter| sum(&self.maps.counters, counter as u32);
        Counters {
            audio_copies: counter(Counter::AudioCopies),
            video_copies: counter(Counter::VideoCopies),
            audio_bytes: counter(Counter::AudioBytes),
            video_bytes: counter(Counter::VideoBytes),
            rtp_received: counter(Counter::RtpReceived),
            rtp_passed: counter(Counter::RtpPassed),
            keystream_prepared: counter(Counter::KeystreamPrepared),
            keystream_computed: counter(Counter::KeystreamComputed),
            drops: DropReason::ALL
                .iter()
                .map(|reason| (*reason, sum(&self.maps.drops, *reason as u32)))
                .collect(),
        }
    }

    /// Stops a conference and takes its exact state.
    pub(super) fn hand_over(&mut self, conference: ConferenceId) -> Option<ConferenceState> {
        self.passing.insert(conference);
        let legs = self.legs.iter().filter(|(_, leg)| leg.conference == conference);
        let legs: Vec<LegId> = legs.map(|(leg, _)| *leg).collect();
        for leg in legs {
            self.set_passing(leg);
        }
        let found = self.conferences.get(&conference)?;
        let number = found.number;
        self.wait_for_copies();
        let mut speakers = [(0, None); AUDIO_SLOTS];
        for (cell, speaker) in speakers.iter_mut().enumerate() {
            let value = self.maps.speakers.word(number, cell).load(Ordering::SeqCst);
            let holder = speaker::holder_source(value).and_then(|number| self.by_number.get(&number));
            *speaker = (speaker::run(value), holder.copied());
        }
        let slots = self.slot_states(conference).into_iter();
        let state = ConferenceState {
            sources: self.source_states(conference),
            slots: slots.map(|(leg, state)| (leg, state.ssrc, state)).collect(),
            speakers,
        };
        self.drop_sources(conference, |_| true);
        self.note_in_force(conference, None);
        Some(state)
    }

    /// Returns when every program that ran before has ended: replacing a map in a map waits for that.
    fn wait_for_copies(&mut self) {
        if let Ok(replicator) = self.maps.replicators.get(&1, 0)
            && let Err(error) = self.maps.replicators.set(1, &replicator, 0)
        {
            tracing::warn!(%error, "copies on their way were not waited for");
        }
    }

    pub(super) fn take_over(&mut self, conference: ConferenceId, state: &ConferenceState) {
        for (leg, ssrc, source) in &state.sources {
            match self.sources.get(&(*leg, *ssrc)).map(|known| known.number) {
                // A place that exists; the kernel has no reason to refuse.
                Some(number) => drop(self.write_source(number, *source)),
                None if self.legs.contains_key(leg) => drop(self.parked.insert((*leg, *ssrc), *source)),
                None => {}
            }
        }
        for (leg, ssrc, slot) in &state.slots {
            let found = self.conferences.get(&conference).into_iter().flat_map(|found| &found.receivers);
            let receiver = found.into_iter().find(|receiver| receiver.leg == *leg);
            let place =
                receiver.and_then(|receiver| receiver.slots().position(|(_, start)| start.ssrc == *ssrc));
            let first = self.legs.get(leg).and_then(|leg| leg.slots).map(|(first, _)| first);
            if let (Some(place), Some(first)) = (place, first) {
                let _ = self.write_slot(first + place as u32, *slot);
            }
        }
        let Some(number) = self.conferences.get(&conference).map(|found| found.number) else { return };
        for (cell, (run, leg)) in state.speakers.into_iter().enumerate() {
            let source = leg.and_then(|leg| self.audio_source(conference, leg));
            let value = u64::from(run) << 32 | source.map_or(0, |source| u64::from(source) + 1);
            self.maps.speakers.word(number, cell).store(value, Ordering::SeqCst);
        }
    }
}

/// What a cell of `ARRIVALS` says.
fn arrival(value: u64) -> Option<Arrival> {
    let (sequence, micros) = ((value >> 48) as u16, value & 0xffff_ffff_ffff);
    (value != 0).then_some(Arrival { sequence, micros })
}

/// What came after `last`, or everything, in order of sequence numbers.
fn arrivals_behind_gap(last: Option<Arrival>, all: impl Iterator<Item = Arrival>) -> Vec<Arrival> {
    let mut found: Vec<Arrival> =
        all.filter(|arrival| last.is_none_or(|last| arrival.micros > last.micros)).collect();
    let earliest = found.iter().min_by_key(|arrival| arrival.micros);
    let Some(base) = last.map(|last| last.sequence).or(earliest.map(|first| first.sequence.wrapping_sub(1)))
    else {
        return Vec::new();
    };
    let distance = |arrival: &Arrival| arrival.sequence.wrapping_sub(base) as i16;
    found.retain(|arrival| distance(arrival) > 0);
    found.sort_unstable_by_key(distance);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(of: &[(u16, u64)]) -> Vec<Arrival> {
        of.iter().map(|&(sequence, micros)| Arrival { sequence, micros }).collect()
    }

    #[test]
    fn an_arrival_is_looked_for_once_more_than_packets_are_counted() {
        let mut traffic = Traffic::default();
        let looks = [0, 0, 5, 5, 5, 6, 7, 7, 7].map(|packets| traffic.moves(packets));
        assert_eq!(looks, [false, false, true, true, false, true, true, true, false]);
    }

    #[test]
    fn the_first_arrivals_are_in_order_across_the_wrap() {
        let cells = arrivals(&[(0, 30), (1, 20), (65_534, 10), (65_533, 40)]);
        let found = arrivals_behind_gap(None, cells.into_iter());
        assert_eq!(found, arrivals(&[(65_534, 10), (0, 30), (1, 20)]), "what came before is late");
        assert!(arrivals_behind_gap(None, std::iter::empty()).is_empty());
    }

    #[test]
    fn behind_a_gap_only_newer_ones_count() {
        let last = Some(Arrival { sequence: 65_000, micros: 100 });
        let cells = arrivals(&[(300, 120), (364, 130), (65_000, 100), (64_999, 110), (200, 90)]);
        let found = arrivals_behind_gap(last, cells.into_iter());
        assert_eq!(
            found,
            arrivals(&[(300, 120), (364, 130)]),
            "not late ones, nor those of an earlier round"
        );
    }
}
