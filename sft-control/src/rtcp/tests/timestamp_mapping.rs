//! RTP timestamps by the clock.

use std::time::Duration;

use proptest::prelude::*;
use sft_common::maps::Kind;

use crate::rtcp::{Mapping, Ntp};

#[test]
fn the_unix_epoch_is_seventy_years_after_that_of_ntp() {
    assert_eq!(Ntp::at(Duration::ZERO), Ntp(2_208_988_800 << 32));
    assert_eq!(Ntp::at(Duration::from_millis(1500)), Ntp((2_208_988_801 << 32) + (1 << 31)));
    // 7 February 2036, 06:28:16 UTC (RFC 5905 section 6).
    assert_eq!(Ntp::at(Duration::from_secs(2_085_978_496)), Ntp(0));
}

#[test]
fn a_second_is_as_many_ticks_as_the_kind_has() {
    for (kind, ticks) in [(Kind::Audio, 48_000), (Kind::Video, 90_000)] {
        let known = Mapping { ntp: Ntp(u64::MAX - 5), timestamp: u32::MAX - 7 };
        let at = |time| known.timestamp_at(known.ntp.after(time), kind).wrapping_sub(known.timestamp);
        assert_eq!([at(Duration::ZERO), at(Duration::from_secs(1))], [0, ticks]);
        assert_eq!(at(Duration::from_millis(500)), ticks / 2);
        let earlier = Ntp(known.ntp.0.wrapping_sub(1 << 32));
        assert_eq!(known.timestamp_at(earlier, kind), known.timestamp.wrapping_sub(ticks));
    }
}

proptest! {
    /// It does not matter through which of two instants a third is found.
    #[test]
    fn mappings_of_one_stream_agree(
        ntp: u64,
        timestamp: u32,
        seconds in 0..1_000_000_u64,
        [first, second] in prop::array::uniform2(0..1_000_000_000_u32),
        video: bool,
    ) {
        let kind = if video { Kind::Video } else { Kind::Audio };
        let known = Mapping { ntp: Ntp(ntp), timestamp };
        let middle = known.ntp.after(Duration::new(seconds, first));
        let end = middle.after(Duration::new(seconds, second));
        let derived = Mapping { ntp: middle, timestamp: known.timestamp_at(middle, kind) };
        let difference = derived.timestamp_at(end, kind).wrapping_sub(known.timestamp_at(end, kind)) as i32;
        prop_assert!((-1..=1).contains(&difference), "{difference}");
    }
}
