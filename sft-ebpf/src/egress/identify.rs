//! Steps 11 and 12: which packet this is a copy of, the how-manieth it is, and for whom.

use aya_ebpf::bindings::xdp_md;
use sft_common::{drops::DropReason, flight::Flight, maps::ListEntry};

use crate::{flights, maps::ENTRIES, scratch::End};

/// The packet by the number in front of the frame, the copy by counting.
///
/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
pub unsafe fn copy(ctx: *mut xdp_md) -> Result<(*const Flight, ListEntry), End> {
    // SAFETY: the caller's promise, and a record of this CPU's ring.
    unsafe {
        let flight = flights::find(ctx)?;
        let number = (*flight).next_copy;
        if number >= (*flight).end_copy {
            return Err(DropReason::CopyUnidentified.into());
        }
        (*flight).next_copy = number + 1;
        let entry = *ENTRIES.get((*flight).entry_of(number)).ok_or(DropReason::StaleReference)?;
        Ok((flight, entry))
    }
}
