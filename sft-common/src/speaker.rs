//! Audio slots of a conference: a source that speaks takes a free one and never displaces
//! anybody. Who should give way is the control plane's business.

use crate::{drops::DropReason, maps::AUDIO_SLOTS};

/// The cells of one conference; see [`crate::maps::SpeakerCells`].
pub trait SpeakerStore {
    /// Cell `i`, below [`AUDIO_SLOTS`].
    fn load(&self, i: usize) -> u64;
    /// Sets cell `i` to `to` if it is `from`. Sequentially consistent with all other accesses.
    fn exchange(&self, i: usize, from: u64, to: u64) -> bool;
}

/// An audio slot that a source holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Below [`AUDIO_SLOTS`].
    pub slot: u8,
    pub run: u32,
}

/// The slot that this source holds, or a free one that it holds from now on; the lowest of several.
///
/// # Errors
/// `NoAudioSlot` if others hold them all.
#[inline(always)]
pub fn find_or_claim(cells: &impl SpeakerStore, source: u32) -> Result<Claim, DropReason> {
    if let Some(held) = find(cells, source) {
        return Ok(held);
    }
    let mut i = 0;
    while i < AUDIO_SLOTS {
        let cell = cells.load(i);
        if holder(cell) == FREE && cells.exchange(i, cell, claimed(cell, source)) {
            return settle(cells, source);
        }
        i += 1;
    }
    // Whoever came first may have claimed for this source, on another CPU.
    find(cells, source).ok_or(DropReason::NoAudioSlot)
}

/// Two CPUs with packets of one source may claim a slot each. Both look again after claiming, so at
/// least one of them sees both claims and gives the higher one back.
#[inline(always)]
fn settle(cells: &impl SpeakerStore, source: u32) -> Result<Claim, DropReason> {
    let mut lowest = None;
    let mut i = 0;
    while i < AUDIO_SLOTS {
        let cell = cells.load(i);
        if holder(cell) == holder_of(source) {
            if lowest.is_none() {
                lowest = Some(Claim { slot: i as u8, run: run(cell) });
            } else {
                cells.exchange(i, cell, freed(cell));
            }
        }
        i += 1;
    }
    lowest.ok_or(DropReason::NoAudioSlot)
}

#[inline(always)]
fn find(cells: &impl SpeakerStore, source: u32) -> Option<Claim> {
    let mut i = 0;
    while i < AUDIO_SLOTS {
        let cell = cells.load(i);
        if holder(cell) == holder_of(source) {
            return Some(Claim { slot: i as u8, run: run(cell) });
        }
        i += 1;
    }
    None
}

const FREE: u32 = 0;

/// How many times a cell has changed hands.
#[inline(always)]
pub const fn run(cell: u64) -> u32 {
    (cell >> 32) as u32
}

/// The source that holds a cell.
#[inline(always)]
pub const fn holder_source(cell: u64) -> Option<u32> {
    holder(cell).checked_sub(1)
}

/// A cell after `source` has taken it.
#[inline(always)]
pub const fn claimed(cell: u64, source: u32) -> u64 {
    (run(cell).wrapping_add(1) as u64) << 32 | holder_of(source) as u64
}

/// A cell after its holder has lost it.
#[inline(always)]
pub const fn freed(cell: u64) -> u64 {
    cell & !0xffff_ffff
}

#[inline(always)]
const fn holder(cell: u64) -> u32 {
    cell as u32
}

#[inline(always)]
const fn holder_of(source: u32) -> u32 {
    source.wrapping_add(1)
}
