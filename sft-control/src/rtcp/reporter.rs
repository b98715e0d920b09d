//! Receiver reports (RFC 3550 section 6.4.2) and key-frame requests to a leg.

use std::{collections::HashMap, time::Instant};

use rtcp_types::{PayloadFeedback, Pli, ReceiverReport, ReportBlock};

use super::bytes;
use crate::dataplane::SourceReading;

/// Report blocks of one packet at most (RFC 3550 section 6.4.1).
const BLOCKS: usize = 31;
/// Largest cumulative loss that the field holds.
const MOST_LOST: u64 = 0x7f_ffff;

/// Reports on the streams of one leg.
#[derive(Debug)]
pub struct Reporter {
    /// Sender of our reports.
    ssrc: u32,
    streams: HashMap<u32, Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    /// Middle 32 bits of the last sender report's NTP timestamp, and when it came.
    last_report: Option<(u32, Instant)>,
    /// At the report before.
    expected: u64,
    received: u64,
}

impl Reporter {
    /// `ssrc`: ours, as sender of RTCP.
    pub fn new(ssrc: u32) -> Self {
        Reporter { ssrc, streams: HashMap::new() }
    }

    /// A sender report came.
    pub fn note_sender_report(&mut self, ssrc: u32, ntp: u64, now: Instant) {
        // Reports about streams that nobody knows are not remembered.
        if let Some(stream) = self.streams.get_mut(&ssrc) {
            stream.last_report = Some(((ntp >> 16) as u32, now));
        }
    }

    /// The report on these streams; `None` without any. Only streams that the core knows may be in it: a
    /// report on another one makes browsers stop sending its RID.
    pub fn report(&mut self, readings: &[SourceReading], now: Instant) -> Option<Vec<u8>> {
        self.streams.retain(|ssrc, _| readings.iter().any(|reading| reading.ssrc == *ssrc));
        let received = readings.iter().filter(|reading| reading.stats.packets > 0);
        let mut report = ReceiverReport::builder(self.ssrc);
        let mut blocks = 0;
        for reading in received.take(BLOCKS) {
            let stream = self.streams.entry(reading.ssrc).or_default();
            let block = ReportBlock::builder(reading.ssrc);
            let loss = stream.loss(reading);
            let (last, delay) = stream.last_report.map_or((0, 0), |(ntp, at)| {
                // In units of 1/65536 s.
                (ntp, (now.duration_since(at).as_micros() * 65536 / 1_000_000) as u32)
            });
            report = report.add_report_block(
                block
                    .fraction_lost(loss.fraction)
                    .cumulative_lost(loss.cumulative)
                    .extended_sequence_number(reading.stats.highest_index as u32)
                    .interarrival_jitter((reading.stats.jitter >> 4) as u32)
                    .last_sender_report_timestamp(last)
                    .delay_since_last_sender_report_timestamp(delay),
            );
            blocks += 1;
        }
        (blocks > 0).then(|| bytes(&report)).flatten()
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Loss {
    /// Since the last report, of 256.
    fraction: u8,
    cumulative: u32,
}

impl Stream {
    /// RFC 3550 appendix A.3.
    fn loss(&mut self, reading: &SourceReading) -> Loss {
        let stats = &reading.stats;
        let expected = (stats.highest_index + 1).saturating_sub(stats.first_index);
        let interval = expected.saturating_sub(self.expected);
        let received = stats.packets.saturating_sub(self.received);
        let lost = interval.saturating_sub(received);
        (self.expected, self.received) = (expected, stats.packets);
        Loss {
            fraction: (lost * 256).checked_div(interval).unwrap_or(0).min(255) as u8,
            cumulative: expected.saturating_sub(stats.packets).min(MOST_LOST) as u32,
        }
    }
}

/// Asks for a key frame of `media_ssrc`. A PLI alone: both sides have agreed on reduced-size RTCP, and every
/// client's stack takes a PLI and a FIR alike.
pub fn keyframe_request(sender_ssrc: u32, media_ssrc: u32) -> Option<Vec<u8>> {
    let pli = Pli::builder();
    bytes(&PayloadFeedback::builder(&pli).sender_ssrc(sender_ssrc).media_ssrc(media_ssrc))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sft_common::source::SourceStats;

    use super::*;
    use crate::{
        core::table::LegId,
        rtcp::{Incoming, parse},
    };

    fn reading(first: u64, highest: u64, packets: u64) -> SourceReading {
        let stats = SourceStats {
            packets,
            first_index: first,
            highest_index: highest,
            jitter: 160,
            ..SourceStats::default()
        };
        SourceReading { leg: LegId(1), ssrc: 7, stats }
    }

    fn block(report: &[u8]) -> ReportBlock<'_> {
        assert_eq!((report[0], report[1]), (0x81, 201));
        ReportBlock::parse(&report[8..32]).unwrap()
    }

    #[test]
    fn losses_are_counted_over_the_interval_and_in_total() {
        let now = Instant::now();
        let mut reporter = Reporter::new(1);
        let report = reporter.report(&[reading(100, 199, 90)], now).unwrap();
        assert_eq!(block(&report).fraction_lost(), 25);
        assert_eq!(block(&report).cumulative_lost(), 10);
        assert_eq!(block(&report).interarrival_jitter(), 10);
        let report = reporter.report(&[reading(100, 299, 190)], now).unwrap();
        assert_eq!(block(&report).fraction_lost(), 0);
        assert_eq!(block(&report).cumulative_lost(), 10);
    }

    #[test]
    fn the_sequence_number_is_extended_by_the_rollovers() {
        let report = Reporter::new(1).report(&[reading(1, 0x2_0005, 9)], Instant::now()).unwrap();
        assert_eq!(block(&report).extended_sequence_number(), 0x2_0005);
    }

    #[test]
    fn a_sender_report_is_answered_with_its_time() {
        let start = Instant::now();
        let mut reporter = Reporter::new(1);
        reporter.report(&[reading(1, 2, 2)], start);
        reporter.note_sender_report(7, 0x1122_3344_5566_7788, start);
        let report = reporter.report(&[reading(1, 2, 2)], start + Duration::from_millis(500)).unwrap();
        assert_eq!(block(&report).last_sender_report_timestamp(), 0x3344_5566);
        assert_eq!(block(&report).delay_since_last_sender_report_timestamp(), 32768);
    }

    #[test]
    fn nothing_is_reported_of_what_never_came() {
        assert_eq!(Reporter::new(1).report(&[], Instant::now()), None);
        assert_eq!(Reporter::new(1).report(&[reading(0, 0, 0)], Instant::now()), None);
    }

    #[test]
    fn a_keyframe_request_is_one() {
        let request = keyframe_request(1, 7).unwrap();
        assert_eq!(parse(&request), Ok(vec![Incoming::KeyframeRequest { media_ssrc: 7 }]));
    }
}
