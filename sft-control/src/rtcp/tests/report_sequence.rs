//! The highest sequence number is extended by the rollovers, of which 16 bits are reported.

use std::time::Instant;

use super::{block, reading};
use crate::rtcp::Reporter;

#[test]
fn the_sequence_number_is_extended_by_the_rollovers() {
    let highest = |index| block(Reporter::new(1).report(&[reading(1, index, 9)], Instant::now())).highest;
    assert_eq!(highest(0x2_0005), 0x2_0005);
    assert_eq!(highest(0xffff), 0xffff);
    assert_eq!(highest(0x1234_5678_9abc), 0x5678_9abc);
}
