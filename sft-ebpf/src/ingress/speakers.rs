//! The speaker cells of a conference, as the shared code wants them.

use sft_common::{maps::SpeakerCells, speaker::SpeakerStore};

use crate::atomic;

/// A record of `SPEAKERS`.
pub struct Cells(pub *mut SpeakerCells);

impl Cells {
    #[inline(always)]
    fn cell(&self, i: usize) -> *mut u64 {
        // SAFETY: the mask keeps it inside the record.
        unsafe { (&raw mut (*self.0).cells).cast::<u64>().add(i & 7) }
    }
}

impl SpeakerStore for Cells {
    #[inline(always)]
    fn load(&self, i: usize) -> u64 {
        // SAFETY: a cell of the record.
        unsafe { atomic::load(self.cell(i)) }
    }

    #[inline(always)]
    fn exchange(&self, i: usize, from: u64, to: u64) -> bool {
        // SAFETY: a cell of the record.
        unsafe { atomic::exchange(self.cell(i), from, to) }
    }
}
