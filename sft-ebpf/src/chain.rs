//! The way of a packet with more receivers than one broadcast reaches: one of its frames goes through a pair of
//! devices, the chain, and is broadcast again at its far end. Other packets of the CPU have their turn between.
//!
//! The frame takes its record along, since the far end may be polled by another CPU.

use aya_ebpf::{
    bindings::{
        xdp_action::{XDP_DROP, XDP_PASS},
        xdp_md,
    },
    helpers::generated::{bpf_ktime_get_ns, bpf_xdp_adjust_meta},
};
use sft_common::{
    drops::DropReason,
    flight::{Flight, LIFE, MAGIC, Onward},
    maps::LEG_PASS,
};

use crate::{
    atomic, count, flights,
    maps::{LEG_CONTROL, SCRATCH},
    scratch::BATCH,
};

/// At the near end: puts the record of the next stage in front of the frame.
///
/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
pub unsafe fn leave(ctx: *mut xdp_md) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        match pack(ctx) {
            Ok(copies) => {
                note(copies);
                XDP_PASS
            }
            Err((reason, copies)) => count::drops(reason as u32, copies),
        }
    }
}

/// Returns the copies that the frame stands for.
#[inline(always)]
unsafe fn pack(ctx: *mut xdp_md) -> Result<u32, (DropReason, u32)> {
    // SAFETY: the caller's promise, a record of this CPU's ring, and metadata whose bounds are checked.
    unsafe {
        let flight = *flights::find(ctx).map_err(|reason| (reason, 1))?;
        let copies = flight.left();
        if bpf_xdp_adjust_meta(ctx, -(size_of::<Flight>() as i32)) != 0 {
            return Err((DropReason::NoRoom, copies));
        }
        let metadata = (*ctx).data_meta as usize;
        if metadata + size_of::<Onward>() > (*ctx).data as usize {
            return Err((DropReason::NoRoom, copies));
        }
        *(metadata as *mut Flight) = flight.stage(flight.end_copy);
        Ok(copies)
    }
}

/// Remembers what is lost if the device does not take the frame.
#[inline(always)]
unsafe fn note(copies: u32) {
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return };
    // SAFETY: this CPU's scratch, and a masked place.
    unsafe {
        let chained = &raw mut (*scratch).chained;
        let place = (*chained).frames as usize & (BATCH - 1);
        *(&raw mut (*chained).copies).cast::<u32>().add(place) = copies;
        (*chained).frames += 1;
    }
}

/// At the far end: the next stage. What the network stack sends here is not ours.
///
/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
pub unsafe fn arrive(ctx: *mut xdp_md) -> u32 {
    // SAFETY: the caller's promise, and metadata whose bounds are checked.
    unsafe {
        let metadata = (*ctx).data_meta as usize;
        if metadata + size_of::<Onward>() > (*ctx).data as usize {
            return XDP_DROP;
        }
        let Onward { flight, metadata } = *(metadata as *const Onward);
        if metadata.magic != MAGIC {
            return XDP_DROP;
        }
        match go_on(ctx, flight) {
            Ok(()) => flights::replicate(flight.replicator()),
            Err(reason) => {
                count::drops(reason as u32, flight.left() + flight.end_copy.wrapping_sub(flight.next_copy))
            }
        }
    }
}

#[inline(always)]
unsafe fn go_on(ctx: *mut xdp_md, flight: Flight) -> Result<(), DropReason> {
    // SAFETY: the caller's promise, and a record of the map.
    unsafe {
        if bpf_ktime_get_ns().wrapping_sub(flight.arrival) > LIFE {
            return Err(DropReason::StageExpired);
        }
        // Since this program has begun after the flag was set, nobody waits for it.
        let control = LEG_CONTROL.get_ptr(flight.source_leg).ok_or(DropReason::StaleReference)?;
        if atomic::load(&raw const (*control).flags) & LEG_PASS != 0 {
            return Err(DropReason::WrongLane);
        }
        let id = flights::record(flight)?;
        if bpf_xdp_adjust_meta(ctx, size_of::<Onward>() as i32) != 0 {
            return Err(DropReason::NoRoom);
        }
        flights::attach(ctx, id)
    }
}
