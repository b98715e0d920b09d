//! Estimating the packet index from the sequence number.

use proptest::prelude::*;
use sft_common::{
    drops::DropReason,
    index::{INDEX_END, estimate},
};

#[test]
fn the_first_packet_is_of_round_0() {
    for sequence in [0, 1, 0x7fff, 0x8000, 0xffff] {
        assert_eq!(estimate(None, sequence), Ok(sequence as u64));
    }
}

#[test]
fn wraps_are_followed_both_ways() {
    assert_eq!(estimate(Some(0xffff), 0), Ok(0x1_0000));
    assert_eq!(estimate(Some(0xfffe), 3), Ok(0x1_0003));
    assert_eq!(estimate(Some(0x1_0002), 0xfffe), Ok(0xfffe));
    assert_eq!(estimate(Some(0x5_0000), 0xffff), Ok(0x4_ffff));
}

#[test]
fn there_is_nothing_before_round_0() {
    assert_eq!(estimate(Some(3), 0xffff), Ok(0xffff));
}

#[test]
fn the_last_round_ends() {
    assert_eq!(estimate(Some(INDEX_END - 2), 0xffff), Ok(INDEX_END - 1));
    assert_eq!(estimate(Some(INDEX_END - 1), 0), Err(DropReason::IndexExhausted));
}

proptest! {
    #[test]
    fn whatever_is_less_than_half_a_round_away_is_found(
        highest in 0x8000..INDEX_END - 0x8000, distance in -0x7fff..0x8000_i64,
    ) {
        let index = highest.checked_add_signed(distance).unwrap();
        prop_assert_eq!(estimate(Some(highest), index as u16), Ok(index));
    }

    #[test]
    fn the_estimate_keeps_the_sequence_number(highest in 0..INDEX_END, sequence: u16) {
        if let Ok(index) = estimate(Some(highest), sequence) {
            prop_assert_eq!(index as u16, sequence);
            prop_assert!(index.abs_diff(highest) <= 0x8000 || highest < 0x8000);
        }
    }
}
