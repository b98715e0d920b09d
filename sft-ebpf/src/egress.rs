//! Once per copy: which receiver it is for, its place in that receiver's slot, its headers and its seal
//! (steps 11 to 16 of docs/architecture.md, in their order). No frame leaves that was not sealed here.

mod finish;
mod identify;
mod rtp;
mod slot;
mod way;

use aya_ebpf::bindings::{xdp_action::XDP_PASS, xdp_md};
use sft_common::{
    drops::DropReason,
    frame::{Family, IPV4_PAYLOAD, IPV6_PAYLOAD, TAG_LEN},
};

use crate::{
    count,
    crypto::{self, Failure, Job},
    maps::SCRATCH,
    scratch::{CONTINUE, End, Scratch, stage},
};

/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
pub unsafe fn run(ctx: *mut xdp_md) -> u32 {
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else {
        return count::drop(DropReason::CopyUnidentified as u32);
    };
    // SAFETY: the caller's promise, and this CPU's scratch.
    unsafe {
        match sft_place(ctx, scratch) {
            CONTINUE => {}
            reason => return count::drop(reason as u32),
        }
        if let Err(reason) = seal(ctx, scratch) {
            return count::drop(reason as u32);
        }
        match finish::sft_finish(ctx, scratch) {
            CONTINUE => XDP_PASS,
            reason => count::drop(reason as u32),
        }
    }
}

/// Step 16, first half: the copy that `Scratch::work` describes, under the key in `Scratch::copy`.
#[inline(always)]
unsafe fn seal(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), DropReason> {
    // SAFETY: the caller's promise, and this CPU's scratch.
    unsafe {
        let copy = &raw const (*scratch).copy;
        let (key, profile) = crypto::key((*copy).key).ok_or(DropReason::NoKey)?;
        let work = &raw mut (*scratch).work;
        crypto::seal(Job { ctx, key, profile, work, ring: (*copy).ring }).map_err(|failure| match failure {
            Failure::Refused => DropReason::SealFailed,
            Failure::Overrun => DropReason::KeystreamOverrun,
        })
    }
}

stage!(
    /// Steps 11 to 15 up to the RTP header. Leaves the copy in `Scratch::copy` and everything for sealing it
    /// in `Scratch::work`.
    sft_place,
    place
);

#[inline(always)]
unsafe fn place(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the context and this CPU's scratch.
    unsafe {
        let (flight, entry) = identify::copy(ctx)?;
        let (family, tagged) = way::find(ctx, scratch, flight, &entry)?;
        slot::take(scratch, flight, &entry)?;
        match (family, tagged) {
            (Family::V4, false) => rtp::write::<IPV4_PAYLOAD>(ctx, scratch, flight),
            (Family::V6, false) => rtp::write::<IPV6_PAYLOAD>(ctx, scratch, flight),
            (Family::V4, true) => rtp::write::<{ IPV4_PAYLOAD + TAG_LEN }>(ctx, scratch, flight),
            (Family::V6, true) => rtp::write::<{ IPV6_PAYLOAD + TAG_LEN }>(ctx, scratch, flight),
        }
    }
}
