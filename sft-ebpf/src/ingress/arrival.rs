//! When a packet with a transport-wide sequence number came, for feedback to its sender.

use sft_common::{drops::DropReason, maps::ARRIVALS as CELLS, source::Admitted};

use crate::{atomic, maps::ARRIVALS, scratch::Scratch};

/// Notes a genuine packet, whatever became of it: feedback is about the network. A repeated one would bring
/// the time of its repetition.
///
/// # Safety
/// `scratch` is this CPU's.
#[inline(always)]
pub unsafe fn note(scratch: *mut Scratch, committed: &Result<Admitted, DropReason>) {
    // SAFETY: the caller's promise, and a masked cell of the record.
    unsafe {
        let (packet, parsed) = (&raw const (*scratch).packet, &raw const (*scratch).parsed);
        if (*parsed).has_transport_sequence == 0 || matches!(committed, Err(DropReason::Replay)) {
            return;
        }
        let number = (*parsed).transport_sequence;
        if let Some(ring) = ARRIVALS.get_ptr_mut((*packet).leg) {
            let cell = (number as u64) << 48 | ((*packet).now / 1000) & 0xffff_ffff_ffff;
            let at = (&raw mut (*ring).cells).cast::<u64>().add(number as usize & (CELLS - 1));
            atomic::store(at, cell);
        }
    }
}
