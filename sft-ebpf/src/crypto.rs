//! Sealing and opening as global subprograms: the verifier walks each once, not once per path to it.
//!
//! The names are symbols of the object and nothing else refers to them.

use aya_ebpf::bindings::xdp_md;
use sft_common::{
    drops::DropReason,
    maps::{KeyRecord, Profile},
    srtp::{DONE, Frame, MALFORMED, Work, counter_mode, gcm},
};

use crate::{frame::Bounds, maps::KEYS, scratch::Scratch};

macro_rules! subprogram {
    ($name:ident, $function:expr) => {
        /// # Safety
        /// Called by the programs of this object only, as the verifier makes sure.
        #[unsafe(no_mangle)]
        #[inline(never)]
        pub unsafe extern "C" fn $name(ctx: *mut xdp_md, key: *const KeyRecord, work: *mut Work) -> i32 {
            if key.is_null() || work.is_null() {
                return MALFORMED;
            }
            // SAFETY: the context, a record of `KEYS` and this CPU's scratch.
            unsafe {
                let bounds = Bounds::of(ctx);
                $function(Frame { data: bounds.data as *mut u8, end: bounds.end as *mut u8 }, key, work)
            }
        }
    };
}

subprogram!(sft_open_gcm128, gcm::process::<10, false>);
subprogram!(sft_open_gcm256, gcm::process::<14, false>);
subprogram!(sft_open_counter_mode, counter_mode::open);
subprogram!(sft_seal_gcm128, gcm::process::<10, true>);
subprogram!(sft_seal_gcm256, gcm::process::<14, true>);
subprogram!(sft_seal_counter_mode, counter_mode::seal);

/// Verifies and decrypts in place; see `sft_common::srtp` for the result.
///
/// # Safety
/// `ctx` is the program's context, `key` a record of `KEYS` with this profile, `work` this CPU's scratch.
#[inline(always)]
pub unsafe fn open(profile: Profile, ctx: *mut xdp_md, key: *const KeyRecord, work: *mut Work) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        match profile {
            Profile::AeadAes128Gcm => sft_open_gcm128(ctx, key, work),
            Profile::AeadAes256Gcm => sft_open_gcm256(ctx, key, work),
            Profile::Aes128CmHmacSha1_80 => sft_open_counter_mode(ctx, key, work),
        }
    }
}

/// Encrypts in place and writes the tag behind the payload.
///
/// # Safety
/// As for [`open`].
#[inline(always)]
unsafe fn seal(profile: Profile, ctx: *mut xdp_md, key: *const KeyRecord, work: *mut Work) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        match profile {
            Profile::AeadAes128Gcm => sft_seal_gcm128(ctx, key, work),
            Profile::AeadAes256Gcm => sft_seal_gcm256(ctx, key, work),
            Profile::Aes128CmHmacSha1_80 => sft_seal_counter_mode(ctx, key, work),
        }
    }
}

/// The profile of a key; `None` for a record that holds no key.
///
/// # Safety
/// `key` is a record of `KEYS`.
#[inline(always)]
pub unsafe fn profile(key: *const KeyRecord) -> Option<Profile> {
    const GCM128: u32 = Profile::AeadAes128Gcm as u32;
    const GCM256: u32 = Profile::AeadAes256Gcm as u32;
    const COUNTER_MODE: u32 = Profile::Aes128CmHmacSha1_80 as u32;
    // SAFETY: the caller's promise.
    let (number, one) = unsafe { ((*key).profile, (*key).one) };
    // The loops count by it: with 0 they would run until the kernel stops them.
    if one != 1 {
        return None;
    }
    match number {
        GCM128 => Some(Profile::AeadAes128Gcm),
        GCM256 => Some(Profile::AeadAes256Gcm),
        COUNTER_MODE => Some(Profile::Aes128CmHmacSha1_80),
        _ => None,
    }
}

/// Seals the copy that `Scratch::work` describes under the key in `Scratch::copy`.
///
/// # Safety
/// `ctx` is the program's context, `scratch` this CPU's.
#[inline(always)]
pub unsafe fn seal_copy(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), DropReason> {
    // SAFETY: the caller's promise, and a record of `KEYS`.
    unsafe {
        let key = KEYS.get_ptr((*scratch).copy.key).ok_or(DropReason::NoKey)?;
        let profile = profile(key).ok_or(DropReason::NoKey)?;
        match seal(profile, ctx, key, &raw mut (*scratch).work) {
            DONE => Ok(()),
            _ => Err(DropReason::SealFailed),
        }
    }
}
