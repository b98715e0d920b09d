//! The replay window (RFC 3711 section 3.3.2): every index is let in once.
//!
//! A ring of bits by index, in words as RFC 6479 does it, but cleared bit by bit, so that the window is
//! exactly [`WINDOW`] wide. The highest index is kept by the owner.

use crate::drops::DropReason;

/// Indices the window remembers: the highest one and the [`WINDOW`] - 1 before it.
pub const WINDOW: u64 = 1024;
/// Words of the window.
const WORDS: usize = WINDOW as usize / 64;

const _: () = assert!(WORDS.is_power_of_two());

/// Which of the last [`WINDOW`] indices were seen.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    /// Bit `index % 64` of word `index / 64 % 16`; bits of indices outside the window mean nothing
    /// until the window reaches them, which clears them.
    words: [u64; WORDS],
}

impl ReplayWindow {
    /// May a packet with this index come in, when `highest` is the highest so far?
    ///
    /// # Errors
    /// `TooOld` if the index is below the window, `Replay` if it was seen.
    #[inline(always)]
    pub const fn check(&self, index: u64, highest: u64) -> Result<(), DropReason> {
        if index > highest {
            return Ok(());
        }
        if highest - index >= WINDOW {
            return Err(DropReason::TooOld);
        }
        if self.words[word(index)] & bit(index) != 0 {
            return Err(DropReason::Replay);
        }
        Ok(())
    }

    /// Marks an index that [`check`](Self::check) let in; `highest` is the highest before it.
    #[inline(always)]
    pub const fn mark(&mut self, index: u64, highest: u64) {
        if index > highest {
            self.clear(highest + 1, index);
        }
        self.words[word(index)] |= bit(index);
    }

    /// Forgets what the bits of `first..=last` said about indices one or more rounds ago.
    #[inline(always)]
    const fn clear(&mut self, first: u64, last: u64) {
        // A longer stretch than the ring goes over the same bits again.
        let last = if last - first >= WINDOW { first + WINDOW - 1 } else { last };
        let mut at = first / 64;
        let mut steps = 0;
        // WINDOW bits touch at most one word more than they fill.
        while steps <= WORDS && at <= last / 64 {
            let mut mask = u64::MAX;
            if at == first / 64 {
                mask <<= first % 64;
            }
            if at == last / 64 {
                mask &= u64::MAX >> (63 - last % 64);
            }
            self.words[at as usize & (WORDS - 1)] &= !mask;
            at += 1;
            steps += 1;
        }
    }
}

#[inline(always)]
const fn word(index: u64) -> usize {
    (index / 64) as usize & (WORDS - 1)
}

#[inline(always)]
const fn bit(index: u64) -> u64 {
    1 << (index % 64)
}
