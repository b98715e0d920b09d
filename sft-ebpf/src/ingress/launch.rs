//! From the genuine packet to its copies: commit, feedback, receivers, and what egress has to know (steps 8
//! to 10).

use aya_ebpf::{
    bindings::xdp_md,
    helpers::generated::{bpf_xdp_adjust_meta, bpf_xdp_store_bytes},
};
use sft_common::{
    decision::{self, Route},
    drops::DropReason,
    flight::{Flight, MAGIC, Metadata},
    maps::{ARRIVALS as CELLS, Kind},
    source::Admitted,
};

use super::authenticate::commit;
use crate::{
    maps::{ARRIVALS, FLIGHT, SOURCE_CONTROL, SPEAKERS},
    scratch::{End, Scratch, stage},
    speakers::Cells,
};

stage!(
    /// Leaves the number of receivers in `Scratch::packet`.
    sft_launch,
    launch
);

#[inline(always)]
unsafe fn launch(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the context, this CPU's scratch, and records of the maps.
    unsafe {
        let packet = &raw mut (*scratch).packet;
        note_arrival(scratch);
        let admitted = commit(ctx, scratch)?;
        let control = SOURCE_CONTROL.get((*packet).source).ok_or(DropReason::StaleReference)?;
        let speakers = SPEAKERS.get_ptr_mut((*packet).conference).ok_or(DropReason::StaleReference)?;
        let kind = Kind::from_number((*packet).kind);
        let route = decision::route(kind, (*packet).source, control, &Cells(speakers))?;
        (*packet).receivers = route.list_len;
        blank(ctx, scratch)?;
        let id = note_flight(scratch, &route, &admitted)?;
        attach(ctx, id)
    }
}

/// For transport-wide feedback to the sender.
#[inline(always)]
unsafe fn note_arrival(scratch: *mut Scratch) {
    // SAFETY: this CPU's scratch, and a masked cell of the record; a single word, so that readers see the old one
    // or the new one.
    unsafe {
        let (packet, parsed) = (&raw const (*scratch).packet, &raw const (*scratch).parsed);
        if (*parsed).has_transport_sequence == 0 {
            return;
        }
        let number = (*parsed).transport_sequence;
        if let Some(ring) = ARRIVALS.get_ptr_mut((*packet).leg) {
            let cell = (number as u64) << 48 | ((*packet).now / 1000) & 0xffff_ffff_ffff;
            (&raw mut (*ring).cells).cast::<u64>().add(number as usize & (CELLS - 1)).write_volatile(cell);
        }
    }
}

/// Writes the header back where elements of it have been blanked.
#[inline(always)]
unsafe fn blank(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the context and this CPU's scratch.
    unsafe {
        let parsed = &raw const (*scratch).parsed;
        if (*parsed).blanked == 0 {
            return Ok(());
        }
        let length = (*parsed).header_len & 0x7f;
        let header = (&raw mut (*scratch).header).cast();
        let offset = (*scratch).packet.payload_offset;
        if length == 0 || bpf_xdp_store_bytes(ctx, offset, header, length) != 0 {
            return Err(DropReason::NoRoom.into());
        }
        Ok(())
    }
}

/// Makes the record of the packet in this CPU's ring; returns its number.
#[inline(always)]
unsafe fn note_flight(scratch: *mut Scratch, route: &Route, admitted: &Admitted) -> Result<u32, End> {
    let ring = FLIGHT.get_ptr_mut(0).ok_or(DropReason::StaleReference)?;
    // SAFETY: this CPU's ring and scratch.
    unsafe {
        let (packet, parsed) = (&raw const (*scratch).packet, &raw const (*scratch).parsed);
        let id = (*ring).next;
        (*ring).next = id.wrapping_add(1);
        let flight = (&raw mut (*ring).flights).cast::<Flight>().add(Flight::place(id));
        let [first, second, ..] = (*scratch).header;
        *flight = Flight {
            effective: admitted.effective,
            id,
            next_copy: 0,
            list_offset: route.list_offset,
            list_len: route.list_len,
            source_leg: (*packet).leg,
            csrc: (*packet).csrc,
            kind: (*packet).kind,
            slot_offset: route.slot_offset,
            run_high: route.run_high,
            gate_run: admitted.gate_run,
            mark: (*parsed).mark,
            timestamp: (*parsed).timestamp,
            udp_payload: (*packet).udp_payload as u16,
            payload_offset: (*packet).payload_offset as u16,
            header_len: (*parsed).header_len as u16,
            payload_len: (*packet).payload as u16,
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
