//! Step 3: which leg this address pair belongs to, and what it may do.

use sft_common::{
    drops::DropReason,
    frame::Udp,
    maps::{Counter, LEG_PASS},
};

use crate::{
    atomic, count, crypto,
    maps::{CONFIG, LEG_CONTROL, LEGS, TUPLES},
    scratch::{End, Packet},
};

/// Fills in the leg, its receive key and the length of its tags.
///
/// # Safety
/// `packet` is this CPU's.
#[inline(always)]
pub unsafe fn find(udp: &Udp, packet: *mut Packet) -> Result<(), End> {
    let config = CONFIG.get_ptr(0).ok_or(DropReason::StaleReference)?;
    // SAFETY: the caller's promise, and records of the maps. The leg's number is copied at once; a recycled
    // element holds some leg's number, under whose key the packet then does not verify.
    unsafe {
        if (*packet).now > atomic::load(&raw const (*config).lease_until) {
            return Err(DropReason::LeaseExpired.into());
        }
        let leg = TUPLES.get(udp.tuple).copied().ok_or(DropReason::UnknownTuple)?;
        let control = LEG_CONTROL.get_ptr(leg).ok_or(DropReason::StaleReference)?;
        if atomic::load(&raw const (*control).flags) & LEG_PASS != 0 {
            count::add(Counter::RtpPassed, 1);
            return Err(End::Aside);
        }
        let record = LEGS.get(leg).ok_or(DropReason::StaleReference)?;
        let (_, profile) = crypto::key(record.receive_key).ok_or(DropReason::StaleReference)?;
        (*packet).leg = leg;
        (*packet).receive_key = record.receive_key;
        (*packet).tag = profile.tag_len() as u32;
        Ok(())
    }
}

/// Packets of unknown SSRCs reach the control plane while it has something to learn from them.
///
/// # Safety
/// Nothing to promise; a record of the map is read and written.
#[inline(always)]
pub unsafe fn learn(leg: u32) -> End {
    /// An attempt fails only if another CPU or a refill came in between.
    const ATTEMPTS: u32 = 4;
    let Some(control) = LEG_CONTROL.get_ptr_mut(leg) else { return DropReason::StaleReference.into() };
    // SAFETY: the record.
    unsafe {
        let learning = &raw mut (*control).learning;
        let mut attempt = 0;
        while attempt < ATTEMPTS {
            let left = atomic::load(learning);
            if left == 0 {
                break;
            }
            if atomic::exchange(learning, left, left - 1) {
                count::add(Counter::RtpPassed, 1);
                return End::Aside;
            }
            attempt += 1;
        }
    }
    DropReason::UnknownSsrc.into()
}
