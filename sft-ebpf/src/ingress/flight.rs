//! Step 10, first half: what egress has to know about the packet whose copies it will see.

use aya_ebpf::{bindings::xdp_md, helpers::generated::bpf_xdp_adjust_meta};
use sft_common::{
    decision::Route,
    drops::DropReason,
    flight::{Flight, MAGIC, Metadata},
};

use crate::{
    maps::FLIGHT,
    scratch::{End, Scratch},
};

/// Makes the packet's record and puts its number in front of the frame.
///
/// # Safety
/// `ctx` is the program's context, `scratch` this CPU's.
#[inline(always)]
pub unsafe fn announce(ctx: *mut xdp_md, scratch: *mut Scratch, route: &Route) -> Result<(), End> {
    // SAFETY: the caller's promise.
    unsafe {
        let id = record(scratch, route)?;
        attach(ctx, id)
    }
}

/// Makes the record of the packet in this CPU's ring; returns its number.
#[inline(always)]
unsafe fn record(scratch: *mut Scratch, route: &Route) -> Result<u32, End> {
    let ring = FLIGHT.get_ptr_mut(0).ok_or(DropReason::StaleReference)?;
    // SAFETY: this CPU's ring and scratch.
    unsafe {
        let (packet, parsed) = (&raw const (*scratch).packet, &raw const (*scratch).parsed);
        let id = (*ring).next;
        (*ring).next = id.wrapping_add(1);
        let flight = (&raw mut (*ring).flights).cast::<Flight>().add(Flight::place(id));
        let [first, second, ..] = (*scratch).header;
        *flight = Flight {
            effective: (*packet).admitted.effective,
            id,
            next_copy: 0,
            list_offset: route.list_offset,
            list_len: route.list_len,
            source_leg: (*packet).leg,
            csrc: (*packet).csrc,
            kind: (*packet).kind,
            slot_offset: route.slot_offset,
            run_high: route.run_high,
            gate_run: (*packet).admitted.gate_run,
            mark: (*parsed).mark,
            timestamp: (*parsed).timestamp,
            udp_payload: (*packet).udp_payload as u16,
            payload_offset: (*packet).payload_offset as u16,
            header_len: (*parsed).header_len as u16,
            payload_len: (*scratch).work.payload as u16,
            first,
            second,
            csrc_count: first & 0x0f,
            pad: [0; 5],
        };
        Ok(id)
    }
}

/// Puts the packet's number in front of the frame.
#[inline(always)]
unsafe fn attach(ctx: *mut xdp_md, id: u32) -> Result<(), End> {
    // SAFETY: the context, and metadata whose bounds are checked.
    unsafe {
        if bpf_xdp_adjust_meta(ctx, -(size_of::<Metadata>() as i32)) != 0 {
            return Err(DropReason::NoRoom.into());
        }
        let metadata = (*ctx).data_meta as usize;
        if metadata + size_of::<Metadata>() > (*ctx).data as usize {
            return Err(DropReason::NoRoom.into());
        }
        *(metadata as *mut Metadata) = Metadata { magic: MAGIC, id };
        Ok(())
    }
}
