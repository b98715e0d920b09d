//! Once per packet: whose it is, whether it is genuine, and who gets it (steps 1 to 10 of
//! docs/architecture.md, in their order).

mod arrival;
pub mod header;
mod leg;
mod open;
mod socket;
mod source;
mod speakers;

use aya_ebpf::{
    bindings::{xdp_action::XDP_PASS, xdp_md},
    helpers::generated::bpf_ktime_get_ns,
};
use sft_common::{
    decision::{self, Route},
    drops::DropReason,
    flight::Flight,
    list,
    maps::Kind,
};

use crate::{
    count, flights,
    maps::{SCRATCH, SPEAKERS},
    scratch::{ASIDE, CONTINUE, End, Scratch, stage},
};

/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
pub unsafe fn run(ctx: *mut xdp_md) -> u32 {
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return XDP_PASS };
    // SAFETY: the caller's promise, and this CPU's scratch.
    unsafe {
        match sft_accept(ctx, scratch) {
            CONTINUE => {}
            ASIDE => return XDP_PASS,
            reason => return count::drop(reason as u32),
        }
        if let Err(reason) = open::open(ctx, scratch) {
            return count::drop(reason as u32);
        }
        match sft_commit(ctx, scratch) {
            CONTINUE => {}
            reason => return count::drop(reason as u32),
        }
        match sft_launch(ctx, scratch) {
            CONTINUE => {}
            reason => return count::drop(reason as u32),
        }
        flights::replicate((*scratch).packet.replicator)
    }
}

stage!(
    /// Steps 1 to 6. Leaves the packet in `Scratch::packet` and everything for opening it in `Scratch::work`.
    sft_accept,
    accept
);

#[inline(always)]
unsafe fn accept(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the context and this CPU's scratch.
    unsafe {
        let udp = socket::own_rtp(ctx)?;
        let packet = &raw mut (*scratch).packet;
        (*packet).udp_payload = udp.payload_len as u32;
        (*packet).payload_offset = udp.payload_offset as u32;
        (*packet).now = bpf_ktime_get_ns();
        leg::find(&udp, packet)?;
        header::read(ctx, scratch)?;
        source::find(packet, (*scratch).parsed.ssrc)?;
        let index = source::admit(packet, (*scratch).parsed.sequence)?;
        open::prepare(scratch, index)
    }
}

stage!(
    /// Step 8. Leaves in `Scratch::packet` how slots count the packet.
    sft_commit,
    commit
);

#[inline(always)]
unsafe fn commit(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the context and this CPU's scratch.
    unsafe {
        open::blank(ctx, scratch)?;
        let committed = source::commit(ctx, scratch)?;
        arrival::note(scratch, &committed);
        (*scratch).packet.admitted = committed?;
        Ok(())
    }
}

stage!(
    /// Steps 9 and 10 up to the broadcast itself. Leaves the number of the replicator in `Scratch::packet`.
    sft_launch,
    launch
);

#[inline(always)]
unsafe fn launch(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the context, this CPU's scratch, and records of the maps.
    unsafe {
        let packet = &raw mut (*scratch).packet;
        let control = source::control(packet)?;
        let speakers = SPEAKERS.get_ptr_mut((*packet).conference).ok_or(DropReason::StaleReference)?;
        let (kind, speakers) = (Kind::from_number((*packet).kind), speakers::Cells(speakers));
        let route = decision::route(kind, (*packet).source, &control, &speakers)?;
        let flight = describe(scratch, &route);
        (*packet).replicator = flight.replicator();
        let id = flights::record(flight)?;
        Ok(flights::attach(ctx, id)?)
    }
}

/// What egress has to know about the packet.
#[inline(always)]
unsafe fn describe(scratch: *mut Scratch, route: &Route) -> Flight {
    // SAFETY: the caller's promise.
    unsafe {
        let (packet, parsed) = (&raw const (*scratch).packet, &raw const (*scratch).parsed);
        let [first, second, ..] = (*scratch).header;
        let flight = Flight {
            effective: (*packet).admitted.effective,
            arrival: (*packet).now,
            id: 0,
            next_copy: 0,
            end_copy: 0,
            list: route.list.to_word(),
            first_receiver: list::first_receiver((*parsed).timestamp, route.list.copies()),
            source_leg: (*packet).leg,
            csrc: (*packet).csrc,
            kind: (*packet).kind,
            slot_offset: route.slot_offset,
            run_high: route.run_high,
            gate_run: (*packet).admitted.gate_run,
            mark: (*parsed).mark,
            timestamp: (*parsed).timestamp,
            payload_offset: (*packet).payload_offset as u16,
            header_len: (*parsed).header_len as u16,
            payload_len: (*scratch).work.payload as u16,
            frame_id: (*parsed).frame.id,
            first,
            second,
            csrc_count: first & 0x0f,
            frame_id_offset: (*parsed).frame.offset,
            pad: [0; 4],
        };
        flight.stage(0)
    }
}
