//! Where the key stream of a packet comes from: computed on the spot, or prepared by the control plane.

use super::{
    aes::Stream,
    memory::{load64, opaque},
};
use crate::keystream::KeystreamEntry;

/// Key stream of one packet in blocks of 16 bytes, as two little-endian words each.
pub trait KeyStream {
    /// The block of a counter value (its low byte; the rest of the counter block is the stream's).
    /// `None`: beyond what the stream can give.
    fn block(&self, counter: u64) -> Option<(u64, u64)>;
}

/// Computed by table AES. `ROUNDS`: 10 for 128-bit keys, 14 for 256-bit keys.
pub struct Computed<const ROUNDS: usize>(Stream);

impl<const ROUNDS: usize> Computed<ROUNDS> {
    /// # Safety
    /// `keys` points to `ROUNDS + 1` round keys that outlive the stream.
    #[inline(always)]
    pub unsafe fn new(keys: *const u8, counter_block: [u64; 4]) -> Self {
        // SAFETY: the caller's promise.
        Computed(unsafe { Stream::new(keys, counter_block) })
    }
}

impl<const ROUNDS: usize> KeyStream for Computed<ROUNDS> {
    #[inline(always)]
    fn block(&self, counter: u64) -> Option<(u64, u64)> {
        // SAFETY: the promise given to `new`.
        Some(unsafe { self.0.block::<ROUNDS>(counter) })
    }
}

/// Blocks of a [`KeystreamEntry`] that start at counter value `FIRST`.
pub struct Prepared<const FIRST: u64, const BLOCKS: usize>(*const u8);

impl<const FIRST: u64, const BLOCKS: usize> Prepared<FIRST, BLOCKS> {
    /// # Safety
    /// `entry` outlives the stream. What it holds is the caller's business, before and after.
    #[inline(always)]
    pub unsafe fn new(entry: *const KeystreamEntry<BLOCKS>) -> Self {
        // SAFETY: the caller's promise.
        Prepared(unsafe { &raw const (*entry).blocks }.cast())
    }
}

impl<const FIRST: u64, const BLOCKS: usize> KeyStream for Prepared<FIRST, BLOCKS> {
    #[inline(always)]
    fn block(&self, counter: u64) -> Option<(u64, u64)> {
        let offset = opaque((counter - FIRST) << 4);
        if offset > (BLOCKS as u64 - 1) * 16 {
            return None;
        }
        let at = self.0.wrapping_add(offset as usize);
        // SAFETY: one of the entry's blocks.
        Some(unsafe { (load64::<0>(at), load64::<8>(at)) })
    }
}
