//! After the verdict on the tag: a forged packet is counted, a genuine one is committed (steps 7 and 8).

use aya_ebpf::{
    bindings::xdp_md,
    helpers::generated::{bpf_spin_lock, bpf_spin_unlock, bpf_xdp_load_bytes},
};
use sft_common::{
    drops::DropReason,
    extension::KeyframeMark,
    maps::Kind,
    source::{Admitted, PacketFacts},
};

use crate::{
    header::NO_LEVEL,
    maps::{SOURCE_CONTROL, SOURCE_STATE, SOURCE_STATS},
    scratch::Scratch,
};

/// Counts a packet that does not verify.
///
/// # Safety
/// `scratch` is this CPU's.
#[inline(always)]
pub unsafe fn refuse(scratch: *mut Scratch) -> DropReason {
    // SAFETY: the caller's promise, and a record of the map.
    unsafe {
        let Some(state) = SOURCE_STATE.get_ptr_mut((*scratch).packet.source) else {
            return DropReason::StaleReference;
        };
        let lock = (&raw mut (*state).lock).cast();
        bpf_spin_lock(lock);
        (*state).state.count_auth_failure();
        bpf_spin_unlock(lock);
    }
    DropReason::AuthFailed
}

/// Takes the packet in, publishes the source's statistics, and says how slots count it.
///
/// # Safety
/// `ctx` is the program's context, `scratch` this CPU's.
#[inline(always)]
pub unsafe fn commit(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<Admitted, DropReason> {
    // SAFETY: the caller's promise, and records of the maps.
    unsafe {
        let packet = &raw const (*scratch).packet;
        let control = SOURCE_CONTROL.get((*packet).source).ok_or(DropReason::StaleReference)?;
        let facts = facts(ctx, scratch, control.is_reserved());
        let state = SOURCE_STATE.get_ptr_mut((*packet).source).ok_or(DropReason::StaleReference)?;
        let published = SOURCE_STATS.get_ptr_mut((*packet).source).ok_or(DropReason::StaleReference)?;
        let (lock, index, now) = ((&raw mut (*state).lock).cast(), (*packet).index, (*packet).now);
        bpf_spin_lock(lock);
        let admitted = (*state).state.commit(index, &facts, now);
        *published = (*state).state.stats();
        bpf_spin_unlock(lock);
        admitted
    }
}

#[inline(always)]
unsafe fn facts(ctx: *mut xdp_md, scratch: *mut Scratch, reserved: bool) -> PacketFacts {
    // SAFETY: this CPU's scratch and the context.
    unsafe {
        let (packet, parsed) = (&raw const (*scratch).packet, &raw const (*scratch).parsed);
        PacketFacts {
            kind: Kind::from_number((*packet).kind),
            reserved,
            timestamp: (*parsed).timestamp,
            bytes: (*packet).udp_payload,
            level: if (*parsed).level == NO_LEVEL { None } else { Some((*parsed).level) },
            padding_only: is_padding_only(ctx, scratch),
            keyframe: KeyframeMark::from_number((*parsed).mark),
        }
    }
}

/// See `RtpHeader::is_padding_only`.
#[inline(always)]
unsafe fn is_padding_only(ctx: *mut xdp_md, scratch: *mut Scratch) -> bool {
    // SAFETY: this CPU's scratch, the context and a byte of ours.
    unsafe {
        let (packet, parsed) = (&raw const (*scratch).packet, &raw const (*scratch).parsed);
        if (*parsed).padding == 0 || (*packet).payload == 0 {
            return false;
        }
        let mut last = 0_u8;
        let at = (*packet).payload_offset + (*parsed).header_len + (*packet).payload - 1;
        let loaded = bpf_xdp_load_bytes(ctx, at, (&raw mut last).cast(), 1);
        loaded == 0 && last != 0 && last as u32 == (*packet).payload
    }
}
