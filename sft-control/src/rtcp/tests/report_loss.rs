//! Losses over the interval and in total (RFC 3550 appendix A.3).

use std::time::Instant;

use proptest::prelude::*;

use super::{block, reading};
use crate::rtcp::Reporter;

#[test]
fn losses_are_counted_over_the_interval_and_in_total() {
    let now = Instant::now();
    let mut reporter = Reporter::new(1);
    let first = block(reporter.report(&[reading(100, 199, 90)], now));
    assert_eq!((first.fraction, first.cumulative), (25, 10));
    let second = block(reporter.report(&[reading(100, 299, 190)], now));
    assert_eq!((second.fraction, second.cumulative), (0, 10));
    let third = block(reporter.report(&[reading(100, 399, 240)], now));
    assert_eq!((third.fraction, third.cumulative), (128, 60));
}

#[test]
fn packets_that_come_late_are_no_negative_loss() {
    let now = Instant::now();
    let mut reporter = Reporter::new(1);
    reporter.report(&[reading(0, 99, 50)], now);
    let late = block(reporter.report(&[reading(0, 109, 110)], now));
    assert_eq!((late.fraction, late.cumulative), (0, 0));
}

#[test]
fn an_interval_without_packets_has_no_fraction() {
    let now = Instant::now();
    let mut reporter = Reporter::new(1);
    reporter.report(&[reading(0, 99, 50)], now);
    let idle = block(reporter.report(&[reading(0, 99, 50)], now));
    assert_eq!((idle.fraction, idle.cumulative), (0, 50));
}

#[test]
fn the_fields_do_not_overflow() {
    let now = Instant::now();
    let mut reporter = Reporter::new(1);
    reporter.report(&[reading(0, 0, 1)], now);
    let all = block(reporter.report(&[reading(0, 1 << 40, 1)], now));
    assert_eq!((all.fraction, all.cumulative), (255, 0x7f_ffff));
}

/// State and code of the appendix, in its own terms.
#[derive(Default)]
struct Appendix {
    expected_prior: i64,
    received_prior: i64,
}

impl Appendix {
    fn report(&mut self, base_seq: i64, extended_max: i64, received: i64) -> (u8, u32) {
        let expected = extended_max - base_seq + 1;
        let lost = (expected - received).clamp(-0x80_0000, 0x7f_ffff);
        let expected_interval = expected - self.expected_prior;
        self.expected_prior = expected;
        let received_interval = received - self.received_prior;
        self.received_prior = received;
        let lost_interval = expected_interval - received_interval;
        let fraction = if expected_interval == 0 || lost_interval <= 0 {
            0
        } else {
            // The appendix knows no interval in which everything was lost: 256 does not fit.
            ((lost_interval << 8) / expected_interval).min(255)
        };
        (fraction as u8, lost as u32 & 0xff_ffff)
    }
}

proptest! {
    #[test]
    fn the_arithmetic_is_the_appendix(
        first in 0..(1_u64 << 40),
        steps in prop::collection::vec((0..2000_u64, 0..=100_u64), 1..20),
    ) {
        let (mut highest, mut packets) = (first, 1);
        let mut appendix = Appendix::default();
        let mut reporter = Reporter::new(1);
        for (step, percent) in steps {
            highest += step;
            // Late ones may fill earlier gaps, but nothing comes twice.
            packets = (packets + step * percent / 50).min(highest - first + 1);
            let found = block(reporter.report(&[reading(first, highest, packets)], Instant::now()));
            let expected = appendix.report(first as i64, highest as i64, packets as i64);
            prop_assert_eq!((found.fraction, found.cumulative), expected);
        }
    }
}
