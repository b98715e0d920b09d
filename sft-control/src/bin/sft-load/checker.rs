//! Checks the copies that one leg receives. Pure: packets in, counts and faults out.
//!
//! What must arrive is decided afterwards, from the counts (see `verdict`); here it is decided whether what
//! arrives is right: whose it is, in which slot, with which numbers.

mod clock;
mod slot;

use std::{collections::HashMap, time::Duration};

use self::{clock::Clocks, slot::Slot};
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
    /// Number of the frame that the packet begins, in the frame descriptor.
    pub(crate) frame: Option<u16>,
    /// It has an extension that is meant for the server alone.
    pub(crate) leaks: bool,
    /// The last sender report on the slot.
    pub(crate) report: Option<Report>,
    pub(crate) payload: &'a [u8],
}

/// What a sender report says: an instant on the server's clock, and the RTP timestamp for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Since 1970.
    pub(crate) at: Duration,
    pub(crate) timestamp: u32,
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

/// The checker of one leg.
#[derive(Debug)]
pub(crate) struct Checker {
    run: u32,
    leg: LegId,
    slots: Vec<Slot>,
    /// Streams come under their own names, videos in this layer.
    named: Option<Stream>,
    /// By the leg's index.
    announced: Vec<Announced>,
    pub(crate) tallies: HashMap<Origin, Tally>,
    pub(crate) faults: Faults,
    /// Of the measured copies, from sender to receiver.
    pub(crate) latency: Histogram,
    clocks: Clocks,
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
        let slot = |video: bool| move |(place, ssrc)| Slot::new(ssrc, video, place);
        let audio = audio_slots.enumerate().map(slot(false));
        let slots = audio.chain(video_slots.enumerate().map(slot(true))).collect();
        Checker {
            run,
            leg,
            slots,
            named: None,
            announced: vec![Announced::default(); usize::from(legs)],
            tallies: HashMap::new(),
            faults: Faults::default(),
            latency: Histogram::default(),
            clocks: Clocks::default(),
        }
    }

    /// The leg has no slots: streams come under their own names, videos in this layer.
    pub(crate) fn without_slots(run: u32, leg: LegId, legs: u16, layer: Stream) -> Self {
        Checker { named: Some(layer), ..Checker::new(run, leg, legs, [].into_iter(), [].into_iter()) }
    }

    /// The participant list announces these SSRCs for a leg.
    pub(crate) fn announce(&mut self, leg: u16, announced: Announced) {
        if let Some(known) = self.announced.get_mut(usize::from(leg)) {
            *known = announced;
        }
        let Some(layer) = self.named.filter(|_| leg != self.leg.index) else { return };
        for (ssrc, stream) in [(announced.audio, Stream::Audio), (announced.video, layer)] {
            if self.slots.iter().all(|slot| slot.ssrc != ssrc) {
                self.slots.push(Slot::named(ssrc, (leg, stream)));
            }
        }
    }

    /// A new selection is on its way to the server; entry i is for video slot i. Without slots it says what is to come
    /// anyway.
    pub(crate) fn select(&mut self, selection: &[Selected]) {
        for slot in self.slots.iter_mut().filter(|slot| slot.video) {
            let wanted = slot.choose(selection);
            slot.select(wanted.map(|selected| (selected.sender, selected.stream())));
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
            let (number, last) = (copy.sequence, slot.last_sequence());
            self.faults
                .add(Fault::Order, format_args!("{slot}: number {number} of {origin:?} behind {last:?}"));
        } else {
            slot.check_reports(copy, now, &mut self.faults);
            slot.check_numbers(copy, &marker, origin, &mut self.faults);
            self.clocks.check(copy, &marker, &mut self.faults);
            tally.wrong += u64::from(self.faults.total() > before);
        }
        if marker.measured {
            self.latency.add(now.saturating_sub(marker.sent));
        }
    }
}

#[cfg(test)]
mod tests;
