//! Behind the seal: the headers in front of RTP with their checksums, and the count
//! (steps 15 and 16).

use aya_ebpf::bindings::xdp_md;
use sft_common::{
    drops::DropReason,
    frame::Family,
    maps::{Counter, Kind, PathRecord},
    rewrite,
};

use crate::{
    count,
    maps::PATHS,
    scratch::{End, Scratch, stage},
};

stage!(
    /// The frame is ready to leave.
    sft_finish,
    finish
);

#[inline(always)]
unsafe fn finish(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the context, this CPU's scratch, and a frame whose bounds are checked before each access.
    unsafe {
        let (copy, work) = (&raw const (*scratch).copy, &raw const (*scratch).work);
        let path = PATHS.get((*copy).path).ok_or(DropReason::NoPath)?;
        let udp_payload = (*copy).udp_payload as usize;
        let checksum = rewrite::udp_checksum(path, udp_payload, (*work).sum);
        if path.vlan == 0 {
            write(ctx, rewrite::ethernet(path), path, udp_payload, checksum)?;
        } else {
            write(ctx, rewrite::tagged_ethernet(path), path, udp_payload, checksum)?;
        }
        count_copy(Kind::from_number((*copy).kind), udp_payload as u64);
        Ok(())
    }
}

#[inline(always)]
unsafe fn write<const ETHERNET: usize>(
    ctx: *mut xdp_md,
    ethernet: [u8; ETHERNET],
    path: &PathRecord,
    udp_payload: usize,
    checksum: [u8; 2],
) -> Result<(), DropReason> {
    // SAFETY: the caller's context.
    unsafe {
        match path.ip_family() {
            Family::V4 => put(ctx, ethernet, rewrite::ipv4(path, udp_payload, checksum)),
            Family::V6 => put(ctx, ethernet, rewrite::ipv6(path, udp_payload, checksum)),
        }
    }
}

/// Writes two parts of the headers to the start of the frame.
#[inline(always)]
unsafe fn put<const FIRST: usize, const SECOND: usize>(
    ctx: *mut xdp_md,
    first: [u8; FIRST],
    second: [u8; SECOND],
) -> Result<(), DropReason> {
    // SAFETY: the caller's context, and a frame that is long enough.
    unsafe {
        let data = (*ctx).data as usize;
        if data + FIRST + SECOND > (*ctx).data_end as usize {
            return Err(DropReason::NoRoom);
        }
        *(data as *mut [u8; FIRST]) = first;
        *((data + FIRST) as *mut [u8; SECOND]) = second;
        Ok(())
    }
}

#[inline(always)]
fn count_copy(kind: Kind, bytes: u64) {
    let (copies, payload) = match kind {
        Kind::Audio => (Counter::AudioCopies, Counter::AudioBytes),
        Kind::Video => (Counter::VideoCopies, Counter::VideoBytes),
    };
    count::add(copies, 1);
    count::add(payload, bytes);
    count::add(Counter::Sealed, 1);
}
