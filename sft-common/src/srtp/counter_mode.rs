//! AES128_CM_HMAC_SHA1_80 (RFC 3711 sections 4.1.1 and 4.2.1): AES in counter mode over the payload,
//! HMAC-SHA1 over header, payload and rollover counter, cut to 10 bytes.

use super::{
    DONE, Extent, FORGED, Frame, MALFORMED, Work, at_parity, fold,
    memory::{first_bytes, load16, load32, load64, may_continue, opaque, store16, store32, store64},
    sha1::{Sha1, compress},
    stream::{Computed, KeyStream, Prepared},
};
use crate::{keystream::KeystreamEntry, maps::KeyRecord};

/// Seals one packet. Returns [`DONE`] or [`MALFORMED`] and sets `Work::sum`.
///
/// # Safety
/// `frame` bounds readable and writable memory; `key` and `work` point to records, `work` to one that nobody
/// else uses.
#[inline(always)]
pub unsafe fn seal(frame: Frame, key: *const KeyRecord, work: *mut Work) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { seal_with(frame, key, work, &computed(key, work)) }
}

/// The same with key stream that has been prepared for this packet.
///
/// # Safety
/// As for [`seal`], and `entry` points to an entry. If it changes meanwhile, the result is worthless.
#[inline(always)]
pub unsafe fn seal_prepared<const BLOCKS: usize>(
    frame: Frame,
    key: *const KeyRecord,
    work: *mut Work,
    entry: *const KeystreamEntry<BLOCKS>,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { seal_with(frame, key, work, &Prepared::<0, BLOCKS>::new(entry)) }
}

#[inline(always)]
unsafe fn seal_with(frame: Frame, key: *const KeyRecord, work: *mut Work, stream: &impl KeyStream) -> i32 {
    // SAFETY: the callers' promise; the tag's place is checked before it is written.
    unsafe {
        if crypt(frame, key, work, stream) != DONE {
            return MALFORMED;
        }
        let Some(extent) = Extent::of(frame, work) else { return MALFORMED };
        if authenticate(frame, key, work) != DONE {
            return MALFORMED;
        }
        let (first, last) = tag(work);
        let at = extent.tag();
        if !frame.holds(at, 10) {
            return MALFORMED;
        }
        store64::<0>(at, first);
        store16::<8>(at, last);
        // The sum so far holds the trailer where the tag lies now.
        let odd = extent.payload & 1 != 0;
        let removed = 0xffff - at_parity(super::halves(trailer(work)), odd);
        let added = at_parity(super::halves(first) + last, odd);
        (*work).sum = fold((*work).sum) + removed + added;
        DONE
    }
}

/// Opens one packet. Returns [`DONE`], [`MALFORMED`] or [`FORGED`]. The tag is overwritten.
///
/// # Safety
/// As for [`seal`].
#[inline(always)]
pub unsafe fn open(frame: Frame, key: *const KeyRecord, work: *mut Work) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { open_with(frame, key, work, &computed(key, work)) }
}

/// The same with key stream that has been prepared for this packet.
///
/// # Safety
/// As for [`seal_prepared`].
#[inline(always)]
pub unsafe fn open_prepared<const BLOCKS: usize>(
    frame: Frame,
    key: *const KeyRecord,
    work: *mut Work,
    entry: *const KeystreamEntry<BLOCKS>,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { open_with(frame, key, work, &Prepared::<0, BLOCKS>::new(entry)) }
}

#[inline(always)]
unsafe fn open_with(frame: Frame, key: *const KeyRecord, work: *mut Work, stream: &impl KeyStream) -> i32 {
    // SAFETY: the callers' promise; the tag's place is checked before it is read.
    unsafe {
        let Some(extent) = Extent::of(frame, work) else { return MALFORMED };
        let at = extent.tag();
        if !frame.holds(at, 10) {
            return MALFORMED;
        }
        let (first, last) = (load64::<0>(at), load16::<8>(at));
        if authenticate(frame, key, work) != DONE {
            return MALFORMED;
        }
        let expected = tag(work);
        // One comparison of all bits: where the difference is does not show.
        if (first ^ expected.0) | (last ^ expected.1) != 0 {
            return FORGED;
        }
        crypt(frame, key, work, stream)
    }
}

/// The key stream by AES, for the initial counter block of RFC 3711 section 4.1.1.
#[inline(always)]
unsafe fn computed(key: *const KeyRecord, work: *const Work) -> Computed<10> {
    let part = |v: u64| (v as u16).swap_bytes() as u64;
    // SAFETY: the callers vouch for both records.
    unsafe {
        let (salt, ssrc, index) = (&(*key).salt, (*work).ssrc as u64, (*work).index);
        let block = [
            salt[0] as u64,
            salt[1] as u64 ^ ssrc,
            salt[2] as u64 ^ (part(index >> 32) | part(index >> 16) << 16),
            salt[3] as u64 ^ part(index),
        ];
        Computed::new((&raw const (*key).round_keys).cast(), block)
    }
}

/// The first 10 bytes of the hash, as they go into the packet.
#[inline(always)]
unsafe fn tag(work: *const Work) -> (u64, u64) {
    // SAFETY: the callers vouch for the record.
    let state = unsafe { &(*work).sha1.state };
    let first = state[0].swap_bytes() as u64 | (state[1].swap_bytes() as u64) << 32;
    (first, (state[2].swap_bytes() & 0xffff) as u64)
}

/// What follows the payload in the authenticated message: the rollover counter, and SHA-1's first padding bits.
#[inline(always)]
unsafe fn trailer(work: *const Work) -> u64 {
    // SAFETY: the callers vouch for the record.
    let rollover = unsafe { (*work).index >> 16 } as u32;
    rollover.swap_bytes() as u64 | 0x80 << 32
}

