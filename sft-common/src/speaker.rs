//! Who holds the audio slots of a conference, as far as a single packet may decide it: a source that
//! speaks takes a free slot, and never displaces anybody.
//!
//! The cells are those of [`crate::maps::SpeakerCells`]; ranking and displacement are the core's.

use crate::{drops::DropReason, maps::AUDIO_SLOTS};

/// Access to the cells of one conference, atomic per cell.
pub trait SpeakerStore {
    /// Reads cell `slot`.
    fn load(&self, slot: usize) -> u64;
    /// Writes `to` if the cell still holds `from`; says whether it did.
    fn exchange(&self, slot: usize, from: u64, to: u64) -> bool;
}

/// A held slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// 1..[`AUDIO_SLOTS`].
    pub slot: u8,
    pub run: u32,
}

/// The cell's holder, as a source number.
#[inline(always)]
pub const fn holder(cell: u64) -> Option<u32> {
    (cell as u32).checked_sub(1)
}

/// The cell's run.
#[inline(always)]
pub const fn run(cell: u64) -> u32 {
    (cell >> 32) as u32
}

/// A cell with its next run and another holder.
#[inline(always)]
pub const fn next(cell: u64, source: Option<u32>) -> u64 {
    let low = match source {
        Some(source) => source + 1,
        None => 0,
    };
    ((run(cell).wrapping_add(1)) as u64) << 32 | low as u64
}

/// Finds the slot that `source` holds, or claims the first free one.
///
/// # Errors
/// [`DropReason::NoAudioSlot`] if others hold all of them.
#[inline(always)]
pub fn find_or_claim(store: &impl SpeakerStore, source: u32) -> Result<Held, DropReason> {
    let mut slot = 1;
    while slot < AUDIO_SLOTS {
        let cell = store.load(slot);
        if holder(cell) == Some(source) {
            return Ok(Held { slot: slot as u8, run: run(cell) });
        }
        slot += 1;
    }
    slot = 1;
    while slot < AUDIO_SLOTS {
        let cell = store.load(slot);
        if holder(cell).is_none() {
            let claimed = next(cell, Some(source));
            if store.exchange(slot, cell, claimed) {
                return Ok(Held { slot: slot as u8, run: run(claimed) });
            }
        }
        slot += 1;
    }
    Err(DropReason::NoAudioSlot)
}
