//! Up to the RTP header: which copy this is, whether it can go, and its place in the slot (steps 11 to 13).

use aya_ebpf::{
    bindings::xdp_md,
    helpers::generated::{
        bpf_spin_lock, bpf_spin_unlock, bpf_xdp_adjust_head, bpf_xdp_adjust_tail, bpf_xdp_get_buff_len,
    },
};
use sft_common::{
    decision,
    drops::DropReason,
    flight::{Flight, MAGIC, Metadata},
    frame::{Family, IPV4_PAYLOAD, IPV6_PAYLOAD},
    maps::{ListEntry, NO_EGRESS},
    rewrite::{self, RTP_LEN},
    rtp::FIXED_HEADER,
    srtp::TAG_ROOM,
};

use crate::{
    crypto,
    maps::{ENTRIES, FLIGHT, KEYS, LEG_CONTROL, PATHS, SLOTS},
    scratch::{End, Scratch, stage},
};

stage!(
    /// Leaves the copy in `Scratch::copy`, its RTP header in the frame, and everything for sealing it in
    /// `Scratch::work`.
    sft_place,
    place
);

#[inline(always)]
unsafe fn place(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the context, this CPU's scratch, and records of the maps.
    unsafe {
        let (flight, entry) = identify(ctx)?;
        let family = check_way(scratch, flight, &entry)?;
        take_slot(scratch, flight, &entry)?;
        match family {
            Family::V4 => write_rtp::<IPV4_PAYLOAD>(ctx, scratch, flight),
            Family::V6 => write_rtp::<IPV6_PAYLOAD>(ctx, scratch, flight),
        }
    }
}

/// The packet by its number, the copy by counting.
#[inline(always)]
unsafe fn identify(ctx: *mut xdp_md) -> Result<(*mut Flight, ListEntry), End> {
    // SAFETY: metadata inside its bounds, and this CPU's ring.
    unsafe {
        let metadata = (*ctx).data_meta as usize;
        if metadata + size_of::<Metadata>() > (*ctx).data as usize {
            return Err(DropReason::CopyUnidentified.into());
        }
        let Metadata { magic, id } = *(metadata as *const Metadata);
        let ring = FLIGHT.get_ptr_mut(0).ok_or(DropReason::CopyUnidentified)?;
        let flight = (&raw mut (*ring).flights).cast::<Flight>().add(Flight::place(id));
        let copy = (*flight).next_copy;
        if magic != MAGIC || (*flight).id != id || copy >= (*flight).list_len {
            return Err(DropReason::CopyUnidentified.into());
        }
        (*flight).next_copy = copy + 1;
        let entry = *ENTRIES.get((*flight).list_offset + copy).ok_or(DropReason::CopyUnidentified)?;
        if entry.leg == (*flight).source_leg {
            return Err(End::Aside);
        }
        Ok((flight, entry))
    }
}

/// Where the copy goes, under which key, and whether it fits.
#[inline(always)]
unsafe fn check_way(scratch: *mut Scratch, flight: *mut Flight, entry: &ListEntry) -> Result<Family, End> {
    // SAFETY: this CPU's scratch, and records of the maps.
    unsafe {
        let control = LEG_CONTROL.get_ptr(entry.leg).ok_or(DropReason::StaleReference)?;
        let egress = (&raw const (*control).egress).read_volatile();
        if egress == NO_EGRESS {
            return Err(DropReason::NoPath.into());
        }
        let (path, key) = ((egress >> 32) as u32, egress as u32);
        let record = PATHS.get(path).ok_or(DropReason::NoPath)?;
        let tag = crypto::tag_len(KEYS.get_ptr(key).ok_or(DropReason::NoKey)?);
        let udp_payload = header_len(flight) + (*flight).payload_len as usize + tag;
        rewrite::check_mtu(record, udp_payload)?;
        let copy = &raw mut (*scratch).copy;
        (*copy).path = path;
        (*copy).key = key;
        (*copy).kind = (*flight).kind;
        (*copy).udp_payload = udp_payload as u32;
        (*copy).tag = tag as u32;
        Ok(record.ip_family())
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

/// SSRC, index and timestamp of the copy.
#[inline(always)]
unsafe fn take_slot(scratch: *mut Scratch, flight: *mut Flight, entry: &ListEntry) -> Result<(), End> {
    // SAFETY: this CPU's scratch and ring, and a record of the map.
    unsafe {
        let slot = SLOTS.get_ptr_mut(decision::slot_of(entry, &*flight)).ok_or(DropReason::StaleReference)?;
        let incoming = decision::incoming(entry, &*flight);
        let lock = (&raw mut (*slot).lock).cast();
        bpf_spin_lock(lock);
        let outgoing = (*slot).state.commit(&incoming);
        let ssrc = (*slot).state.ssrc;
        bpf_spin_unlock(lock);
        let outgoing = outgoing?;
        let (first, second) = ((*flight).first, (*flight).second);
        let header = rewrite::rtp(first, second, outgoing, ssrc, (*flight).csrc);
        *(&raw mut (*scratch).header).cast::<[u8; RTP_LEN]>() = header;
        let work = &raw mut (*scratch).work;
        (*work).header = header_len(flight) as u32;
        (*work).payload = (*flight).payload_len as u32;
        (*work).ssrc = ssrc.swap_bytes();
        (*work).index = outgoing.index;
        Ok(())
    }
}

/// Moves the start of the frame so that the extension and the payload stay where they are, makes room for the
/// tag, and writes the RTP header. `OFFSET` is where the UDP payload starts.
#[inline(always)]
unsafe fn write_rtp<const OFFSET: usize>(
    ctx: *mut xdp_md,
    scratch: *mut Scratch,
    flight: *mut Flight,
) -> Result<(), End> {
    // SAFETY: the context, this CPU's scratch and ring, and a frame whose bounds are checked.
    unsafe {
        let before = (*flight).payload_offset as i32 + FIXED_HEADER as i32 + 4 * (*flight).csrc_count as i32;
        if bpf_xdp_adjust_head(ctx, before - (OFFSET + RTP_LEN) as i32) != 0 {
            return Err(DropReason::NoRoom.into());
        }
        let work = &raw mut (*scratch).work;
        (*work).rtp = OFFSET as u32;
        let length = OFFSET as u32 + (*work).header + (*work).payload + TAG_ROOM as u32;
        if bpf_xdp_adjust_tail(ctx, length as i32 - bpf_xdp_get_buff_len(ctx) as i32) != 0 {
            return Err(DropReason::NoRoom.into());
        }
        let data = (*ctx).data as usize;
        if data + OFFSET + RTP_LEN > (*ctx).data_end as usize {
            return Err(DropReason::NoRoom.into());
        }
        let header = *(&raw const (*scratch).header).cast::<[u8; RTP_LEN]>();
        *((data + OFFSET) as *mut [u8; RTP_LEN]) = header;
        Ok(())
    }
}
