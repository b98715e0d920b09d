//! Steps 11 and 12: which packet this is a copy of, the how-manieth it is, and for whom.

use aya_ebpf::bindings::xdp_md;
use sft_common::{
    drops::DropReason,
    flight::{Flight, MAGIC, Metadata},
    maps::ListEntry,
};

use crate::{
    maps::{ENTRIES, FLIGHT},
    scratch::End,
};

/// The packet by the number in front of the frame, the copy by counting. A list holds all participants, so
/// one copy is for the leg that sent the packet: it ends here and is not a drop.
///
/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
pub unsafe fn copy(ctx: *mut xdp_md) -> Result<(*const Flight, ListEntry), End> {
    // SAFETY: the caller's promise, metadata inside its bounds, and this CPU's ring.
    unsafe {
        let metadata = (*ctx).data_meta as usize;
        if metadata + size_of::<Metadata>() > (*ctx).data as usize {
            return Err(DropReason::CopyUnidentified.into());
        }
        let Metadata { magic, id } = *(metadata as *const Metadata);
        let ring = FLIGHT.get_ptr_mut(0).ok_or(DropReason::CopyUnidentified)?;
        let flight = (&raw mut (*ring).flights).cast::<Flight>().add(Flight::place(id));
        let number = (*flight).next_copy;
        if magic != MAGIC || (*flight).id != id || number >= (*flight).list_len {
            return Err(DropReason::CopyUnidentified.into());
        }
        (*flight).next_copy = number + 1;
        let position = (*flight).list_offset.wrapping_add(number);
        let entry = *ENTRIES.get(position).ok_or(DropReason::StaleReference)?;
        if entry.leg == (*flight).source_leg {
            return Err(End::Aside);
        }
        Ok((flight, entry))
    }
}
