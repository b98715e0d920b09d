//! Counting: every packet that ends here ends with a reason.

use aya_ebpf::bindings::xdp_action::XDP_DROP;
use sft_common::maps::Counter;

use crate::maps::{COUNTERS, DROPS};

/// Counts a drop for the reason with this number.
#[inline(always)]
pub fn drop(reason: u32) -> u32 {
    drops(reason, 1)
}

/// Counts that so many copies end here.
#[inline(always)]
pub fn drops(reason: u32, copies: u32) -> u32 {
    if let Some(count) = DROPS.get_ptr_mut(reason) {
        // SAFETY: this CPU's own element, and programs on one CPU do not interrupt each other.
        unsafe { *count += copies as u64 };
    }
    XDP_DROP
}

#[inline(always)]
pub fn add(counter: Counter, amount: u64) {
    if let Some(count) = COUNTERS.get_ptr_mut(counter as u32) {
        // SAFETY: as above.
        unsafe { *count += amount };
    }
}
