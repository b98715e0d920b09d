//! The jitter is kept times 16 and reported in ticks (RFC 3550 appendix A.8).

use std::time::Instant;

use super::{block, reading};
use crate::{dataplane::SourceReading, rtcp::Reporter};

fn jitter(kept: u64) -> u32 {
    let mut reading: SourceReading = reading(1, 9, 9);
    reading.stats.jitter = kept;
    block(Reporter::new(1).report(&[reading], Instant::now())).jitter
}

#[test]
fn sixteen_times_a_tick_is_a_tick() {
    assert_eq!(jitter(160), 10);
    assert_eq!(jitter(15), 0);
    assert_eq!(jitter(u64::MAX), u32::MAX);
}
