//! A conference in small: sources, one receiver's slots, and CPUs that work on packets step by step.
//!
//! Every step between two locks is one turn, and the turns of the CPUs are mixed at will, so that
//! whatever order real CPUs could produce is produced here. A journal of what happened is all that the
//! properties look at.

use std::{cell::Cell, collections::VecDeque};

use sft_common::{
    decision::{self, Route},
    drops::DropReason,
    extension::KeyframeMark,
    flight::Flight,
    list::{List, NOT_IN_LIST},
    maps::{AUDIO_SLOTS, ENTRY_FROM_KEYFRAME, Kind, ListEntry, SourceControl},
    slot::{Outgoing, SlotState},
    source::{PacketFacts, SourceState},
    speaker::{self, SpeakerStore},
};

/// A packet as its sender made it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) source: usize,
    /// 48-bit index.
    pub(crate) index: u64,
    pub(crate) padding_only: bool,
    /// Audio only.
    pub(crate) level: u8,
    pub(crate) mark: KeyframeMark,
    /// Number of the frame that it begins.
    pub(crate) frame: Option<u16>,
}

/// Ticks between two packets: makes the timestamp a function of the index.
pub(crate) const TICKS: u32 = 960;

impl Sent {
    pub(crate) fn timestamp(&self) -> u32 {
        (self.index as u32).wrapping_mul(TICKS)
    }
}

/// What became of a packet: at the source once, at slots once per copy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Refused(DropReason),
    /// The slot, the run and the place there.
    Copied(usize, u64, Result<Outgoing, DropReason>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) sent: Sent,
    /// When it was taken in; several CPUs may say it in another order.
    pub(crate) arrival: u64,
    pub(crate) outcome: Outcome,
}

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

/// Where a CPU is with its packet.
enum Step {
    Admit(Sent, u64),
    Commit(Sent, u64, u64),
    Route(Sent, Flight, SourceControl),
    Copies(Sent, Flight, VecDeque<ListEntry>),
}

pub(crate) struct World {
    kind: Kind,
    pub(crate) sources: Vec<SourceState>,
    control: Vec<SourceControl>,
    entries: Vec<ListEntry>,
    cells: Cells,
    pub(crate) slots: Vec<SlotState>,
    runs: u32,
    /// Video: the subscriptions that stand, as (source, run, from a key frame).
    subscribed: Vec<(usize, u32, bool)>,
    cpus: Vec<(VecDeque<Sent>, Option<Step>)>,
    clock: u64,
    pub(crate) journal: Vec<Entry>,
}

/// Output index that every slot starts with.
pub(crate) const OUT_START: u64 = 65_000;

impl World {
    /// `starts`: the first index of each source.
    pub(crate) fn new(kind: Kind, starts: &[u64], cpus: usize) -> World {
        let slots = match kind {
            Kind::Audio => AUDIO_SLOTS,
            Kind::Video => 1,
        };
        let everybody = ListEntry { leg: 9, slot: 0, run: 0, flags: 0 };
        let list = if kind == Kind::Audio { 1 } else { 0 };
        World {
            kind,
            sources: starts.iter().map(|start| SourceState::starting_at(start - 1)).collect(),
            control: vec![SourceControl { list }; starts.len()],
            entries: vec![everybody],
            cells: Cells(Default::default()),
            slots: (0..slots as u32).map(|ssrc| SlotState::starting(ssrc, OUT_START, 0)).collect(),
            runs: 0,
            subscribed: Vec::new(),
            clock: 0,
            cpus: (0..cpus).map(|_| (VecDeque::new(), None)).collect(),
            journal: Vec::new(),
        }
    }

    /// Video: the slot shall turn to this source.
    pub(crate) fn subscribe(&mut self, source: usize, from_keyframe: bool) {
        self.runs += 1;
        self.subscribed.push((source, self.runs, from_keyframe));
        self.publish();
    }

    /// Video: all but the newest subscription end.
    pub(crate) fn end_old_subscriptions(&mut self) {
        self.subscribed.drain(..self.subscribed.len().saturating_sub(1));
        self.publish();
    }

