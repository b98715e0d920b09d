//! Sealing and opening: with prepared key stream where there is some for exactly this packet, else with AES.
//!
//! The work is done in global subprograms: the verifier walks each once, not once per path to it. Their names
//! are symbols of the object and nothing else refers to them.

use aya_ebpf::bindings::xdp_md;
use sft_common::{
    keystream::{Class, KeystreamEntry, KeystreamTag, LONG_BLOCKS, Ring, SHORT_BLOCKS},
    maps::{Counter, KeyRecord, Profile},
    srtp::{DONE, Frame, MALFORMED, Work, counter_mode, gcm},
};

use crate::{
    count,
    frame::Bounds,
    maps::{KEYS, KEYSTREAM_LONG, KEYSTREAM_SHORT},
};

/// What sealing and opening need besides the frame, and what they are for.
#[derive(Clone, Copy)]
pub struct Job {
    pub ctx: *mut xdp_md,
    /// Record of `KEYS` with this profile.
    pub key: *const KeyRecord,
    pub profile: Profile,
    /// This CPU's.
    pub work: *mut Work,
    /// `RingControl::ring` of the stream.
    pub ring: u64,
}

/// Why a packet was not sealed or opened.
pub enum Failure {
    /// Lengths that contradict the frame, or a tag that does not verify.
    Refused,
    Overrun,
}

macro_rules! frame_of {
    ($ctx:expr) => {{
        let bounds = Bounds::of($ctx);
        Frame { data: bounds.data as *mut u8, end: bounds.end as *mut u8 }
    }};
}

macro_rules! computing {
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
            unsafe { $function(frame_of!(ctx), key, work) }
        }
    };
}

computing!(sft_open_gcm128, gcm::compute::<10, false>);
computing!(sft_open_gcm256, gcm::compute::<14, false>);
computing!(sft_open_counter_mode, counter_mode::open);
computing!(sft_seal_gcm128, gcm::compute::<10, true>);
computing!(sft_seal_gcm256, gcm::compute::<14, true>);
computing!(sft_seal_counter_mode, counter_mode::seal);

macro_rules! applying {
    ($name:ident, $blocks:ident, $function:expr) => {
        /// # Safety
        /// Called by the programs of this object only, as the verifier makes sure.
        #[unsafe(no_mangle)]
        #[inline(never)]
        pub unsafe extern "C" fn $name(
            ctx: *mut xdp_md,
            key: *const KeyRecord,
            work: *mut Work,
            entry: *const KeystreamEntry<$blocks>,
        ) -> i32 {
            if key.is_null() || work.is_null() || entry.is_null() {
                return MALFORMED;
            }
            // SAFETY: the context, records of the maps and this CPU's scratch.
            unsafe { $function(frame_of!(ctx), key, work, entry) }
        }
    };
}

applying!(sft_open_gcm_short, SHORT_BLOCKS, gcm::apply::<SHORT_BLOCKS, false>);
applying!(sft_open_gcm_long, LONG_BLOCKS, gcm::apply::<LONG_BLOCKS, false>);
applying!(sft_open_counter_mode_short, SHORT_BLOCKS, counter_mode::open_prepared::<SHORT_BLOCKS>);
applying!(sft_open_counter_mode_long, LONG_BLOCKS, counter_mode::open_prepared::<LONG_BLOCKS>);
applying!(sft_seal_gcm_short, SHORT_BLOCKS, gcm::apply::<SHORT_BLOCKS, true>);
applying!(sft_seal_gcm_long, LONG_BLOCKS, gcm::apply::<LONG_BLOCKS, true>);
applying!(sft_seal_counter_mode_short, SHORT_BLOCKS, counter_mode::seal_prepared::<SHORT_BLOCKS>);
applying!(sft_seal_counter_mode_long, LONG_BLOCKS, counter_mode::seal_prepared::<LONG_BLOCKS>);

