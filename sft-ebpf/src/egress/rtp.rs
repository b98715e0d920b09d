//! Step 15, first half: the frame gets the size of the copy, and its RTP header.

use aya_ebpf::{
    bindings::xdp_md,
    helpers::generated::{
        bpf_xdp_adjust_head, bpf_xdp_adjust_tail, bpf_xdp_get_buff_len, bpf_xdp_load_bytes,
        bpf_xdp_store_bytes,
    },
};
use sft_common::{
    drops::DropReason,
    flight::Flight,
    rewrite::{self, RTP_LEN},
    rtp::FIXED_HEADER,
    srtp::memory::opaque,
};

use crate::scratch::{End, MOVED, Scratch};

/// Moves the start of the frame so that the extension and the payload stay where they are, and its end to that
/// of the tag; writes the RTP header and the frame's number. `OFFSET` is where the UDP payload starts.
///
/// # Safety
/// `ctx` is the program's context, `scratch` this CPU's, `flight` a record of its ring.
#[inline(always)]
pub unsafe fn write<const OFFSET: usize>(
    ctx: *mut xdp_md,
    scratch: *mut Scratch,
    flight: *const Flight,
) -> Result<(), End> {
    // SAFETY: the caller's promise, and a frame whose bounds are checked.
    unsafe {
        let kept = (*flight).payload_offset as i32 + FIXED_HEADER as i32 + 4 * (*flight).csrc_count as i32;
        move_start(ctx, kept - (OFFSET + RTP_LEN) as i32)?;
        (*scratch).work.rtp = OFFSET as u32;
        let length = OFFSET as u32 + (*scratch).copy.udp_payload;
        let missing = length as i32 - bpf_xdp_get_buff_len(ctx) as i32;
        if missing != 0 && bpf_xdp_adjust_tail(ctx, missing) != 0 {
            move_content(ctx, scratch, (OFFSET + RTP_LEN) as u32, missing)?;
        }
        let data = (*ctx).data as usize;
        if data + OFFSET + RTP_LEN > (*ctx).data_end as usize {
            return Err(DropReason::NoRoom.into());
        }
        let header = *(&raw const (*scratch).header).cast::<[u8; RTP_LEN]>();
        *((data + OFFSET) as *mut [u8; RTP_LEN]) = header;
        write_frame_id(ctx, scratch, flight, OFFSET)
    }
}

/// The number of the frame, where the packet begins one.
#[inline(always)]
unsafe fn write_frame_id(
    ctx: *mut xdp_md,
    scratch: *const Scratch,
    flight: *const Flight,
    rtp: usize,
) -> Result<(), End> {
    // SAFETY: the caller's promise, and two bytes of ours.
    unsafe {
        if (*flight).frame_id_offset == 0 {
            return Ok(());
        }
        let at = (rtp + rewrite::frame_id_offset(&*flight)) as u32;
        let id = (*scratch).copy.frame_id.to_le_bytes();
        if bpf_xdp_store_bytes(ctx, at, (&raw const id).cast_mut().cast(), id.len() as u32) != 0 {
            return Err(DropReason::NoRoom.into());
        }
        Ok(())
    }
}

#[inline(always)]
unsafe fn move_start(ctx: *mut xdp_md, by: i32) -> Result<(), End> {
    // SAFETY: the caller's promise.
    if by != 0 && unsafe { bpf_xdp_adjust_head(ctx, by) } != 0 {
        return Err(DropReason::NoRoom.into());
    }
    Ok(())
}

/// Behind a frame there may be no room at all for a tag that is longer than that of the packet. In front there
/// is, so extension and payload, at offset `at`, move forward.
#[inline(always)]
unsafe fn move_content(ctx: *mut xdp_md, scratch: *mut Scratch, at: u32, by: i32) -> Result<(), End> {
    // SAFETY: the caller's promise, and a buffer that is long enough.
    unsafe {
        if by < 0 {
            return Err(DropReason::NoRoom.into());
        }
        let work = &raw const (*scratch).work;
        let behind_header = ((*work).header + (*work).payload).wrapping_sub(RTP_LEN as u32);
        let length = opaque(behind_header as u64 & (MOVED as u64 - 1)) as u32;
        let moved = (&raw mut (*scratch).moved).cast();
        if length < 1 {
            return move_start(ctx, -by);
        }
        if bpf_xdp_load_bytes(ctx, at, moved, length) != 0 {
            return Err(DropReason::NoRoom.into());
        }
        move_start(ctx, -by)?;
        if bpf_xdp_store_bytes(ctx, at, moved, length) != 0 {
            return Err(DropReason::NoRoom.into());
        }
        Ok(())
    }
}
