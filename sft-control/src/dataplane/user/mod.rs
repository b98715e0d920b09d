//! The userspace lane: the same decisions as the XDP programs, made in this process for packets that
//! arrive on sockets.
//!
//! It opens no socket and reads no clock: datagrams in, datagrams out. It carries what the kernel cannot, and
//! it is what the kernel lane is compared with.

mod copies;
mod forward;
mod speakers;
mod tables;

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};

use sft_common::{
    drops::DropReason,
    list::List,
    maps::{Kind, ListEntry},
    slot::SlotState,
    source::SourceState,
};

use self::speakers::Cells;
use super::{
    Arrival, ConferenceState, Counters, Lane, LaneError, LegKeys, SlotReading, SourceReading, Tuple,
};
use crate::{
    core::table::{ConferenceId, ConferenceTable, LegId, Receiver, Speaker, Speakers},
    srtp::RtpCipher,
};

/// Arrivals that are kept for a leg until they are taken; more than a second of video.
const ARRIVALS: usize = 4096;

/// Where copies go.
pub trait Outbox {
    /// Send this datagram from `tuple.local` to `tuple.remote`.
    fn push(&mut self, tuple: Tuple, datagram: &[u8]);
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Copied to whoever receives it; a copy that ended is counted.
    Finished,
    /// Its SSRC is unknown, and something may be learned from it.
    Unknown { leg: LegId },
    /// Ended here, and counted.
    Dropped(DropReason),
}

/// The lane.
#[derive(Default)]
pub struct UserLane {
    tuples: HashMap<Tuple, LegId>,
    legs: HashMap<LegId, Leg>,
    conferences: HashMap<ConferenceId, Conference>,
    /// Handed to the other lane; whatever arrives for them is in the wrong one.
    handed_over: HashSet<ConferenceId>,
    /// By number, which is what speaker cells hold.
    sources: Vec<Option<Source>>,
    /// Numbers below the length of `sources` that are free.
    free: Vec<u32>,
    source_ids: HashMap<(LegId, u32), u32>,
    /// Index of the packet that a source, not in a table yet, was learned from.
    learned: HashMap<(LegId, u32), u64>,
    counters: Counters,
    drops: Drops,
    /// One copy at a time.
    copy: Vec<u8>,
}

/// By [`DropReason`] number.
struct Drops([u64; DropReason::COUNT]);

impl Default for Drops {
    fn default() -> Self {
        Drops([0; DropReason::COUNT])
    }
}

struct Leg {
    conference: ConferenceId,
    receive: RtpCipher,
    transmit: RtpCipher,
    egress: Option<Tuple>,
    /// Packets of unknown SSRCs that may still be learned from.
    learning: u32,
    /// Audio slots, then video slots. They live as long as the leg, whatever tables say: numbers that were
    /// handed out under its key must not be handed out again.
    slots: Vec<SlotState>,
    /// Sources that are in no table now, by SSRC, for the same reason: the slots rely on every index coming
    /// in once.
    retired: HashMap<u32, SourceState>,
    arrivals: Vec<Arrival>,
}

impl Leg {
    fn new(conference: ConferenceId, receive: RtpCipher, transmit: RtpCipher) -> Leg {
        Leg {
            conference,
            receive,
            transmit,
            egress: None,
            learning: 0,
            slots: Vec::new(),
            retired: HashMap::new(),
            arrivals: Vec::new(),
        }
    }
}

#[derive(Default)]
struct Conference {
    receivers: Vec<Arc<Receiver>>,
    /// Numbers of its sources.
    sources: Vec<u32>,
    cells: Cells,
}

struct Source {
    conference: ConferenceId,
    leg: LegId,
    ssrc: u32,
    csrc: u32,
    kind: Kind,
    entries: Arc<[ListEntry]>,
    /// `entries` from number 0 on.
    list: List,
    state: SourceState,
}

impl UserLane {
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts something that ended outside the lane, on its way in or out.
    pub fn count_drop(&mut self, reason: DropReason) {
        self.drops.0[reason as usize] += 1;
    }
}

