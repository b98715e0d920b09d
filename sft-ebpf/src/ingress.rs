//! Once per packet: whose it is, whether it is genuine, and who gets it (steps 1 to 10 of
//! docs/architecture.md).

mod accept;
mod authenticate;
mod launch;

use aya_ebpf::bindings::{xdp_action::XDP_PASS, xdp_md};
use sft_common::{drops::DropReason, srtp};

use crate::{
    count, crypto,
    maps::{KEYS, REPLICATORS, SCRATCH},
    scratch::{ASIDE, CONTINUE},
};

/// `BPF_F_BROADCAST`, and `XDP_DROP` should there be no entry.
const BROADCAST_OR_DROP: u64 = 1 << 3 | 1;

/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
pub unsafe fn run(ctx: *mut xdp_md) -> u32 {
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else { return XDP_PASS };
    // SAFETY: the caller's promise, this CPU's scratch, and a record of `KEYS`.
    unsafe {
        match accept::sft_accept(ctx, scratch) {
            CONTINUE => {}
            ASIDE => return XDP_PASS,
            reason => return count::drop(reason as u32),
        }
        let Some(key) = KEYS.get_ptr((*scratch).packet.receive_key) else {
            return count::drop(DropReason::NoKey as u32);
        };
        let next = match crypto::open(ctx, key, &raw mut (*scratch).work) {
            srtp::DONE => launch::sft_launch(ctx, scratch),
            _ => authenticate::refuse(scratch) as i32,
        };
        if next != CONTINUE {
            return count::drop(next as u32);
        }
        let Some(replicator) = REPLICATORS.get((*scratch).packet.receivers) else {
            return count::drop(DropReason::NoReplicator as u32);
        };
        match replicator.redirect(0, BROADCAST_OR_DROP) {
            Ok(action) => action,
            Err(_) => count::drop(DropReason::NoReplicator as u32),
        }
    }
}
