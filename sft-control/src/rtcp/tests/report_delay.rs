//! A sender report is answered with its time and with how long ago it came (RFC 3550 section 6.4.1).

use std::time::{Duration, Instant};

use super::{block, reading};
use crate::rtcp::{Mapping, Ntp, Reporter};

const REPORT: Mapping = Mapping { ntp: Ntp(0x1122_3344_5566_7788), timestamp: 9 };

#[test]
fn a_sender_report_is_answered_with_its_time() {
    let start = Instant::now();
    let mut reporter = Reporter::new(1);
    reporter.note_sender_report(7, REPORT, start);
    let found = block(reporter.report(&[reading(1, 2, 2)], start + Duration::from_millis(500)));
    assert_eq!((found.last, found.delay), (0x3344_5566, 32768));
    // The example of the RFC's figure 2: 5.25 s.
    let found = block(reporter.report(&[reading(1, 2, 2)], start + Duration::from_millis(5250)));
    assert_eq!((found.last, found.delay), (0x3344_5566, 0x0005_4000));
}

#[test]
fn the_last_of_several_counts() {
    let start = Instant::now();
    let mut reporter = Reporter::new(1);
    reporter.note_sender_report(7, REPORT, start);
    assert_eq!(reporter.last_sender_report(7), Some(REPORT));
    let later = Mapping { ntp: Ntp(REPORT.ntp.0 + (1 << 32)), timestamp: 10 };
    reporter.note_sender_report(7, later, start + Duration::from_secs(1));
    let found = block(reporter.report(&[reading(1, 2, 2)], start + Duration::from_secs(2)));
    assert_eq!((found.last, found.delay), (0x3345_5566, 65536));
    assert_eq!(reporter.last_sender_report(7), Some(later));
    assert_eq!(reporter.last_sender_report(8), None);
}

#[test]
fn without_one_both_are_zero() {
    let mut reporter = Reporter::new(1);
    reporter.note_sender_report(8, REPORT, Instant::now());
    let found = block(reporter.report(&[reading(1, 2, 2)], Instant::now()));
    assert_eq!((found.last, found.delay), (0, 0));
}

#[test]
fn a_day_is_the_longest_delay() {
    let start = Instant::now();
    let mut reporter = Reporter::new(1);
    reporter.note_sender_report(7, REPORT, start);
    let found = block(reporter.report(&[reading(1, 2, 2)], start + Duration::from_secs(100_000)));
    assert_eq!(found.delay, u32::MAX);
}
