//! The XDP programs of the kernel lane. Thin: every decision is made by a function of `sft-common`.
#![no_std]
#![no_main]

mod maps;
mod scratch;

use aya_ebpf::{
    bindings::xdp_action,
    macros::{raw_tracepoint, xdp},
    programs::{RawTracePointContext, XdpContext},
};

/// Once per packet that arrives at an interface.
#[xdp]
pub fn sft_ingress(_ctx: XdpContext) -> u32 {
    xdp_action::XDP_PASS
}

/// Once per copy, as the program of the entries of every replicator.
#[xdp(map = "devmap")]
pub fn sft_egress(_ctx: XdpContext) -> u32 {
    xdp_action::XDP_DROP
}

/// Once per batch of copies that the kernel handed to a driver.
#[raw_tracepoint(tracepoint = "xdp_devmap_xmit")]
pub fn sft_transmitted(_ctx: RawTracePointContext) -> i32 {
    0
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
