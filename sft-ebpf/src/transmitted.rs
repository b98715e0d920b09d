//! After a device has taken copies: those it did not take were sealed for nothing.
//!
//! The kernel reports a batch on the CPU that sealed it, before that CPU seals for another batch. Its own
//! number of dropped frames counts those that egress dropped, too, hence the difference here.

use aya_ebpf::programs::RawTracePointContext;
use sft_common::{drops::DropReason, maps::Counter};

use crate::{
    count,
    maps::{COUNTERS, SCRATCH},
    scratch::{BATCH, Chained},
};

/// Number of the argument `sent` of the tracepoint `xdp_devmap_xmit`.
const SENT: usize = 2;

#[inline(always)]
pub fn run(ctx: &RawTracePointContext) {
    let Some(sealed) = COUNTERS.get_ptr_mut(Counter::Sealed as u32) else { return };
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return };
    // SAFETY: this CPU's own elements, and a tracepoint that has this argument.
    unsafe {
        let sent = ctx.arg::<i32>(SENT).max(0) as u32;
        let lost = if *sealed > 0 {
            (*sealed as u32).saturating_sub(sent)
        } else {
            lost_on_chain(&raw const (*scratch).chained, sent)
        };
        (*sealed, (*scratch).chained.frames) = (0, 0);
        count::drops(DropReason::TransmitFull as u32, lost);
    }
}

/// The copies that the frames behind the first `sent` stood for.
#[inline(always)]
unsafe fn lost_on_chain(chained: *const Chained, sent: u32) -> u32 {
    let mut lost = 0;
    let mut frame = 0;
    // SAFETY: the caller's promise, and places inside the record.
    unsafe {
        while frame < BATCH {
            if frame as u32 >= sent && (frame as u32) < (*chained).frames {
                lost += *(&raw const (*chained).copies).cast::<u32>().add(frame);
            }
            frame += 1;
        }
    }
    lost
}
