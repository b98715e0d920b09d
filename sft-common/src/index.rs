//! SRTP packet indices: 48 bits, rollover counter and sequence number (RFC 3711 section 3.3.1).

/// One past the largest index.
pub const INDEX_LIMIT: u64 = 1 << 48;

/// Estimates the index of a packet from its sequence number and the highest index seen so far
/// (RFC 3711 appendix A). Without any packet before it, the rollover counter is 0.
///
/// Returns `None` if the packet can only belong before the first or behind the last index.
#[inline(always)]
pub const fn estimate(sequence: u16, highest: Option<u64>) -> Option<u64> {
    let Some(highest) = highest else { return Some(sequence as u64) };
    let same = (highest & !0xffff) | sequence as u64;
    let difference = same as i64 - highest as i64;
    let index = if difference > 0x8000 {
        same as i64 - 0x1_0000
    } else if difference < -0x8000 {
        same as i64 + 0x1_0000
    } else {
        same as i64
    };
    if index < 0 || index >= INDEX_LIMIT as i64 { None } else { Some(index as u64) }
}

#[cfg(test)]
mod tests {
    use super::{INDEX_LIMIT, estimate};
    use proptest::prelude::*;

    #[test]
    fn first_packet_starts_at_rollover_counter_zero() {
        assert_eq!(estimate(65_535, None), Some(65_535));
    }

    #[test]
    fn nothing_lies_before_zero_or_behind_the_end() {
        assert_eq!(estimate(65_535, Some(3)), None);
        assert_eq!(estimate(0, Some(INDEX_LIMIT - 1)), None);
    }

    proptest! {
        #[test]
        fn every_index_within_half_a_cycle_is_found(highest in 0u64..1 << 40, step in -0x7fffi64..0x8000) {
            let index = highest as i64 + step;
            prop_assume!(index >= 0);
            prop_assert_eq!(estimate(index as u16, Some(highest)), Some(index as u64));
        }
    }
}
