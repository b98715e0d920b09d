//! Step 7: the packet is opened in place, and what concerned its sender and us alone is blanked.

use aya_ebpf::{
    bindings::xdp_md,
    helpers::generated::{bpf_xdp_adjust_tail, bpf_xdp_get_buff_len, bpf_xdp_store_bytes},
};
use sft_common::{
    drops::DropReason,
    srtp::{DONE, TAG_ROOM},
};

use super::source;
use crate::{
    crypto,
    maps::KEYS,
    scratch::{End, Scratch},
};

/// Describes the packet in `Scratch::work`. A tag of 10 bytes leaves less room behind the payload than opening
/// needs; Ethernet's own padding serves as well.
///
/// # Safety
/// `ctx` is the program's context, `scratch` this CPU's.
#[inline(always)]
pub unsafe fn prepare(ctx: *mut xdp_md, scratch: *mut Scratch, index: u64) -> Result<(), End> {
    // SAFETY: the caller's promise.
    unsafe {
        let (packet, parsed) = (&raw const (*scratch).packet, &raw const (*scratch).parsed);
        let used = (*packet).payload_offset + (*parsed).header_len + (*parsed).payload + TAG_ROOM as u32;
        let missing = used as i32 - bpf_xdp_get_buff_len(ctx) as i32;
        if missing > 0 && bpf_xdp_adjust_tail(ctx, missing) != 0 {
            return Err(DropReason::NoRoom.into());
        }
        let work = &raw mut (*scratch).work;
        (*work).rtp = (*packet).payload_offset;
        (*work).header = (*parsed).header_len;
        (*work).payload = (*parsed).payload;
        (*work).ssrc = (*parsed).ssrc.swap_bytes();
        (*work).index = index;
        Ok(())
    }
}

/// Verifies and decrypts. Outside every lock: it takes microseconds.
///
/// # Safety
/// `ctx` is the program's context, `scratch` this CPU's.
#[inline(always)]
pub unsafe fn open(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), DropReason> {
    // SAFETY: the caller's promise, and a record of `KEYS`.
    unsafe {
        let packet = &raw const (*scratch).packet;
        let key = KEYS.get_ptr((*packet).receive_key).ok_or(DropReason::StaleReference)?;
        let profile = crypto::profile(key).ok_or(DropReason::StaleReference)?;
        if crypto::open(profile, ctx, key, &raw mut (*scratch).work) == DONE {
            Ok(())
        } else {
            Err(source::refuse(packet))
        }
    }
}

/// Writes the header back where elements of it have been blanked.
///
/// # Safety
/// `ctx` is the program's context, `scratch` this CPU's.
#[inline(always)]
pub unsafe fn blank(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the caller's promise.
    unsafe {
        let parsed = &raw const (*scratch).parsed;
        if (*parsed).blanked == 0 {
            return Ok(());
        }
        let length = (*parsed).header_len & 0x7f;
        let header = (&raw mut (*scratch).header).cast();
        let offset = (*scratch).packet.payload_offset;
        if length == 0 || bpf_xdp_store_bytes(ctx, offset, header, length) != 0 {
            return Err(DropReason::NoRoom.into());
        }
        Ok(())
    }
}