    fn publish(&mut self) {
        for source in 0..self.sources.len() {
            let first = self.entries.len() as u32;
            for (_, run, from_keyframe) in self.subscribed.iter().filter(|s| s.0 == source) {
                let flags = if *from_keyframe { ENTRY_FROM_KEYFRAME } else { 0 };
                self.entries.push(ListEntry { leg: 9, slot: 0, run: *run, flags });
            }
            let len = self.entries.len() as u32 - first;
            self.control[source].list = List { first, len, own: NOT_IN_LIST }.to_word();
        }
    }

    /// Audio: a slot's holder loses it, to a source or to nobody.
    pub(crate) fn replace_speaker(&mut self, slot: usize, next: Option<usize>) {
        let cell = &self.cells.0[slot % AUDIO_SLOTS];
        cell.set(match next {
            Some(source) => speaker::claimed(cell.get(), source as u32),
            None => speaker::freed(cell.get()),
        });
    }

    /// Time passes, in ns.
    pub(crate) fn pass(&mut self, time: u64) {
        self.clock += time;
    }

    pub(crate) fn arrive(&mut self, cpu: usize, sent: Sent) {
        self.cpus[cpu].0.push_back(sent);
    }

    /// Lets a CPU do what it does until it next lets go of a lock; `false` if it has nothing to do.
    pub(crate) fn turn(&mut self, cpu: usize) -> bool {
        let step = match self.cpus[cpu].1.take() {
            Some(step) => step,
            None => match self.cpus[cpu].0.pop_front() {
                Some(sent) => Step::Admit(sent, self.clock),
                None => return false,
            },
        };
        self.cpus[cpu].1 = self.advance(step);
        true
    }

    /// Until nobody has anything to do.
    pub(crate) fn finish(&mut self) {
        while (0..self.cpus.len()).any(|cpu| self.turn(cpu)) {}
    }

    fn advance(&mut self, step: Step) -> Option<Step> {
        match step {
            Step::Admit(sent, arrival) => match self.sources[sent.source].admit(sent.index as u16) {
                Ok(index) => {
                    assert_eq!(index, sent.index, "the estimate");
                    Some(Step::Commit(sent, arrival, index))
                }
                Err(reason) => self.refuse(sent, arrival, reason),
            },
            Step::Commit(sent, arrival, index) => {
                let control = self.control[sent.source];
                let facts = self.facts(&sent);
                match self.sources[sent.source].commit(index, &facts, 1) {
                    Ok(admitted) => {
                        let flight = Flight {
                            arrival,
                            effective: admitted.effective,
                            gate_run: admitted.gate_run,
                            kind: self.kind as u32,
                            mark: sent.mark as u32,
                            timestamp: sent.timestamp(),
                            frame_id: sent.frame.unwrap_or(0),
                            frame_id_offset: if sent.frame.is_some() { 26 } else { 0 },
                            ..Flight::default()
                        };
                        Some(Step::Route(sent, flight, control))
                    }
                    Err(reason) => self.refuse(sent, arrival, reason),
                }
            }
            Step::Route(sent, flight, control) => {
                match decision::route(self.kind, sent.source as u32, &control, &self.cells) {
                    Ok(route) => {
                        let Route { list, slot_offset, run_high } = route;
                        let (first, len) = (list.first as usize, list.len as usize);
                        let list = self.entries[first..first + len].iter().copied().collect();
                        Some(Step::Copies(sent, Flight { slot_offset, run_high, ..flight }, list))
                    }
                    Err(reason) => self.refuse(sent, flight.arrival, reason),
                }
            }
            Step::Copies(sent, flight, mut list) => {
                let entry = list.pop_front()?;
                let slot = decision::slot_of(&entry, &flight) as usize;
                let incoming = decision::incoming(&entry, &flight);
                let place = self.slots[slot].commit(&incoming);
                let outcome = Outcome::Copied(slot, incoming.run, place);
                self.journal.push(Entry { sent, arrival: flight.arrival, outcome });
                Some(Step::Copies(sent, flight, list))
            }
        }
    }

    fn facts(&self, sent: &Sent) -> PacketFacts {
        PacketFacts {
            kind: self.kind,
            timestamp: sent.timestamp(),
            bytes: 100,
            level: (self.kind == Kind::Audio).then_some(sent.level),
            padding_only: sent.padding_only,
            keyframe: sent.mark,
        }
    }

    fn refuse(&mut self, sent: Sent, arrival: u64, reason: DropReason) -> Option<Step> {
        self.journal.push(Entry { sent, arrival, outcome: Outcome::Refused(reason) });
        None
    }
}
