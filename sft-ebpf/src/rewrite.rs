//! The least that XDP programs can do for a fan-out: what `cargo xtask bench` compares the forwarding with. Copies
//! get addresses, SSRC and nothing else; no look-up, no state, no cipher. Never part of a server.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::{
        xdp_action::{XDP_DROP, XDP_PASS},
        xdp_md,
    },
    btf_maps::{Array, DevMap, PerCpuArray},
    macros::{btf_map, xdp},
    programs::XdpContext,
};
use sft_common::frame::IPV4_PAYLOAD;

/// Entries of [`COPIES`] at most.
const RECEIVERS: usize = 256;
/// `BPF_F_BROADCAST`, and `XDP_DROP` should there be no entry.
const BROADCAST_OR_DROP: u64 = 1 << 3 | 1;
/// Ethernet, IPv4 and UDP in front of the fixed part of an RTP header.
const HEADERS: usize = IPV4_PAYLOAD + 12;
/// Where in these the fields are that change.
const DESTINATION_PORT: usize = IPV4_PAYLOAD - 6;
const CHECKSUM: usize = IPV4_PAYLOAD - 2;
const SSRC: usize = IPV4_PAYLOAD + 8;

/// The media port and the first receiver's port, both in network order, and the number of receivers.
#[btf_map]
static PLAN: Array<[u32; 3], 1> = Array::new();
/// One entry for each receiver.
#[btf_map]
static COPIES: DevMap<RECEIVERS> = DevMap::new();
/// Copies made on each CPU.
#[btf_map]
static MADE: PerCpuArray<u64, 1> = PerCpuArray::new();

/// Attached to the interface.
#[xdp]
pub fn rewrite_ingress(ctx: XdpContext) -> u32 {
    // SAFETY: the program's own context.
    match unsafe { headers(ctx.ctx) } {
        Some(headers) if is_media(headers) => COPIES.redirect(0, BROADCAST_OR_DROP).unwrap_or(XDP_DROP),
        _ => XDP_PASS,
    }
}

fn is_media(headers: &[u8; HEADERS]) -> bool {
    let port = u16::from_ne_bytes([headers[DESTINATION_PORT], headers[DESTINATION_PORT + 1]]);
    headers[12..14] == [0x08, 0x00] && PLAN.get(0).is_some_and(|plan| plan[0] == port as u32)
}

/// In the entries of [`COPIES`].
#[xdp(map = "devmap")]
pub fn rewrite_copy(ctx: XdpContext) -> u32 {
    let (Some(made), Some(plan)) = (MADE.get_ptr_mut(0), PLAN.get(0)) else { return XDP_DROP };
    // SAFETY: the program's own context, and this CPU's element.
    unsafe {
        let Some(headers) = headers(ctx.ctx) else { return XDP_DROP };
        let receiver = (*made % plan[2].max(1) as u64) as u32;
        *made += 1;
        for place in 0..6 {
            headers.swap(place, place + 6);
        }
        for place in 26..30 {
            headers.swap(place, place + 4);
        }
        headers.swap(34, 36);
        headers.swap(35, 37);
        let port = (u16::from_be(plan[1] as u16) + receiver as u16).to_be_bytes();
        headers[DESTINATION_PORT..DESTINATION_PORT + 2].copy_from_slice(&port);
        headers[CHECKSUM..CHECKSUM + 2].fill(0);
        headers[SSRC..SSRC + 4].copy_from_slice(&receiver.to_be_bytes());
    }
    XDP_PASS
}

/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
unsafe fn headers<'a>(ctx: *mut xdp_md) -> Option<&'a mut [u8; HEADERS]> {
    // SAFETY: the caller's promise, and a frame that is long enough.
    unsafe {
        let data = (*ctx).data as usize;
        if data + HEADERS > (*ctx).data_end as usize {
            return None;
        }
        Some(&mut *(data as *mut [u8; HEADERS]))
    }
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
