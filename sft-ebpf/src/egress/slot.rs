//! Step 14: the copy's place in its slot.

use sft_common::{
    decision,
    drops::DropReason,
    flight::Flight,
    maps::ListEntry,
    rewrite::{self, RTP_LEN},
};

use crate::{
    atomic,
    lock::locked,
    maps::{SLOT_RINGS, SLOTS},
    scratch::{End, Scratch},
};

/// Leaves the copy's RTP header at the start of `Scratch::header`, its SSRC and index in `Scratch::work`, and
/// the number of its frame and where its key stream may be in `Scratch::copy`.
///
/// # Safety
/// `scratch` is this CPU's, `flight` a record of its ring.
#[inline(always)]
pub unsafe fn take(scratch: *mut Scratch, flight: *const Flight, entry: &ListEntry) -> Result<(), End> {
    // SAFETY: the caller's promise, and a record of the map, which the lock guards.
    unsafe {
        let number = decision::slot_of(entry, &*flight);
        let slot = SLOTS.get_ptr_mut(number).ok_or(DropReason::StaleReference)?;
        let ring = SLOT_RINGS.get_ptr_mut(number).ok_or(DropReason::StaleReference)?;
        let incoming = decision::incoming(entry, &*flight);
        let (ssrc, outgoing) =
            locked(&raw mut (*slot).lock, || ((*slot).state.ssrc, (*slot).state.commit(&incoming)));
        let outgoing = outgoing?;
        atomic::store(&raw mut (*ring).position, outgoing.index + 1);
        (*scratch).copy.ring = atomic::load(&raw const (*ring).ring);
        let (first, second) = ((*flight).first, (*flight).second);
        let header = rewrite::rtp(first, second, outgoing, ssrc, (*flight).csrc);
        *(&raw mut (*scratch).header).cast::<[u8; RTP_LEN]>() = header;
        let work = &raw mut (*scratch).work;
        (*work).ssrc = ssrc.swap_bytes();
        (*work).index = outgoing.index;
        (*scratch).copy.frame_id = outgoing.frame_id.unwrap_or(0);
        Ok(())
    }
}
