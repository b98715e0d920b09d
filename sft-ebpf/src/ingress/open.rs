//! Step 7: the packet is opened in place, and what concerned its sender and us alone is blanked.

use aya_ebpf::{bindings::xdp_md, helpers::generated::bpf_xdp_store_bytes};
use sft_common::{drops::DropReason, rtp::body_len};

use super::source;
use crate::{
    crypto::{self, Failure, Job},
    scratch::{End, Scratch},
};

/// Describes the packet in `Scratch::work`. A packet without room for a tag counts as one that does not verify.
///
/// # Safety
/// `scratch` is this CPU's.
#[inline(always)]
pub unsafe fn prepare(scratch: *mut Scratch, index: u64) -> Result<(), End> {
    // SAFETY: the caller's promise.
    unsafe {
        let (packet, parsed) = (&raw const (*scratch).packet, &raw const (*scratch).parsed);
        let (length, header, tag) = ((*packet).udp_payload, (*parsed).header_len, (*packet).tag);
        let payload = match body_len(length as usize, header as usize, tag as usize) {
            Ok(payload) => payload as u32,
            Err(DropReason::AuthFailed) => return Err(source::refuse(packet).into()),
            Err(reason) => return Err(reason.into()),
        };
        let work = &raw mut (*scratch).work;
        (*work).rtp = (*packet).payload_offset;
        (*work).header = header;
        (*work).payload = payload;
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
        let (key, profile) = crypto::key((*packet).receive_key).ok_or(DropReason::StaleReference)?;
        let work = &raw mut (*scratch).work;
        crypto::open(Job { ctx, key, profile, work, ring: (*packet).ring }).map_err(|failure| match failure {
            Failure::Refused => source::refuse(packet),
            Failure::Overrun => DropReason::KeystreamOverrun,
        })
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