impl Lane for UserLane {
    fn install_leg(&mut self, conference: ConferenceId, leg: LegId, keys: &LegKeys) -> Result<(), LaneError> {
        let (receive, transmit) = (RtpCipher::new(&keys.receive)?, RtpCipher::new(&keys.transmit)?);
        match self.legs.entry(leg) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                (known.receive, known.transmit) = (receive, transmit);
            }
            Entry::Vacant(place) => drop(place.insert(Leg::new(conference, receive, transmit))),
        }
        Ok(())
    }

    fn accept_tuple(&mut self, leg: LegId, tuple: Tuple) -> Result<(), LaneError> {
        self.tuples.insert(tuple, leg);
        Ok(())
    }

    fn select_tuple(&mut self, leg: LegId, tuple: Tuple) -> Result<(), LaneError> {
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.egress = Some(tuple);
        }
        Ok(())
    }

    fn remove_leg(&mut self, leg: LegId) {
        self.tuples.retain(|_, holder| *holder != leg);
        self.learned.retain(|(holder, _), _| *holder != leg);
        let Some(removed) = self.legs.remove(&leg) else { return };
        self.remove_sources(removed.conference, |source| source.leg == leg);
    }

    fn allow_learning(&mut self, leg: LegId, packets: u32) {
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.learning = packets;
        }
    }

    fn publish(&mut self, table: &ConferenceTable) -> Result<(), LaneError> {
        let conference = table.conference;
        if self.handed_over.contains(&conference) {
            let reason = "it was handed to the other lane".into();
            return Err(LaneError::NotCarried { conference, reason });
        }
        self.take_table(table);
        Ok(())
    }

    fn remove_conference(&mut self, conference: ConferenceId) {
        self.remove_sources(conference, |_| true);
        self.conferences.remove(&conference);
        self.handed_over.remove(&conference);
    }

    fn learned(&mut self, leg: LegId, ssrc: u32, index: u64) {
        self.learned.insert((leg, ssrc), index);
    }

    fn speakers(&self, conference: ConferenceId) -> Speakers {
        self.speakers_of(conference)
    }

    fn replace_speaker(
        &mut self,
        conference: ConferenceId,
        slot: u8,
        holder: Option<Speaker>,
        next: Option<LegId>,
    ) -> bool {
        self.exchange_speaker(conference, slot, holder, next).unwrap_or(false)
    }

    fn sources(&self, conference: ConferenceId) -> Vec<SourceReading> {
        let sources = self.sources_of(conference).map(|(_, source)| source);
        sources
            .map(|source| SourceReading { leg: source.leg, ssrc: source.ssrc, stats: source.state.stats() })
            .collect()
    }

    fn slots(&self, conference: ConferenceId) -> Vec<SlotReading> {
        let receivers = self.conferences.get(&conference).into_iter().flat_map(|found| &found.receivers);
        let legs = receivers.filter_map(|receiver| Some((receiver.leg, self.legs.get(&receiver.leg)?)));
        legs.flat_map(|(leg, state)| state.slots.iter().map(move |slot| SlotReading::of(leg, slot))).collect()
    }

    fn slot(&self, receiver: LegId, place: usize) -> Option<SlotReading> {
        Some(SlotReading::of(receiver, self.legs.get(&receiver)?.slots.get(place)?))
    }

    fn slots_of(&self, receiver: LegId) -> Vec<SlotReading> {
        let slots = self.legs.get(&receiver).into_iter().flat_map(|leg| &leg.slots);
        slots.map(|slot| SlotReading::of(receiver, slot)).collect()
    }

    fn take_arrivals(&mut self, leg: LegId, into: &mut Vec<Arrival>) {
        let Some(leg) = self.legs.get_mut(&leg) else { return };
        let Some(base) = leg.arrivals.first().map(|arrival| arrival.sequence) else { return };
        leg.arrivals.sort_by_key(|arrival| arrival.sequence.wrapping_sub(base) as i16);
        leg.arrivals.dedup_by_key(|arrival| arrival.sequence);
        into.append(&mut leg.arrivals);
    }

    fn export(&mut self, conference: ConferenceId) -> Option<ConferenceState> {
        let state = self.state_of(conference);
        self.remove_conference(conference);
        self.handed_over.insert(conference);
        for leg in self.legs.values_mut().filter(|leg| leg.conference == conference) {
            leg.slots.clear();
            leg.retired.clear();
        }
        state
    }

    fn import(&mut self, conference: ConferenceId, state: ConferenceState) {
        self.continue_from(conference, &state);
    }

    fn counters(&self) -> Counters {
        let drops = DropReason::ALL.iter().map(|reason| (*reason, self.drops.0[*reason as usize])).collect();
        Counters { drops, ..self.counters.clone() }
    }
}

#[cfg(test)]
mod tests;
