//! Steps 5, 6 and 8: the source of a packet, and what happens under its lock.
//!
//! Whoever changes the state publishes its readable part before the lock is given back, so that no CPU
//! publishes an older one over a newer one.

use aya_ebpf::{bindings::xdp_md, helpers::generated::bpf_xdp_load_bytes};
use sft_common::{
    drops::DropReason,
    extension::KeyframeMark,
    maps::{Kind, SourceControl, SourceKey},
    source::{Admitted, PacketFacts, SourceState},
};

use super::{header::NO_LEVEL, leg};
use crate::{
    atomic,
    lock::locked,
    maps::{SOURCE_CONTROL, SOURCE_IDS, SOURCE_RINGS, SOURCE_STATE, SOURCE_STATS, SOURCES},
    scratch::{End, Packet, Scratch},
};

/// Fills in the source and what its record says.
///
/// # Safety
/// `packet` is this CPU's.
#[inline(always)]
pub unsafe fn find(packet: *mut Packet, ssrc: u32) -> Result<(), End> {
    // SAFETY: the caller's promise, and records of the maps. The number is copied at once, and the record
    // repeats the key, so that a recycled number is noticed.
    unsafe {
        let leg = (*packet).leg;
        let Some(&source) = SOURCE_IDS.get(SourceKey { leg, ssrc }) else { return Err(leg::learn(leg)) };
        let record = SOURCES.get(source).ok_or(DropReason::StaleReference)?;
        if record.leg != leg || record.ssrc != ssrc {
            return Err(DropReason::StaleReference.into());
        }
        (*packet).source = source;
        (*packet).kind = record.kind;
        (*packet).csrc = record.csrc;
        (*packet).conference = record.conference;
        let ring = SOURCE_RINGS.get_ptr(source).ok_or(DropReason::StaleReference)?;
        (*packet).ring = atomic::load(&raw const (*ring).ring);
        Ok(())
    }
}

/// The references of the source.
///
/// # Safety
/// `packet` is this CPU's.
#[inline(always)]
pub unsafe fn control(packet: *const Packet) -> Result<SourceControl, DropReason> {
    // SAFETY: the caller's promise, and a record of the map.
    unsafe {
        let control = SOURCE_CONTROL.get_ptr((*packet).source).ok_or(DropReason::StaleReference)?;
        Ok(SourceControl { list: atomic::load(&raw const (*control).list) })
    }
}

/// The packet's index, if it may come in.
///
/// # Safety
/// `packet` is this CPU's.
#[inline(always)]
pub unsafe fn admit(packet: *const Packet, sequence: u16) -> Result<u64, DropReason> {
    // SAFETY: the caller's promise, and a record of the map, which the lock guards.
    unsafe {
        let record = SOURCE_STATE.get_ptr_mut((*packet).source).ok_or(DropReason::StaleReference)?;
        let admitted = locked(&raw mut (*record).lock, || (*record).state.admit(sequence));
        if let Err(reason) = admitted {
            update(packet, |state| state.count_refused(reason))?;
        }
        admitted
    }
}

/// The packet does not verify.
///
/// # Safety
/// `packet` is this CPU's.
#[inline(always)]
pub unsafe fn refuse(packet: *const Packet) -> DropReason {
    // SAFETY: the caller's promise.
    match unsafe { update(packet, SourceState::count_auth_failure) } {
        Ok(()) => DropReason::AuthFailed,
        Err(reason) => reason,
    }
}

/// Takes a genuine packet in and says how slots count it. The outer result is that of the look-ups.
///
/// # Safety
/// `ctx` is the program's context, `scratch` this CPU's.
#[inline(always)]
pub unsafe fn commit(
    ctx: *mut xdp_md,
    scratch: *mut Scratch,
) -> Result<Result<Admitted, DropReason>, DropReason> {
    // SAFETY: the caller's promise.
    unsafe {
        let packet = &raw const (*scratch).packet;
        let facts = facts(ctx, scratch);
        let (index, now) = ((*scratch).work.index, (*packet).now);
        let ring = SOURCE_RINGS.get_ptr_mut((*packet).source).ok_or(DropReason::StaleReference)?;
        atomic::store(&raw mut (*ring).position, index + 1);
        update(packet, |state| state.commit(index, &facts, now))
    }
}

/// Changes the state under its lock and publishes it.
#[inline(always)]
unsafe fn update<T>(
    packet: *const Packet,
    work: impl FnOnce(&mut SourceState) -> T,
) -> Result<T, DropReason> {
    // SAFETY: the callers' promise, and records of the maps, which the lock guards.
    unsafe {
        let record = SOURCE_STATE.get_ptr_mut((*packet).source).ok_or(DropReason::StaleReference)?;
        let published = SOURCE_STATS.get_ptr_mut((*packet).source).ok_or(DropReason::StaleReference)?;
        Ok(locked(&raw mut (*record).lock, || {
            let result = work(&mut (*record).state);
            *published = (*record).state.stats();
            result
        }))
    }
}

#[inline(always)]
unsafe fn facts(ctx: *mut xdp_md, scratch: *mut Scratch) -> PacketFacts {
    // SAFETY: the callers' promise.
    unsafe {
        let (packet, parsed) = (&raw const (*scratch).packet, &raw const (*scratch).parsed);
        PacketFacts {
            kind: Kind::from_number((*packet).kind),
            timestamp: (*parsed).timestamp,
            bytes: (*packet).udp_payload,
            level: if (*parsed).level == NO_LEVEL { None } else { Some((*parsed).level) },
            padding_only: is_padding_only(ctx, scratch),
            keyframe: KeyframeMark::from_number((*parsed).mark),
        }
    }
}

/// See `RtpHeader::is_padding_only`; the payload is decrypted.
#[inline(always)]
unsafe fn is_padding_only(ctx: *mut xdp_md, scratch: *mut Scratch) -> bool {
    // SAFETY: the callers' promise, and a byte of ours.
    unsafe {
        let work = &raw const (*scratch).work;
        if (*scratch).parsed.padding == 0 || (*work).payload == 0 {
            return false;
        }
        let mut last = 0_u8;
        let at = (*work).rtp + (*work).header + (*work).payload - 1;
        let loaded = bpf_xdp_load_bytes(ctx, at, (&raw mut last).cast(), 1);
        loaded == 0 && last != 0 && last as u32 == (*work).payload
    }
}
