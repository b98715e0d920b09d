//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): when each packet came. The
//! sender's bitrate follows it.

use rtcp_types::{TransportFeedback, Twcc, TwccPacketStatus};

use super::bytes;
use crate::dataplane::Arrival;

/// Bytes of the control information of one packet; with headers and tag it fits every path.
const LARGEST: usize = 1000;
/// Packets between two arrivals that are reported as not received; beyond, the sender has started anew.
const LARGEST_GAP: u16 = 2000;
/// Unit of the differences, in us.
const TICK: u64 = 250;
/// Unit of the reference time, in ticks: 64 ms.
const REFERENCE: u64 = 256;

/// Reports the arrivals of one leg.
#[derive(Debug)]
pub struct Feedback {
    /// Sender of our feedback.
    ssrc: u32,
    /// Of feedback packets, modulo 256; a sender finds lost ones by it.
    count: u8,
    /// Sequence number behind the highest one reported.
    next: Option<u16>,
}

impl Feedback {
    /// `ssrc`: ours, as sender of RTCP.
    pub fn new(ssrc: u32) -> Self {
        Feedback { ssrc, count: 0, next: None }
    }

    /// Packets that report these arrivals, which are in order of their numbers. `media_ssrc`: any stream of
    /// the sender; libwebrtc ignores feedback for a stream that is not its own.
    pub fn packets(&mut self, media_ssrc: u32, arrivals: &[Arrival]) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut rest = arrivals;
        while let Some(first) = rest.first() {
            let start = Start::of(first.sequence, self.next);
            let run = Run::collect(start, rest);
            let fci = Twcc::builder(start.base, run.reference, self.count, &run.statuses, Some(LARGEST));
            let covered = fci.packet_status_count();
            let packet = TransportFeedback::builder(&fci).sender_ssrc(self.ssrc).media_ssrc(media_ssrc);
            packets.extend(bytes(&packet));
            self.count = self.count.wrapping_add(1);
            if start.late_before.is_none() {
                self.next = Some(start.base.wrapping_add(covered as u16));
            }
            // The first arrival always fits: a gap takes one chunk. `max` keeps the loop finite regardless.
            rest = rest.get(run.arrivals_within(covered).max(1)..).unwrap_or_default();
        }
        packets
    }
}

/// Where a feedback packet starts.
#[derive(Clone, Copy)]
struct Start {
    base: u16,
    /// Late arrivals, which were reported as not received: consecutive ones are reported again, up to this
    /// number and without gaps. The others around them have been reported, and a loss that is reported twice
    /// counts twice with the sender.
    late_before: Option<u16>,
}

impl Start {
    /// For a packet whose first arrival is `first`, when all before `next` have been reported.
    fn of(first: u16, next: Option<u16>) -> Start {
        match next {
            // From where the report before ended, so that what is missing is reported as not received.
            Some(next) if first.wrapping_sub(next) < LARGEST_GAP => Start { base: next, late_before: None },
            Some(next) if next.wrapping_sub(first) <= LARGEST_GAP => {
                Start { base: first, late_before: Some(next) }
            }
            _ => Start { base: first, late_before: None },
        }
    }

    /// Whether an arrival at this place can stand behind so many statuses.
    fn admits(self, place: usize, statuses: usize) -> bool {
        match self.late_before {
            Some(next) => place == statuses && place < usize::from(next.wrapping_sub(self.base)),
            None => (statuses..statuses + usize::from(LARGEST_GAP)).contains(&place),
        }
    }
}

/// Consecutive numbers from a base on.
struct Run {
    /// In units of 64 ms, modulo 2^24.
    reference: u32,
    statuses: Vec<TwccPacketStatus>,
    /// Place of each arrival among the statuses.
    places: Vec<usize>,
}

impl Run {
    /// As many arrivals as one packet can express.
    fn collect(start: Start, arrivals: &[Arrival]) -> Run {
        let reference = arrivals.first().map_or(0, |arrival| arrival.micros / TICK / REFERENCE);
        let mut run =
            Run { reference: (reference & 0xff_ffff) as u32, statuses: Vec::new(), places: Vec::new() };
        let mut before = reference * REFERENCE;
        for arrival in arrivals {
            let place = usize::from(arrival.sequence.wrapping_sub(start.base));
            let ticks = arrival.micros / TICK;
            // A longer pause needs a reference time of its own.
            let Ok(delta) = i16::try_from(ticks.wrapping_sub(before) as i64) else { break };
            if !start.admits(place, run.statuses.len()) {
                break;
            }
            before = ticks;
            run.statuses.resize(place, TwccPacketStatus::NotReceived);
            run.places.push(place);
            run.statuses.push(TwccPacketStatus::Received { delta });
        }
        run
    }

    /// Arrivals among the first `covered` statuses.
    fn arrivals_within(&self, covered: usize) -> usize {
        self.places.iter().take_while(|place| **place < covered).count()
    }
}
