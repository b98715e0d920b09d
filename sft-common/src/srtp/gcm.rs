//! AEAD_AES_128_GCM and AEAD_AES_256_GCM for SRTP (RFC 7714): the header is the associated data, the tag
//! is 16 bytes.

use super::{
    DONE, Extent, FORGED, Frame, MALFORMED, Work, at_parity, fold,
    ghash::Ghash,
    halves,
    memory::{first_bytes, load64, may_continue, opaque, store64},
    stream::{Computed, KeyStream, Prepared},
};
use crate::{keystream::KeystreamEntry, maps::KeyRecord};

/// The initial counter block as little-endian words: (0 0 | SSRC | index) exclusive-or salt, then a counter
/// that is still 0 (RFC 7714 section 8.1).
#[inline(always)]
unsafe fn counter_block(key: *const KeyRecord, work: *const Work) -> [u64; 4] {
    let part = |v: u64| (v as u16).swap_bytes() as u64;
    // SAFETY: the caller of `process` vouches for both records.
    let (salt, ssrc, index) = unsafe { (&(*key).salt, (*work).ssrc as u64, (*work).index) };
    [
        (ssrc & 0xffff) << 16 ^ salt[0] as u64,
        (ssrc >> 16 | part(index >> 32) << 16) ^ salt[1] as u64,
        (part(index >> 16) | part(index) << 16) ^ salt[2] as u64,
        0,
    ]
}

/// Seals (`SEAL`) or opens one packet. `ROUNDS`: 10 for 128-bit keys, 14 for 256-bit keys.
/// Returns [`DONE`], [`MALFORMED`] or [`FORGED`]; sealing sets `Work::sum`.
///
/// # Safety
/// `frame` bounds readable and writable memory; `key` and `work` point to records, `work` to one that nobody
/// else uses.
#[inline(always)]
pub unsafe fn compute<const ROUNDS: usize, const SEAL: bool>(
    frame: Frame,
    key: *const KeyRecord,
    work: *mut Work,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        let stream = Computed::<ROUNDS>::new((&raw const (*key).round_keys).cast(), counter_block(key, work));
        process::<SEAL>(frame, key, work, &stream)
    }
}

/// The same with key stream that has been prepared for this packet, for keys of either length.
///
/// # Safety
/// As for [`compute`], and `entry` points to an entry. If it changes meanwhile, the result is worthless.
#[inline(always)]
pub unsafe fn apply<const BLOCKS: usize, const SEAL: bool>(
    frame: Frame,
    key: *const KeyRecord,
    work: *mut Work,
    entry: *const KeystreamEntry<BLOCKS>,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { process::<SEAL>(frame, key, work, &Prepared::<1, BLOCKS>::new(entry)) }
}

#[inline(always)]
unsafe fn process<const SEAL: bool>(
    frame: Frame,
    key: *const KeyRecord,
    work: *mut Work,
    stream: &impl KeyStream,
) -> i32 {
    // SAFETY: the records are the caller's promise; every access to the frame follows a `holds`.
    unsafe {
        let Some(extent) = Extent::of(frame, work) else { return MALFORMED };
        let Extent { start, header, payload } = extent;
        let table = (&raw const (*key).ghash).cast::<u8>();
        // Always 1, which the verifier does not know: counting by it, rounds look alike.
        let one = (&raw const (*key).one).read_volatile();
        let mut hash = Ghash::default();
        let mut sum = 0;

        let (blocks, mut number) = (header >> 4, 0);
        loop {
            if !may_continue() {
                return MALFORMED;
            }
            if number >= blocks {
                break;
            }
            let at = start.wrapping_add((opaque(number) << 4 & 0x70) as usize);
            if !frame.holds(at, 16) {
                return MALFORMED;
            }
            let (a, b) = (load64::<0>(at), load64::<8>(at));
            hash.update(table, a, b);
            sum += halves(a) + halves(b);
            number += one;
        }
        let rest = opaque(header & 15);
        if rest != 0 {
            let at = start.wrapping_add(opaque(header & 0xf0) as usize);
            if !frame.holds(at, 16) {
                return MALFORMED;
            }
            let mask = first_bytes(rest);
            let (a, b) = (load64::<0>(at) & mask.0, load64::<8>(at) & mask.1);
            hash.update(table, a, b);
            sum += halves(a) + halves(b);
        }

        let body = extent.body();
        let (blocks, mut number) = (payload >> 4, 0);
        loop {
            if !may_continue() {
                return MALFORMED;
            }
            if number >= blocks {
                break;
            }
            let at = body.wrapping_add((opaque(number) << 4 & 0x7f0) as usize);
            if !frame.holds(at, 16) {
                return MALFORMED;
            }
            let Some(pad) = stream.block(number + 2) else { return MALFORMED };
            let (a, b) = (load64::<0>(at), load64::<8>(at));
            let (x, y) = (a ^ pad.0, b ^ pad.1);
            store64::<0>(at, x);
            store64::<8>(at, y);
            if SEAL {
                hash.update(table, x, y);
                sum += halves(x) + halves(y);
            } else {
                hash.update(table, a, b);
            }
            number += one;
        }
        let rest = opaque(payload & 15);
        if rest != 0 {
            let offset = opaque(payload & 0x7f0);
            let at = body.wrapping_add(offset as usize);
            if !frame.holds(at, 16) {
                return MALFORMED;
            }
            let Some(pad) = stream.block((offset >> 4) + 2) else { return MALFORMED };
            let mask = first_bytes(rest);
            let (a, b) = (load64::<0>(at), load64::<8>(at));
            let (x, y) = (a ^ pad.0 & mask.0, b ^ pad.1 & mask.1);
            store64::<0>(at, x);
            store64::<8>(at, y);
            let (a, b) = if SEAL { (x & mask.0, y & mask.1) } else { (a & mask.0, b & mask.1) };
            hash.update(table, a, b);
            sum += halves(a) + halves(b);
        }

        let hashed = hash.finish(table, header, payload);
        let Some(pad) = stream.block(1) else { return MALFORMED };
        let tag = (hashed.0 ^ pad.0, hashed.1 ^ pad.1);
        let at = extent.tag();
        if !frame.holds(at, 16) {
            return MALFORMED;
        }
        if SEAL {
            store64::<0>(at, tag.0);
            store64::<8>(at, tag.1);
            (*work).sum = fold(sum) + at_parity(halves(tag.0) + halves(tag.1), payload & 1 != 0);
            return DONE;
        }
        // One comparison of all bits: where the difference is does not show.
        if (tag.0 ^ load64::<0>(at)) | (tag.1 ^ load64::<8>(at)) != 0 {
            return FORGED;
        }
        DONE
    }
}
