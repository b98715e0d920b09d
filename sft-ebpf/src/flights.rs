//! Step 10: what egress has to know about the packet whose copies it will see, and the broadcast that makes them.

use aya_ebpf::{bindings::xdp_md, helpers::generated::bpf_xdp_adjust_meta};
use sft_common::{
    drops::DropReason,
    flight::{Flight, MAGIC, Metadata},
};

use crate::{
    count,
    maps::{FLIGHT, REPLICATORS},
};

/// `BPF_F_BROADCAST`, and `XDP_DROP` should there be no entry.
const BROADCAST_OR_DROP: u64 = 1 << 3 | 1;

/// Puts the record of a packet into this CPU's ring; returns its number there.
#[inline(always)]
pub fn record(flight: Flight) -> Result<u32, DropReason> {
    let ring = FLIGHT.get_ptr_mut(0).ok_or(DropReason::StaleReference)?;
    // SAFETY: this CPU's ring, and a place inside it.
    unsafe {
        let id = (*ring).next;
        (*ring).next = id.wrapping_add(1);
        *(&raw mut (*ring).flights).cast::<Flight>().add(Flight::place(id)) = Flight { id, ..flight };
        Ok(id)
    }
}

/// Puts the packet's number in front of the frame, which has no metadata.
///
/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
pub unsafe fn attach(ctx: *mut xdp_md, id: u32) -> Result<(), DropReason> {
    // SAFETY: the context, and metadata whose bounds are checked.
    unsafe {
        if bpf_xdp_adjust_meta(ctx, -(size_of::<Metadata>() as i32)) != 0 {
            return Err(DropReason::NoRoom);
        }
        let metadata = (*ctx).data_meta as usize;
        if metadata + size_of::<Metadata>() > (*ctx).data as usize {
            return Err(DropReason::NoRoom);
        }
        *(metadata as *mut Metadata) = Metadata { magic: MAGIC, id };
        Ok(())
    }
}

/// The record by the number in front of the frame.
///
/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
pub unsafe fn find(ctx: *mut xdp_md) -> Result<*mut Flight, DropReason> {
    // SAFETY: the caller's promise, metadata inside its bounds, and this CPU's ring.
    unsafe {
        let metadata = (*ctx).data_meta as usize;
        if metadata + size_of::<Metadata>() > (*ctx).data as usize {
            return Err(DropReason::CopyUnidentified);
        }
        let Metadata { magic, id } = *(metadata as *const Metadata);
        let ring = FLIGHT.get_ptr_mut(0).ok_or(DropReason::CopyUnidentified)?;
        let flight = (&raw mut (*ring).flights).cast::<Flight>().add(Flight::place(id));
        if magic != MAGIC || (*flight).id != id {
            return Err(DropReason::CopyUnidentified);
        }
        Ok(flight)
    }
}

/// Makes the copies. The key means nothing to a broadcast.
#[inline(always)]
pub fn replicate(replicator: u32) -> u32 {
    let redirected = REPLICATORS.get(replicator).map(|replicator| replicator.redirect(0, BROADCAST_OR_DROP));
    match redirected {
        Some(Ok(action)) => action,
        _ => count::drop(DropReason::NoReplicator as u32),
    }
}
