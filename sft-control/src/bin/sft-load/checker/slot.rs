//! One slot of a leg: whether what arrives in it continues what arrived before.

use std::time::Duration;

use super::{Announced, Copy, Origin, clock};
use crate::{
    fault::{Fault, Faults},
    marker::{Marker, Stream},
    plan::Selected,
};

/// Least timestamp steps between two sources (sft-protocol.md 10.1), in ticks.
const LEAST_STEP: [u32; 2] = [1920, 9000];
/// A slot has a sender report after so long.
const UNREPORTED: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) ssrc: u32,
    pub(super) video: bool,
    /// Among the slots of the same medium; that of a stream under its own name is its leg.
    pub(super) place: usize,
    /// The leg whose stream has this name.
    owner: Option<u16>,
    wanted: Option<Origin>,
    /// What may still come until the first packet of what is wanted.
    passing: [Option<Origin>; 2],
    last: Option<Last>,
    run: Option<Run>,
    frame: Option<Frame>,
    /// When the first packet came; `None` also once a missing report has been counted.
    unreported_since: Option<Duration>,
}

/// The last packet that was not behind another.
#[derive(Clone, Copy, Debug)]
struct Last {
    sequence: u64,
    timestamp: u32,
    sent: Duration,
}

/// The last frame, and its numbers here and at the sender.
#[derive(Clone, Copy, Debug)]
struct Frame {
    origin: Origin,
    number: u16,
    sent: u16,
}

/// An uninterrupted series of packets of one origin in a slot.
#[derive(Clone, Copy, Debug)]
struct Run {
    origin: Origin,
    counter: u32,
    /// Output timestamp minus the sender's.
    offset: u32,
}

impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (medium, place) = (if self.video { "video" } else { "audio" }, self.place);
        match self.owner {
            Some(leg) => write!(f, "{medium} of leg {leg}"),
            None => write!(f, "{medium} slot {place}"),
        }
    }
}

impl Slot {
    pub(super) fn new(ssrc: u32, video: bool, place: usize) -> Slot {
        Slot {
            ssrc,
            video,
            place,
            owner: None,
            wanted: None,
            passing: [None; 2],
            last: None,
            run: None,
            frame: None,
            unreported_since: None,
        }
    }

    /// Carries one stream under its own name. Of a video with two layers the lower one may come first.
    pub(super) fn named(ssrc: u32, (leg, stream): Origin) -> Slot {
        Slot {
            owner: Some(leg),
            wanted: Some((leg, stream)),
            passing: [Some((leg, Stream::Low)), None],
            ..Slot::new(ssrc, stream != Stream::Audio, leg.into())
        }
    }

    /// What of a selection is for this slot.
    pub(super) fn choose<'a>(&self, selection: &'a [Selected]) -> Option<&'a Selected> {
        match self.owner {
            Some(leg) => selection.iter().find(|selected| selected.sender == leg),
            None => selection.get(self.place),
        }
    }

    /// A new selection wants this.
    pub(super) fn select(&mut self, wanted: Option<Origin>) {
        self.passing = [self.wanted, self.run.map(|run| run.origin)];
        self.wanted = wanted;
    }

    pub(super) fn last_sequence(&self) -> Option<u64> {
        self.last.map(|last| last.sequence)
    }

    pub(super) fn check_header(
        &self,
        copy: &Copy<'_>,
        marker: &Marker,
        announced: Announced,
        faults: &mut Faults,
    ) {
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
        if video != self.video || self.owner.is_some_and(|leg| leg != sender) {
            let name = marker.stream.name();
            faults.add(Fault::Slot, format_args!("{self}: {name} of leg {sender}"));
        }
        if copy.leaks {
            faults.add(Fault::Leak, format_args!("{self}: from leg {sender}"));
        }
        if copy.extension != Some(marker.extension) {
            let (found, sent) = (copy.extension, marker.extension);
            faults.add(
                Fault::Extension,
                format_args!("{self}: {found:02x?} instead of {sent:02x}, sent by leg {sender}"),
            );
        }
    }

    pub(super) fn check_selection(&mut self, origin: Origin, faults: &mut Faults) {
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

    pub(super) fn is_behind(&self, copy: &Copy<'_>) -> bool {
        self.last.is_some_and(|last| copy.sequence <= last.sequence)
    }

    /// The numbers of a packet that is not behind.
    pub(super) fn check_numbers(
        &mut self,
        copy: &Copy<'_>,
        marker: &Marker,
        origin: Origin,
        faults: &mut Faults,
    ) {
        self.check_frame(copy, marker, origin, faults);
        let this = Last { sequence: copy.sequence, timestamp: copy.timestamp, sent: marker.sent };
        let last = self.last.replace(this);
        let step = last.map_or(1, |last| copy.sequence.wrapping_sub(last.sequence) as i64);
        let offset = copy.timestamp.wrapping_sub(marker.timestamp);
        let run = Run { origin, counter: marker.counter, offset };
        match self.run.replace(run).filter(|before| before.origin == origin) {
            Some(before) => self.check_step(step, &before, &run, faults),
            None => {
                self.check_start(step, marker, origin, faults);
                if let Some(last) = last {
                    self.check_pause(&last, &this, faults);
                }
            }
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

    /// The first frame of a run has the next number, and the others are as far apart as at the sender.
    fn check_frame(&mut self, copy: &Copy<'_>, marker: &Marker, origin: Origin, faults: &mut Faults) {
        if !(self.video && marker.first) {
            return;
        }
        let expected = self.frame.map(|last| match last.origin == origin {
            true => last.number.wrapping_add(marker.frame.wrapping_sub(last.sent)),
            false => last.number.wrapping_add(1),
        });
        if copy.frame.is_none() || expected.is_some_and(|expected| copy.frame != Some(expected)) {
            let (found, sent) = (copy.frame, marker.frame);
            faults.add(
                Fault::FrameNumber,
                format_args!("{self}: frame {sent} of {origin:?} is {found:?} and not {expected:?}"),
            );
        }
        self.frame = copy.frame.map(|number| Frame { origin, number, sent: marker.frame });
    }

    /// From one run to the next the timestamp moves as the clock: by the least step, or by the time that passed.
    fn check_pause(&self, last: &Last, this: &Last, faults: &mut Faults) {
        let step = this.timestamp.wrapping_sub(last.timestamp);
        let least = LEAST_STEP[usize::from(self.video)];
        let passed = this.sent.saturating_sub(last.sent);
        let moved = clock::duration(step, self.video);
        let expected = passed.max(clock::duration(least, self.video));
        if step < least || moved.abs_diff(expected) > clock::TOLERANCE {
            faults.add(
                Fault::Timestamp,
                format_args!("{self}: moved by {step} ticks in {passed:?} at a switch"),
            );
        }
    }

    /// A slot that is in use is reported on.
    pub(super) fn check_reports(&mut self, copy: &Copy<'_>, now: Duration, faults: &mut Faults) {
        let first = self.last.is_none().then_some(now);
        self.unreported_since = self.unreported_since.or(first).filter(|_| copy.report.is_none());
        if self.unreported_since.take_if(|since| now.saturating_sub(*since) > UNREPORTED).is_some() {
            faults.add(Fault::SenderReport, format_args!("{self}: none for {UNREPORTED:?}"));
        }
    }
}
