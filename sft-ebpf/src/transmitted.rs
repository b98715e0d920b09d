//! After a device has taken copies: those it did not take were sealed for nothing.
//!
//! The kernel reports a batch on the CPU that sealed it, before that CPU seals for another batch. Its own
//! number of dropped frames counts those that egress dropped, too, hence the difference here.

use aya_ebpf::programs::RawTracePointContext;
use sft_common::{drops::DropReason, maps::Counter};

use crate::maps::{COUNTERS, DROPS};

/// Number of the argument `sent` of the tracepoint `xdp_devmap_xmit`.
const SENT: usize = 2;

#[inline(always)]
pub fn run(ctx: &RawTracePointContext) {
    let Some(sealed) = COUNTERS.get_ptr_mut(Counter::Sealed as u32) else { return };
    // SAFETY: this CPU's own elements, and a tracepoint that has this argument.
    unsafe {
        if *sealed == 0 {
            return;
        }
        let sent = ctx.arg::<i32>(SENT).max(0) as u64;
        if let Some(full) = DROPS.get_ptr_mut(DropReason::TransmitFull as u32)
            && *sealed > sent
        {
            *full += *sealed - sent;
        }
        *sealed = 0;
    }
}
