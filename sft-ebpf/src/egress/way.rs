//! Step 13: where the copy goes, under which key, and whether it fits.

use aya_ebpf::bindings::xdp_md;
use sft_common::{
    drops::DropReason,
    flight::Flight,
    frame::Family,
    maps::ListEntry,
    rewrite::{RTP_LEN, check_mtu},
    rtp::FIXED_HEADER,
};

use crate::{
    atomic, crypto,
    maps::{LEG_CONTROL, PATHS},
    scratch::{End, Scratch},
};

/// Leaves the way in `Scratch::copy` and the lengths of the copy in `Scratch::work`; returns the IP version, and
/// whether the copy gets a VLAN tag.
///
/// A path out of another interface than the one that this frame is leaving by is stale.
///
/// # Safety
/// `ctx` is the program's context, `scratch` this CPU's, `flight` a record of its ring.
#[inline(always)]
pub unsafe fn find(
    ctx: *mut xdp_md,
    scratch: *mut Scratch,
    flight: *const Flight,
    entry: &ListEntry,
) -> Result<(Family, bool), End> {
    // SAFETY: the caller's promise, and records of the maps.
    unsafe {
        let control = LEG_CONTROL.get_ptr(entry.leg).ok_or(DropReason::StaleReference)?;
        let egress = atomic::load(&raw const (*control).egress);
        let (path, key) = ((egress >> 32) as u32, egress as u32);
        // Both halves of `NO_EGRESS` are beyond any map.
        let record = PATHS.get(path).ok_or(DropReason::NoPath)?;
        if record.interface != (*ctx).egress_ifindex {
            return Err(DropReason::StaleReference.into());
        }
        let (_, profile) = crypto::key(key).ok_or(DropReason::NoKey)?;
        let tag = profile.tag_len();
        let (header, payload) = (header_len(flight), (*flight).payload_len as usize);
        let udp_payload = header + payload + tag;
        check_mtu(record, udp_payload)?;
        let (copy, work) = (&raw mut (*scratch).copy, &raw mut (*scratch).work);
        (*copy).path = path;
        (*copy).key = key;
        (*copy).kind = (*flight).kind;
        (*copy).udp_payload = udp_payload as u32;
        (*work).header = header as u32;
        (*work).payload = payload as u32;
        Ok((record.ip_family(), record.vlan != 0))
    }
}

/// RTP header of the copy: one CSRC, and the extension as it came.
#[inline(always)]
unsafe fn header_len(flight: *const Flight) -> usize {
    // SAFETY: the caller has it from the ring.
    unsafe {
        let fixed = FIXED_HEADER + 4 * (*flight).csrc_count as usize;
        RTP_LEN + ((*flight).header_len as usize).saturating_sub(fixed)
    }
}
