//! What a reception report tells about the way to its sender and back (RFC 3550 section 6.4.1).

use std::time::Duration;

use proptest::prelude::*;

use crate::rtcp::Ntp;

/// The example of the RFC's figure 2.
#[test]
fn the_example_of_the_rfc() {
    let now = Ntp(0xb710_8000 << 16);
    assert_eq!(now.round_trip(0xb705_2000, 0x0005_4000), Some(Duration::from_millis(6125)));
}

#[test]
fn a_report_that_answers_none_tells_nothing() {
    assert_eq!(Ntp(0xb710_8000 << 16).round_trip(0, 0), None);
}

#[test]
fn a_delay_longer_than_the_way_contradicts_itself() {
    let now = Ntp(0xb710_8000 << 16);
    assert_eq!(now.round_trip(0xb710_7fff, 2), None);
    assert_eq!(now.round_trip(0xb710_7fff, 1), Some(Duration::ZERO));
}

proptest! {
    #[test]
    fn the_way_is_found_at_any_time(sent in any::<u64>(), way in 0..60_000_u64, delay in 0..600_000_u64) {
        let sent = Ntp(sent | 1 << 16);
        let now = sent.after(Duration::from_millis(way + delay));
        let found = now.round_trip(sent.middle(), (delay * 65536 / 1000) as u32).expect("a time");
        // Three numbers that are cut to 1/65536 s.
        prop_assert!(found.abs_diff(Duration::from_millis(way)) < Duration::from_micros(50), "{found:?}");
    }
}
