//! The entries of one class, as the producer writes them while the programs read.

use std::{
    ops::Range,
    ptr,
    sync::atomic::{AtomicU64, Ordering, fence},
};

use aya::{Pod, maps::Map};
use sft_common::keystream::{KeystreamEntry, KeystreamTag, Ring};

use super::StreamKey;
use crate::{
    dataplane::xdp::{LoadError, memory::Shared},
    srtp::KeyError,
};

/// Packets whose key stream is computed before any of it is copied: the copies then wait for the cache lines,
/// which the programs' CPUs hold, all at once.
const BATCH: u64 = 8;

pub(in crate::dataplane::xdp) struct Entries<const BLOCKS: usize> {
    shared: Shared<KeystreamEntry<BLOCKS>>,
    /// Key stream of a batch.
    fresh: Vec<[[u8; 16]; BLOCKS]>,
}

impl<const BLOCKS: usize> Entries<BLOCKS>
where
    KeystreamEntry<BLOCKS>: Pod,
{
    pub(in crate::dataplane::xdp) fn of(map: &Map, len: u32) -> Result<Self, LoadError> {
        let shared = Shared::of(map, len as usize)?;
        Ok(Entries { shared, fresh: vec![[[0; 16]; BLOCKS]; BATCH as usize] })
    }

    /// Writes the entries of packets. A program that reads one meanwhile sees an empty tag before or after.
    pub(super) fn write(
        &mut self,
        ring: Ring,
        key: &StreamKey,
        ssrc: u32,
        packets: Range<u64>,
    ) -> Result<(), KeyError> {
        for first in packets.clone().step_by(BATCH as usize) {
            let batch = first..packets.end.min(first + BATCH);
            for (index, blocks) in batch.clone().zip(&mut self.fresh) {
                key.keystream.fill(blocks.as_flattened_mut(), ssrc, index)?;
            }
            for (index, blocks) in batch.zip(&self.fresh) {
                self.publish(
                    ring.entry(index),
                    KeystreamTag::new(key.epoch, ssrc.swap_bytes(), index),
                    blocks,
                );
            }
        }
        Ok(())
    }

    fn publish(&self, number: u32, tag: KeystreamTag, blocks: &[[u8; 16]; BLOCKS]) {
        self.empty(number);
        // SAFETY: an entry that only this thread writes; programs throw away what they read under a tag that
        // changed.
        unsafe {
            let entry = self.shared.pointer(number);
            (&raw mut (*entry).tag.epoch).write_volatile(tag.epoch);
            (&raw mut (*entry).tag.ssrc).write_volatile(tag.ssrc);
            ptr::copy_nonoverlapping(blocks.as_ptr(), (&raw mut (*entry).blocks).cast(), BLOCKS);
        }
        self.state(number).store(tag.index, Ordering::Release);
    }

    /// Empties an entry and forgets its key stream.
    pub(super) fn wipe(&self, number: u32) {
        self.empty(number);
        // SAFETY: as above.
        unsafe { (&raw mut (*self.shared.pointer(number)).blocks).write_volatile([[0; 2]; BLOCKS]) };
    }

    fn empty(&self, number: u32) {
        self.state(number).store(0, Ordering::Relaxed);
        fence(Ordering::Release);
    }

    fn state(&self, number: u32) -> &AtomicU64 {
        self.shared.word(number, 0)
    }
}
