//! Sealing and opening as global subprograms: the verifier walks each once, not once per path to it.
//!
//! The names are symbols of the object and nothing else refers to them.

use aya_ebpf::bindings::xdp_md;
use sft_common::{
    maps::{KeyRecord, Profile},
    srtp::{Frame, MALFORMED, Work, counter_mode, gcm},
};

use crate::frame::Bounds;

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
/// `ctx` is the program's context, `key` a record of `KEYS`, `work` this CPU's scratch.
#[inline(always)]
pub unsafe fn open(ctx: *mut xdp_md, key: *const KeyRecord, work: *mut Work) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        match (*key).profile {
            GCM128 => sft_open_gcm128(ctx, key, work),
            GCM256 => sft_open_gcm256(ctx, key, work),
            _ => sft_open_counter_mode(ctx, key, work),
        }
    }
}

/// Encrypts in place and writes the tag behind the payload.
///
/// # Safety
/// As for [`open`].
#[inline(always)]
pub unsafe fn seal(ctx: *mut xdp_md, key: *const KeyRecord, work: *mut Work) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        match (*key).profile {
            GCM128 => sft_seal_gcm128(ctx, key, work),
            GCM256 => sft_seal_gcm256(ctx, key, work),
            _ => sft_seal_counter_mode(ctx, key, work),
        }
    }
}

const GCM128: u32 = Profile::AeadAes128Gcm as u32;
const GCM256: u32 = Profile::AeadAes256Gcm as u32;

/// Length of the authentication tag under this key.
///
/// # Safety
/// `key` is a record of `KEYS`.
#[inline(always)]
pub unsafe fn tag_len(key: *const KeyRecord) -> usize {
    // SAFETY: the caller's promise.
    let profile = unsafe { (*key).profile };
    match profile {
        GCM128 | GCM256 => Profile::AeadAes128Gcm.tag_len(),
        _ => Profile::Aes128CmHmacSha1_80.tag_len(),
    }
}
