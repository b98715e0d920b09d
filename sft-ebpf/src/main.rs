//! The XDP programs of the kernel lane. Thin: every decision is made by a function of `sft-common`, and every
//! packet that ends here is counted by its reason.
#![no_std]
#![no_main]
#![feature(core_intrinsics)]
#![allow(internal_features, reason = "BPF's compare-and-exchange has no stable name on this target")]

mod atomic;
mod chain;
mod count;
mod crypto;
mod egress;
mod flights;
mod frame;
mod ingress;
mod lock;
mod maps;
mod scratch;
mod transmitted;

use aya_ebpf::{
    macros::{raw_tracepoint, xdp},
    programs::{RawTracePointContext, XdpContext},
};

/// Attached to the interfaces that media arrives on.
#[xdp]
pub fn sft_ingress(ctx: XdpContext) -> u32 {
    // SAFETY: the program's own context.
    unsafe { ingress::run(ctx.ctx) }
}

/// In the entries of every replicator: runs once per copy.
#[xdp(map = "devmap")]
pub fn sft_egress(ctx: XdpContext) -> u32 {
    // SAFETY: the program's own context.
    unsafe { egress::run(ctx.ctx) }
}

/// In the entry of a replicator that leads to the next stage.
#[xdp(map = "devmap")]
pub fn sft_onward(ctx: XdpContext) -> u32 {
    // SAFETY: the program's own context.
    unsafe { chain::leave(ctx.ctx) }
}

/// Attached to the far end of the chain.
#[xdp]
pub fn sft_stage(ctx: XdpContext) -> u32 {
    // SAFETY: the program's own context.
    unsafe { chain::arrive(ctx.ctx) }
}

/// Attached to the kernel's report of transmitted copies.
#[raw_tracepoint(tracepoint = "xdp_devmap_xmit")]
pub fn sft_transmitted(ctx: RawTracePointContext) -> i32 {
    transmitted::run(&ctx);
    0
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