/// Defines a function that takes the subprogram of the key's profile and of the key stream's class.
macro_rules! by_profile {
    ($(#[$doc:meta])* $name:ident, $gcm128:ident, $gcm256:ident, $counter_mode:ident,
     [$gcm_short:ident, $counter_mode_short:ident], [$gcm_long:ident, $counter_mode_long:ident]) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The job's promises.
        #[inline(always)]
        pub unsafe fn $name(job: Job) -> Result<(), Failure> {
            let Job { ctx, key, profile, work, ring } = job;
            // SAFETY: the caller's promise, and entries of the maps.
            unsafe {
                let is_gcm = !matches!(profile, Profile::Aes128CmHmacSha1_80);
                match Ring::from_word(ring) {
                    Some(ring) if (*work).payload as usize <= ring.class.max_payload() => match ring.class {
                        Class::Short => {
                            if let Some(entry) = KEYSTREAM_SHORT.get_ptr(ring.entry((*work).index))
                                && is_ready(&raw const (*entry).tag, key, work)
                            {
                                let result = if is_gcm {
                                    $gcm_short(ctx, key, work, entry)
                                } else {
                                    $counter_mode_short(ctx, key, work, entry)
                                };
                                return used(&raw const (*entry).tag, key, work, result);
                            }
                        }
                        Class::Long => {
                            if let Some(entry) = KEYSTREAM_LONG.get_ptr(ring.entry((*work).index))
                                && is_ready(&raw const (*entry).tag, key, work)
                            {
                                let result = if is_gcm {
                                    $gcm_long(ctx, key, work, entry)
                                } else {
                                    $counter_mode_long(ctx, key, work, entry)
                                };
                                return used(&raw const (*entry).tag, key, work, result);
                            }
                        }
                    },
                    _ => {}
                }
                count::add(Counter::KeystreamComputed, 1);
                refused(match profile {
                    Profile::AeadAes128Gcm => $gcm128(ctx, key, work),
                    Profile::AeadAes256Gcm => $gcm256(ctx, key, work),
                    Profile::Aes128CmHmacSha1_80 => $counter_mode(ctx, key, work),
                })
            }
        }
    };
}

by_profile!(
    /// Verifies and decrypts in place.
    open,
    sft_open_gcm128,
    sft_open_gcm256,
    sft_open_counter_mode,
    [sft_open_gcm_short, sft_open_counter_mode_short],
    [sft_open_gcm_long, sft_open_counter_mode_long]
);

by_profile!(
    /// Encrypts in place and writes the tag behind the payload.
    seal,
    sft_seal_gcm128,
    sft_seal_gcm256,
    sft_seal_counter_mode,
    [sft_seal_gcm_short, sft_seal_counter_mode_short],
    [sft_seal_gcm_long, sft_seal_counter_mode_long]
);

/// Whether the entry is the packet's, now.
#[inline(always)]
unsafe fn is_ready(tag: *const KeystreamTag, key: *const KeyRecord, work: *const Work) -> bool {
    // SAFETY: the callers' promise, and a tag of an entry.
    unsafe { tag.read_volatile().is_for((*key).epoch, (*work).ssrc, (*work).index) }
}

/// What came of a packet for which an entry was used.
#[inline(always)]
unsafe fn used(
    tag: *const KeystreamTag,
    key: *const KeyRecord,
    work: *const Work,
    result: i32,
) -> Result<(), Failure> {
    // SAFETY: the callers' promise.
    if !unsafe { is_ready(tag, key, work) } {
        return Err(Failure::Overrun);
    }
    count::add(Counter::KeystreamPrepared, 1);
    refused(result)
}

#[inline(always)]
fn refused(result: i32) -> Result<(), Failure> {
    match result {
        DONE => Ok(()),
        _ => Err(Failure::Refused),
    }
}

/// The profile of a key; `None` for a record that holds no key.
#[inline(always)]
unsafe fn profile(key: *const KeyRecord) -> Option<Profile> {
    const GCM128: u32 = Profile::AeadAes128Gcm as u32;
    const GCM256: u32 = Profile::AeadAes256Gcm as u32;
    const COUNTER_MODE: u32 = Profile::Aes128CmHmacSha1_80 as u32;
    // SAFETY: the caller's record of `KEYS`.
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

/// The key with this number, and its profile.
#[inline(always)]
pub fn key(number: u32) -> Option<(*const KeyRecord, Profile)> {
    let key = KEYS.get_ptr(number)?;
    // SAFETY: a record of `KEYS`.
    Some((key, unsafe { profile(key) }?))
}
