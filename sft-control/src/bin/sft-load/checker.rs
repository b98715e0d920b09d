//! Checks the copies that one leg receives. Pure: packets in, counts and faults out.
//!
//! What must arrive is decided afterwards, from the counts (see `verdict`); here it is decided whether what
//! arrives is right: whose it is, in which slot, with which numbers.

use std::{collections::HashMap, time::Duration};

use crate::{
    fault::{Fault, Faults},
    latency::Histogram,
    marker::{LegId, Marker, Stream},
    plan::Selected,
    source::read_marker,
};

/// A stream of a leg of the same conference.
pub(crate) type Origin = (u16, Stream);

/// One decrypted packet.
#[derive(Debug)]
pub(crate) struct Copy<'a> {
    pub(crate) ssrc: u32,
    /// Extended sequence number.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) csrc: &'a [u32],
    /// The byte of the audio level, or the first one of the frame descriptor.
    pub(crate) extension: Option<u8>,
    pub(crate) payload: &'a [u8],
}

/// What the participant list says of a leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) audio: u32,
    pub(crate) video: u32,
}

/// Copies of one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// One bit for each packet of the sender.
    seen: Vec<u64>,
    /// Different packets of the measuring window.
    pub(crate) measured: u64,
    pub(crate) duplicates: u64,
    pub(crate) misordered: u64,
    /// With any other fault.
    pub(crate) wrong: u64,
    /// Since the last selection.
    fresh: bool,
}

impl Tally {
    /// Whether this packet is new.
    fn add(&mut self, marker: &Marker) -> bool {
        let (word, bit) = (marker.counter as usize / 64, 1 << (marker.counter % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        self.measured += u64::from(new && marker.measured);
        self.duplicates += u64::from(!new);
        self.fresh = true;
        new
    }
}

#[derive(Debug)]
struct Slot {
    ssrc: u32,
    video: bool,
    /// Among the slots of the same medium.
    place: usize,
    wanted: Option<Origin>,
    /// What may still come until the first packet of what is wanted.
    passing: [Option<Origin>; 2],
    last_sequence: Option<u64>,
    run: Option<Run>,
}

/// An uninterrupted series of packets of one origin in a slot.
#[derive(Clone, Copy, Debug)]
struct Run {
    origin: Origin,
    counter: u32,
    /// Output timestamp minus the sender's.
    offset: u32,
}

/// The checker of one leg.
#[derive(Debug)]
pub(crate) struct Checker {
    run: u32,
    leg: LegId,
    slots: Vec<Slot>,
    /// By the leg's index.
    announced: Vec<Announced>,
    pub(crate) tallies: HashMap<Origin, Tally>,
    pub(crate) faults: Faults,
    /// Of the measured copies, from sender to receiver.
    pub(crate) latency: Histogram,
}

impl Checker {
    /// `run` is that of the markers; the slots are those of the offer, in order.
    pub(crate) fn new(
        run: u32,
        leg: LegId,
        legs: u16,
        audio_slots: impl Iterator<Item = u32>,
        video_slots: impl Iterator<Item = u32>,
    ) -> Self {
        let slot = |video: bool| {
            move |(place, ssrc)| Slot {
                ssrc,
                video,
                place,
                wanted: None,
                passing: [None; 2],
                last_sequence: None,
                run: None,
            }
        };
        let audio = audio_slots.enumerate().map(slot(false));
        let slots = audio.chain(video_slots.enumerate().map(slot(true))).collect();
        Checker {
            run,
            leg,
            slots,
            announced: vec![Announced::default(); usize::from(legs)],
            tallies: HashMap::new(),
            faults: Faults::default(),
            latency: Histogram::default(),
        }
    }

    /// The participant list announces these SSRCs for a leg.
    pub(crate) fn announce(&mut self, leg: u16, announced: Announced) {
        if let Some(known) = self.announced.get_mut(usize::from(leg)) {
            *known = announced;
        }
    }

    /// A new selection is on its way to the server; entry i is for video slot i.
    pub(crate) fn select(&mut self, selection: &[Selected]) {
        for slot in self.slots.iter_mut().filter(|slot| slot.video) {
            let wanted = selection.get(slot.place).map(|selected| (selected.sender, selected.stream()));
            slot.passing = [slot.wanted, slot.run.map(|run| run.origin)];
            slot.wanted = wanted;
        }
        for tally in self.tallies.values_mut() {
            tally.fresh = false;
        }
    }

    /// Whether something of this origin came since the last selection.
    pub(crate) fn has(&self, origin: Origin) -> bool {
        self.tallies.get(&origin).is_some_and(|tally| tally.fresh)
    }

    /// Takes a packet that arrived `now`, counted since the process began.
    pub(crate) fn receive(&mut self, copy: &Copy<'_>, now: Duration) {
        let Some(place) = self.slots.iter().position(|slot| slot.ssrc == copy.ssrc) else {
            return self.faults.add(Fault::Refused, format_args!("SSRC {} was not offered", copy.ssrc));
        };
        let slot = &mut self.slots[place];
        let Some(marker) = read_marker(copy.payload, slot.video) else {
            let length = copy.payload.len();
            return self.faults.add(Fault::Payload, format_args!("{slot}: {length} bytes that nobody sent"));
        };
        let (sender, origin) = (marker.sender, (marker.sender.index, marker.stream));
        let known = self.announced.get(usize::from(sender.index));
        let ours = marker.run == self.run && sender.conference == self.leg.conference;
        let Some(announced) = known.filter(|_| ours) else {
            return self
                .faults
                .add(Fault::Foreign, format_args!("{slot}: a packet of conference {}", sender.conference));
        };
        if sender == self.leg {
            return self.faults.add(Fault::Echo, format_args!("{slot}: packet {}", marker.counter));
        }
        let before = self.faults.total();
        slot.check_header(copy, &marker, *announced, &mut self.faults);
        slot.check_selection(origin, &mut self.faults);
        let tally = self.tallies.entry(origin).or_default();
        if !tally.add(&marker) {
            let packet = marker.counter;
            self.faults.add(Fault::Duplicate, format_args!("{slot}: packet {packet} of {origin:?}"));
        } else if slot.is_behind(copy) {
            tally.misordered += 1;
            let (number, last) = (copy.sequence, slot.last_sequence);
            self.faults
                .add(Fault::Order, format_args!("{slot}: number {number} of {origin:?} behind {last:?}"));
        } else {
            slot.check_numbers(copy, &marker, origin, &mut self.faults);
            tally.wrong += u64::from(self.faults.total() > before);
        }
        if marker.measured {
            self.latency.add(now.saturating_sub(marker.sent));
        }
    }
}

impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} slot {}", if self.video { "video" } else { "audio" }, self.place)
    }
}

