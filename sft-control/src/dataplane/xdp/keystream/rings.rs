//! The rings: their memory, and which of them are free.

use std::ops::Range;

use sft_common::keystream::{Class, LONG_BLOCKS, Ring, SHORT_BLOCKS};

use super::{Entries, RING_ENTRIES, Sizes, StreamKey};
use crate::srtp::KeyError;

pub(super) struct Rings {
    short: Entries<SHORT_BLOCKS>,
    long: Entries<LONG_BLOCKS>,
    free_short: Vec<Ring>,
    free_long: Vec<Ring>,
}

impl Rings {
    pub(super) fn new(short: Entries<SHORT_BLOCKS>, long: Entries<LONG_BLOCKS>, sizes: Sizes) -> Self {
        let (free_short, free_long) = (divide(Class::Short, sizes.short), divide(Class::Long, sizes.long));
        Rings { short, long, free_short, free_long }
    }

    /// `None`: all are in use.
    pub(super) fn take(&mut self, class: Class) -> Option<Ring> {
        self.free(class).pop()
    }

    /// No stream refers to the ring any more. What it held is forgotten.
    pub(super) fn give_back(&mut self, ring: Ring) {
        for number in ring.first..ring.first + ring.entries {
            match ring.class {
                Class::Short => self.short.wipe(number),
                Class::Long => self.long.wipe(number),
            }
        }
        self.free(ring.class).push(ring);
    }

    /// Writes the entries of packets.
    pub(super) fn write(
        &mut self,
        ring: Ring,
        key: &StreamKey,
        ssrc: u32,
        packets: Range<u64>,
    ) -> Result<(), KeyError> {
        match ring.class {
            Class::Short => self.short.write(ring, key, ssrc, packets),
            Class::Long => self.long.write(ring, key, ssrc, packets),
        }
    }

    fn free(&mut self, class: Class) -> &mut Vec<Ring> {
        match class {
            Class::Short => &mut self.free_short,
            Class::Long => &mut self.free_long,
        }
    }
}

/// All rings of a class; the last one is taken first.
fn divide(class: Class, entries: u32) -> Vec<Ring> {
    let firsts = (0..entries).step_by(RING_ENTRIES as usize).rev();
    firsts.map(|first| Ring { class, first, entries: RING_ENTRIES }).collect()
}
