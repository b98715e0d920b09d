//! Step 14, first half: the frame gets the size of the copy, and its RTP header.

use aya_ebpf::{
    bindings::xdp_md,
    helpers::generated::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail, bpf_xdp_get_buff_len},
};
use sft_common::{drops::DropReason, flight::Flight, rewrite::RTP_LEN, rtp::FIXED_HEADER, srtp::TAG_ROOM};

use crate::scratch::{End, Scratch};

/// Moves the start of the frame so that the extension and the payload stay where they are, makes room for the
/// tag, and writes the RTP header. `OFFSET` is where the UDP payload starts.
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
        let front = kept - (OFFSET + RTP_LEN) as i32;
        if front != 0 && bpf_xdp_adjust_head(ctx, front) != 0 {
            return Err(DropReason::NoRoom.into());
        }
        let work = &raw mut (*scratch).work;
        (*work).rtp = OFFSET as u32;
        resize(ctx, OFFSET as u32 + (*work).header + (*work).payload + TAG_ROOM as u32)?;
        let data = (*ctx).data as usize;
        if data + OFFSET + RTP_LEN > (*ctx).data_end as usize {
            return Err(DropReason::NoRoom.into());
        }
        let header = *(&raw const (*scratch).header).cast::<[u8; RTP_LEN]>();
        *((data + OFFSET) as *mut [u8; RTP_LEN]) = header;
        Ok(())
    }
}

/// Moves the end of the frame.
///
/// # Safety
/// `ctx` is the program's context.
#[inline(always)]
pub unsafe fn resize(ctx: *mut xdp_md, length: u32) -> Result<(), End> {
    // SAFETY: the caller's promise.
    unsafe {
        let missing = length as i32 - bpf_xdp_get_buff_len(ctx) as i32;
        if missing != 0 && bpf_xdp_adjust_tail(ctx, missing) != 0 {
            return Err(DropReason::NoRoom.into());
        }
    }
    Ok(())
}