/// Exclusive-or of the payload with the key stream: encrypts and decrypts.
#[inline(always)]
unsafe fn crypt(frame: Frame, key: *const KeyRecord, work: *const Work, stream: &impl KeyStream) -> i32 {
    // SAFETY: the records are the callers' promise; every access to the frame follows a `holds`.
    unsafe {
        let Some(extent) = Extent::of(frame, work) else { return MALFORMED };
        let one = (&raw const (*key).one).read_volatile();
        let body = extent.body();
        let (blocks, mut number) = (extent.payload >> 4, 0);
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
            let Some(pad) = stream.block(number) else { return MALFORMED };
            store64::<0>(at, load64::<0>(at) ^ pad.0);
            store64::<8>(at, load64::<8>(at) ^ pad.1);
            number += one;
        }
        let rest = opaque(extent.payload & 15);
        if rest != 0 {
            let offset = opaque(extent.payload & 0x7f0);
            let at = body.wrapping_add(offset as usize);
            let Some(pad) = stream.block(offset >> 4) else { return MALFORMED };
            let mask = first_bytes(rest);
            // Each half reaches at most 7 bytes into the tag, which is 10 long.
            if !frame.holds(at, 8) {
                return MALFORMED;
            }
            store64::<0>(at, load64::<0>(at) ^ pad.0 & mask.0);
            if rest > 8 {
                if !frame.holds(at, 16) {
                    return MALFORMED;
                }
                store64::<8>(at, load64::<8>(at) ^ pad.1 & mask.1);
            }
        }
        DONE
    }
}

/// Leaves the HMAC of the packet in `Work::sha1` and the sum of header, payload and trailer in `Work::sum`.
/// The trailer is written into the tag's place, so that the message lies there as SHA-1 wants it.
#[inline(always)]
unsafe fn authenticate(frame: Frame, key: *const KeyRecord, work: *mut Work) -> i32 {
    // SAFETY: the records are the callers' promise; every access to the frame follows a `holds`.
    unsafe {
        let Some(extent) = Extent::of(frame, work) else { return MALFORMED };
        let room = extent.tag();
        if !frame.holds(room, 8) {
            return MALFORMED;
        }
        store64::<0>(room, trailer(work));

        let one = (&raw const (*key).one).read_volatile();
        let message = extent.header + extent.payload + 4;
        // Up to the word that holds the first padding bit, which the trailer fills; behind it come zeros.
        let present = opaque((message + 4) & 0xffc);
        // 0x80 and the 64-bit length follow the message.
        let blocks = (message + 1 + 8 + 63) >> 6;
        let hash = &raw mut (*work).sha1;
        (*hash).state = (*key).hmac_inner;
        (*work).sum = 0;
        let mut number = 0;
        loop {
            if !may_continue() {
                return MALFORMED;
            }
            if number >= blocks {
                break;
            }
            let offset = opaque(number) << 6 & 0x7c0;
            let at = extent.start.wrapping_add(offset as usize);
            if offset + 64 <= present {
                if !frame.holds(at, 64) {
                    return MALFORMED;
                }
                (*work).sum += load_block(at, hash);
            } else {
                let last = load_last_block(frame, extent.start, [offset, present], one, hash);
                let Some(sum) = last else { return MALFORMED };
                (*work).sum += sum;
            }
            if number + 1 == blocks {
                // The inner pad's block counts.
                (*hash).block[15] = ((64 + message) * 8) as u32;
            }
            compress(hash);
            number += one;
        }

        let inner = (*hash).state;
        (*hash).block = [
            inner[0],
            inner[1],
            inner[2],
            inner[3],
            inner[4],
            0x8000_0000,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            (64 + 20) * 8,
        ];
        (*hash).state = (*key).hmac_outer;
        compress(hash);
        DONE
    }
}

macro_rules! each_word {
    ($do:ident) => {
        $do!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
}

/// Copies 64 bytes into the hash's block and returns their sum.
#[inline(always)]
unsafe fn load_block(at: *const u8, hash: *mut Sha1) -> u64 {
    let mut sum = 0;
    macro_rules! copy {
        ($($n:literal)*) => { $(
            // SAFETY: the caller has checked 64 bytes.
            let word = unsafe { load32::<{ $n * 4 }>(at) };
            // SAFETY: the caller vouches for the hash.
            unsafe { (*hash).block[$n] = (word as u32).swap_bytes() };
            sum += word;
        )* };
    }
    each_word!(copy);
    sum
}

/// Copies the words of the message from byte `offset` to byte `present` into the hash's block, zeros behind
/// them, and returns their sum; `None` if the verifier's loop budget is used up. `one` is 1 and unknown to
/// the verifier, so that it walks one round for all.
#[inline(always)]
unsafe fn load_last_block(
    frame: Frame,
    start: *mut u8,
    [offset, present]: [u64; 2],
    one: u64,
    hash: *mut Sha1,
) -> Option<u64> {
    // SAFETY: the caller vouches for the hash.
    let block = unsafe { (&raw mut (*hash).block).cast::<u8>() };
    let (mut sum, mut number) = (0, 0);
    loop {
        if !may_continue() {
            return None;
        }
        if number >= 16 {
            return Some(sum);
        }
        let position = opaque(offset + (number << 2)) & 0x7fc;
        let at = start.wrapping_add(position as usize);
        let word = if position < present && frame.holds(at, 4) {
            // SAFETY: just checked.
            unsafe { load32::<0>(at) }
        } else {
            0
        };
        let place = block.wrapping_add((opaque(number) << 2 & 0x3c) as usize);
        // SAFETY: the mask keeps it inside the block, and the caller vouches for the hash.
        unsafe { store32::<0>(place, (word as u32).swap_bytes() as u64) };
        sum += word;
        number += one;
    }
}
