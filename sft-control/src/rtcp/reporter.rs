//! Receiver reports (RFC 3550 section 6.4.2) to a leg, and what its own sender reports said.

use std::{collections::HashMap, time::Instant};

use rtcp_types::{ReceiverReport, ReportBlock, ReportBlockBuilder};
use sft_common::source::SourceStats;

use super::{Mapping, bytes};
use crate::dataplane::SourceReading;

/// Report blocks of one packet at most (RFC 3550 section 6.4.1).
const BLOCKS: usize = 31;
/// Largest cumulative loss that the field holds.
const MOST_LOST: u64 = 0x7f_ffff;
/// Streams whose sender reports are remembered before they are learned: audio, both layers, and as many again.
const AHEAD: usize = 6;

/// Reports on the streams of one leg.
#[derive(Debug)]
pub struct Reporter {
    /// Sender of our reports.
    ssrc: u32,
    streams: HashMap<u32, Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    /// What the last sender report said, by the sender's clock, and when it came.
    last_report: Option<(Mapping, Instant)>,
    /// At the report before; `None` before the first.
    before: Option<Totals>,
}

/// Packets since a stream began.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    expected: u64,
    received: u64,
}

impl Reporter {
    /// `ssrc`: ours, as sender of RTCP.
    pub fn new(ssrc: u32) -> Self {
        Reporter { ssrc, streams: HashMap::new() }
    }

    /// A sender report came. Of streams that have not been reported on, only a few are remembered.
    pub fn note_sender_report(&mut self, ssrc: u32, report: Mapping, now: Instant) {
        let ahead = self.streams.values().filter(|stream| stream.before.is_none()).count();
        if ahead < AHEAD || self.streams.contains_key(&ssrc) {
            self.streams.entry(ssrc).or_default().last_report = Some((report, now));
        }
    }

    /// What the last sender report on a stream said, by the sender's clock.
    pub fn last_sender_report(&self, ssrc: u32) -> Option<Mapping> {
        self.streams.get(&ssrc)?.last_report.map(|(report, _)| report)
    }

    /// The report on these streams; `None` without any. Only streams that the core knows may be in it: a
    /// report on another one makes browsers stop sending its RID.
    pub fn report(&mut self, readings: &[SourceReading], now: Instant) -> Option<Vec<u8>> {
        let is_read = |ssrc: &u32| readings.iter().any(|reading| reading.ssrc == *ssrc);
        self.streams.retain(|ssrc, stream| stream.before.is_none() || is_read(ssrc));
        let mut report = ReceiverReport::builder(self.ssrc);
        let mut blocks = 0;
        for reading in readings.iter().filter(|reading| reading.stats.packets > 0).take(BLOCKS) {
            let stream = self.streams.entry(reading.ssrc).or_default();
            report = report.add_report_block(stream.block(reading, now));
            blocks += 1;
        }
        (blocks > 0).then(|| bytes(&report)).flatten()
    }
}

impl Stream {
    fn block(&mut self, reading: &SourceReading, now: Instant) -> ReportBlockBuilder {
        let stats = &reading.stats;
        let loss = self.loss(stats);
        let (last, delay) =
            self.last_report.map_or((0, 0), |(report, at)| (report.ntp.middle(), delay(at, now)));
        ReportBlock::builder(reading.ssrc)
            .fraction_lost(loss.fraction)
            .cumulative_lost(loss.cumulative)
            // Rollovers above, sequence number below: the low half of the packet index.
            .extended_sequence_number(stats.highest_index as u32)
            // Kept times 16 (RFC 3550 appendix A.8).
            .interarrival_jitter(u32::try_from(stats.jitter >> 4).unwrap_or(u32::MAX))
            .last_sender_report_timestamp(last)
            .delay_since_last_sender_report_timestamp(delay)
    }

    /// RFC 3550 appendix A.3. No index counts twice, so no loss is negative.
    fn loss(&mut self, stats: &SourceStats) -> Loss {
        let expected = (stats.highest_index + 1).saturating_sub(stats.first_index);
        let now = Totals { expected, received: stats.packets };
        let before = self.before.replace(now).unwrap_or_default();
        let interval = now.expected.saturating_sub(before.expected);
        let lost = interval.saturating_sub(now.received.saturating_sub(before.received));
        Loss {
            fraction: (lost * 256).checked_div(interval).unwrap_or(0).min(255) as u8,
            cumulative: expected.saturating_sub(stats.packets).min(MOST_LOST) as u32,
        }
    }
}

struct Loss {
    /// Since the last report, of 256.
    fraction: u8,
    cumulative: u32,
}

/// In units of 1/65536 s.
fn delay(since: Instant, now: Instant) -> u32 {
    let units = now.duration_since(since).as_nanos() * 65536 / 1_000_000_000;
    u32::try_from(units).unwrap_or(u32::MAX)
}
