//! Only streams that are known and have come are reported on, and what is remembered is limited.

use std::time::Instant;

use super::{blocks, reading};
use crate::{
    dataplane::SourceReading,
    rtcp::{Mapping, Ntp, Reporter},
};

/// One that is answered with this number.
fn sent(last: u64) -> Mapping {
    Mapping { ntp: Ntp(last << 16), timestamp: 0 }
}

fn of(ssrc: u32) -> SourceReading {
    SourceReading { ssrc, ..reading(1, 2, 2) }
}

fn reported(reporter: &mut Reporter, readings: &[SourceReading]) -> Vec<(u32, u32)> {
    let report = reporter.report(readings, Instant::now()).unwrap();
    blocks(&report).iter().map(|block| (block.ssrc, block.last)).collect()
}

#[test]
fn nothing_is_reported_of_what_never_came() {
    assert_eq!(Reporter::new(1).report(&[], Instant::now()), None);
    assert_eq!(Reporter::new(1).report(&[reading(0, 0, 0)], Instant::now()), None);
}

/// A report on a stream whose SSRC has not been learned would end its RIDs.
#[test]
fn a_sender_report_alone_is_not_answered() {
    let mut reporter = Reporter::new(1);
    reporter.note_sender_report(8, sent(1), Instant::now());
    assert_eq!(reporter.report(&[], Instant::now()), None);
    assert_eq!(reported(&mut reporter, &[of(7)]), [(7, 0)]);
    assert_eq!(reported(&mut reporter, &[of(7), of(8)]), [(7, 0), (8, 1)]);
}

#[test]
fn a_stream_that_is_gone_is_forgotten() {
    let mut reporter = Reporter::new(1);
    reporter.note_sender_report(7, sent(1), Instant::now());
    assert_eq!(reported(&mut reporter, &[of(7), of(8)]), [(7, 1), (8, 0)]);
    assert_eq!(reported(&mut reporter, &[of(8)]), [(8, 0)]);
    assert_eq!(reported(&mut reporter, &[of(7)]), [(7, 0)]);
}

#[test]
fn sender_reports_on_unknown_streams_are_kept_up_to_a_limit() {
    let mut reporter = Reporter::new(1);
    for ssrc in 100..1000 {
        reporter.note_sender_report(ssrc, sent(1), Instant::now());
    }
    let readings: Vec<SourceReading> = (100..110).map(of).collect();
    let remembered = reported(&mut reporter, &readings).iter().filter(|(_, last)| *last == 1).count();
    assert_eq!(remembered, 6);
    // Streams that are reported on are heard all the same.
    reporter.note_sender_report(109, sent(2), Instant::now());
    assert!(reported(&mut reporter, &readings).contains(&(109, 2)));
}

#[test]
fn one_report_has_31_blocks_at_most() {
    let readings: Vec<SourceReading> = (0..40).map(of).collect();
    assert_eq!(reported(&mut Reporter::new(1), &readings).len(), 31);
}
