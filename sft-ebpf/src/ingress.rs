//! Once per packet: whose it is, whether it is genuine, and who gets it (steps 1 to 10 of
//! docs/architecture.md, in their order).

mod arrival;
mod flight;
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
use sft_common::{decision, drops::DropReason, maps::Kind};

use crate::{
    count,
    maps::{REPLICATORS, SCRATCH, SPEAKERS},
    scratch::{ASIDE, CONTINUE, End, Scratch, stage},
};

/// `BPF_F_BROADCAST`, and `XDP_DROP` should there be no entry.
const BROADCAST_OR_DROP: u64 = 1 << 3 | 1;

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
        replicate((*scratch).packet.receivers)
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
    /// Steps 9 and 10 up to the broadcast itself. Leaves the number of receivers in `Scratch::packet`.
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
        (*packet).receivers = route.list_len;
        flight::announce(ctx, scratch, &route)
    }
}

/// Step 10. The key means nothing to a broadcast.
#[inline(always)]
fn replicate(receivers: u32) -> u32 {
    let redirected = REPLICATORS.get(receivers).map(|replicator| replicator.redirect(0, BROADCAST_OR_DROP));
    match redirected {
        Some(Ok(action)) => action,
        _ => count::drop(DropReason::NoReplicator as u32),
    }
}
