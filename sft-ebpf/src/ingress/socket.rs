//! Steps 1 and 2: is it RTP for one of our addresses?

use aya_ebpf::bindings::xdp_md;
use sft_common::{
    demux::{self, Packet as Protocol},
    frame::{Frame, IPV4_PAYLOAD, IPV6_PAYLOAD, TAG_LEN, Udp, classify_frame},
    maps::{Counter, LocalKey},
    packet::Bytes,
};

use crate::{
    count,
    frame::Bounds,
    maps::{CONFIG, LOCAL},
    scratch::End,
};

const TAGGED_IPV4_PAYLOAD: usize = IPV4_PAYLOAD + TAG_LEN;
const TAGGED_IPV6_PAYLOAD: usize = IPV6_PAYLOAD + TAG_LEN;

/// Everything else is passed on. That includes datagrams whose lengths contradict the frame: which port they
/// were meant for is not certain, and the kernel's stack drops them.
///
/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
pub unsafe fn own_rtp(ctx: *mut xdp_md) -> Result<Udp, End> {
    // SAFETY: the caller's promise.
    let bounds = unsafe { Bounds::of(ctx) };
    let Frame::Udp(udp) = classify_frame(&bounds) else { return Err(End::Aside) };
    let config = CONFIG.get(0).ok_or(End::Aside)?;
    // No protocol here has messages of one byte.
    if u16::from_ne_bytes(udp.tuple.local_port) as u32 != config.media_port || udp.payload_len < 2 {
        return Err(End::Aside);
    }
    let local = LocalKey { address: udp.tuple.local, port: udp.tuple.local_port, vlan: udp.vlan };
    if LOCAL.get_ptr(local).is_none() {
        return Err(End::Aside);
    }
    // Constants, for the verifier.
    let start = match udp.payload_offset {
        IPV4_PAYLOAD => bounds.load::<2>(IPV4_PAYLOAD),
        TAGGED_IPV4_PAYLOAD => bounds.load::<2>(TAGGED_IPV4_PAYLOAD),
        IPV6_PAYLOAD => bounds.load::<2>(IPV6_PAYLOAD),
        _ => bounds.load::<2>(TAGGED_IPV6_PAYLOAD),
    };
    let [first, second] = start.ok_or(End::Aside)?;
    match demux::classify(first, second) {
        Protocol::Rtp => {
            count::add(Counter::RtpReceived, 1);
            Ok(udp)
        }
        Protocol::Stun | Protocol::Dtls | Protocol::Rtcp => {
            count::add(Counter::ControlPassed, 1);
            Err(End::Aside)
        }
        Protocol::Other => Err(End::Aside),
    }
}
