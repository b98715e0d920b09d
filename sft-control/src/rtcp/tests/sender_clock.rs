//! A leg's clock against ours.

use std::time::Duration;

use proptest::prelude::*;

use crate::rtcp::{Ntp, SenderClock};

const OURS: Ntp = Ntp(0xec00_0000_0000_0000);
const THEIRS: Ntp = Ntp(0x0123_4567_89ab_cdef);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A leg that sends reports at these times of its clock, each with its delay, all in ms.
fn clock(reports: &[(u64, u64)]) -> SenderClock {
    let mut clock = SenderClock::default();
    for (sent, delay) in reports {
        clock.note(THEIRS.after(ms(*sent)), OURS.after(ms(sent + delay)));
    }
    clock
}

/// How much later than it was an instant of the leg's clock is found to be, in us.
fn error(clock: &SenderClock, sent: u64) -> i64 {
    let found = clock.ours(THEIRS.after(ms(sent))).expect("there were reports");
    let units = i128::from(found.0.wrapping_sub(OURS.after(ms(sent)).0) as i64);
    ((units * 1_000_000) >> 32) as i64
}

#[test]
fn without_a_report_nothing_is_known() {
    assert_eq!(SenderClock::default().ours(THEIRS), None);
}

#[test]
fn the_report_that_was_delayed_least_counts() {
    let clock = clock(&[(0, 40), (1000, 300), (2000, 15), (3000, 20)]);
    assert!((14_990..15_200).contains(&error(&clock, 3000)), "{}", error(&clock, 3000));
}

/// A way that has become longer, or a clock that is slow, shows after a while.
#[test]
fn a_longer_way_is_believed_slowly() {
    let reports: Vec<_> = (0..2000).map(|n| (n * 1000, if n < 10 { 15 } else { 40 })).collect();
    let after = |count: usize| error(&clock(&reports[..count]), reports[count - 1].0);
    assert!((14_990..15_300).contains(&after(12)), "{}", after(12));
    assert!((26_000..28_000).contains(&after(110)), "100 s later: {}", after(110));
    assert_eq!(after(2000) / 1000, 39, "and not beyond");
}

#[test]
fn a_clock_that_is_set_is_followed_at_once() {
    for hour in [-3_600_000, 3_600_000_i64] {
        let mut clock = clock(&[(0, 15), (1000, 15)]);
        let set = 100_000_000_u64.wrapping_add_signed(hour);
        clock.note(THEIRS.after(ms(set)), OURS.after(ms(100_000_000)));
        assert_eq!(clock.ours(THEIRS.after(ms(set))), Some(OURS.after(ms(100_000_000))));
    }
}

proptest! {
    /// Whatever the delays: no instant is found to be before it was, nor later than the last report has it.
    #[test]
    fn an_instant_is_between_its_time_and_the_last_report(
        reports in prop::collection::vec((0..5000_u64, 0..900_u64), 1..60),
        theirs: u64,
        ours: u64,
    ) {
        let (theirs, ours) = (Ntp(theirs), Ntp(ours));
        let mut clock = SenderClock::default();
        let (mut sent, mut least) = (0, u64::MAX);
        for (pause, delay) in &reports {
            sent += pause;
            let arrival = ours.after(ms(sent + delay));
            clock.note(theirs.after(ms(sent)), arrival);
            let found = clock.ours(theirs.after(ms(sent))).expect("a report came");
            let late = found.0.wrapping_sub(ours.after(ms(sent)).0) as i64;
            least = least.min(*delay);
            // A unit more or less, since both sides are cut.
            prop_assert!(late >= (least << 32) as i64 / 1000 - 2);
            prop_assert!((arrival.0.wrapping_sub(found.0) as i64) >= 0);
        }
    }

    /// Streams of one leg stay as far apart as its clock says.
    #[test]
    fn the_relation_of_two_streams_is_exact(first: u64, second: u64, sent: u64, came: u64) {
        let mut clock = SenderClock::default();
        clock.note(Ntp(sent), Ntp(came));
        let [a, b] = [first, second].map(|at| clock.ours(Ntp(at)).expect("a report came").0);
        prop_assert_eq!(a.wrapping_sub(b), first.wrapping_sub(second));
    }
}
