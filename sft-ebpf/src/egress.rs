//! Once per copy: which receiver it is for, its place in that receiver's slot, its headers and its seal
//! (steps 11 to 15 of docs/architecture.md). No frame leaves that was not sealed here.

mod finish;
mod place;

use aya_ebpf::bindings::{
    xdp_action::{XDP_DROP, XDP_PASS},
    xdp_md,
};
use sft_common::{drops::DropReason, srtp};

use crate::{
    count, crypto,
    maps::{KEYS, SCRATCH},
    scratch::{ASIDE, CONTINUE},
};

/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
pub unsafe fn run(ctx: *mut xdp_md) -> u32 {
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else {
        return count::drop(DropReason::CopyUnidentified as u32);
    };
    // SAFETY: the caller's promise, this CPU's scratch, and a record of `KEYS`.
    unsafe {
        match place::sft_place(ctx, scratch) {
            CONTINUE => {}
            ASIDE => return XDP_DROP,
            reason => return count::drop(reason as u32),
        }
        let Some(key) = KEYS.get_ptr((*scratch).copy.key) else {
            return count::drop(DropReason::NoKey as u32);
        };
        if crypto::seal(ctx, key, &raw mut (*scratch).work) != srtp::DONE {
            return count::drop(DropReason::SealFailed as u32);
        }
        match finish::sft_finish(ctx, scratch) {
            CONTINUE => XDP_PASS,
            reason => count::drop(reason as u32),
        }
    }
}