impl Slot {
    fn check_header(&self, copy: &Copy<'_>, marker: &Marker, announced: Announced, faults: &mut Faults) {
        let sender = marker.sender.index;
        let source = if self.video { announced.video } else { announced.audio };
        if copy.csrc != [source] {
            let csrc = copy.csrc;
            faults.add(
                Fault::Csrc,
                format_args!("{self}: CSRC {csrc:?} instead of {source}, announced for leg {sender}"),
            );
        }
        let video = marker.stream != Stream::Audio;
        if video != self.video {
            let name = marker.stream.name();
            faults.add(Fault::Slot, format_args!("{self}: {name} of leg {sender}"));
        }
        if copy.extension != Some(marker.extension) {
            let (found, sent) = (copy.extension, marker.extension);
            faults.add(
                Fault::Extension,
                format_args!("{self}: {found:02x?} instead of {sent:02x}, sent by leg {sender}"),
            );
        }
    }

    fn check_selection(&mut self, origin: Origin, faults: &mut Faults) {
        if !self.video {
            return;
        }
        if self.wanted == Some(origin) {
            self.passing = [None; 2];
        } else if !self.passing.contains(&Some(origin)) {
            let wanted = self.wanted;
            faults.add(Fault::Unselected, format_args!("{self}: {origin:?} while {wanted:?} is selected"));
        }
    }

    fn is_behind(&self, copy: &Copy<'_>) -> bool {
        self.last_sequence.is_some_and(|last| copy.sequence <= last)
    }

    /// The numbers of a packet that is not behind.
    fn check_numbers(&mut self, copy: &Copy<'_>, marker: &Marker, origin: Origin, faults: &mut Faults) {
        let step = self.last_sequence.map_or(1, |last| copy.sequence.wrapping_sub(last) as i64);
        self.last_sequence = Some(copy.sequence);
        let offset = copy.timestamp.wrapping_sub(marker.timestamp);
        let run = Run { origin, counter: marker.counter, offset };
        match self.run.replace(run).filter(|before| before.origin == origin) {
            Some(before) => self.check_step(step, &before, &run, faults),
            None => self.check_start(step, marker, origin, faults),
        }
    }

    /// A step within a run must be as long as at the sender.
    fn check_step(&self, step: i64, before: &Run, run: &Run, faults: &mut Faults) {
        let sent = i64::from(run.counter.wrapping_sub(before.counter) as i32);
        let origin = run.origin;
        if sent <= 0 {
            faults.add(
                Fault::Order,
                format_args!("{self}: packet {} of {origin:?} behind {}", run.counter, before.counter),
            );
        } else if step > sent {
            let gap = step - sent;
            faults.add_many(
                Fault::InventedLoss,
                gap as u64,
                format_args!(
                    "{self}: {gap} too many between packets {} and {} of {origin:?}",
                    before.counter, run.counter
                ),
            );
        } else if step < sent {
            let gap = sent - step;
            faults.add_many(
                Fault::HiddenLoss,
                gap as u64,
                format_args!(
                    "{self}: {gap} too few between packets {} and {} of {origin:?}",
                    before.counter, run.counter
                ),
            );
        }
        if run.offset != before.offset {
            let error = run.offset.wrapping_sub(before.offset) as i32;
            faults.add(
                Fault::Timestamp,
                format_args!("{self}: off by {error} at packet {} of {origin:?}", run.counter),
            );
        }
    }

    /// A new run continues the numbers of the slot, and begins with a key frame if it is video.
    fn check_start(&self, step: i64, marker: &Marker, origin: Origin, faults: &mut Faults) {
        if step > 1 {
            let gap = step - 1;
            faults.add_many(
                Fault::InventedLoss,
                gap as u64,
                format_args!("{self}: {gap} lost where {origin:?} begins"),
            );
        }
        if self.video && !(marker.key && marker.first) {
            faults.add(
                Fault::NoKeyFrame,
                format_args!("{self}: {origin:?} begins with packet {}", marker.counter),
            );
        }
    }
}

#[cfg(test)]
mod tests;
