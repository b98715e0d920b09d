//! The replay window of a source (RFC 3711 section 3.3.2): which of the last packets were seen.
//!
//! A ring of bit words (the scheme of RFC 6479): moving the window clears whole words and shifts
//! nothing, so a step costs the same for a window of any size.

use crate::drops::DropReason;

/// Words of the ring: the window, rounded up to the next power of two behind it.
const RING: usize = 32;
/// Packets behind the highest that can still be told from replays.
pub const WINDOW: u64 = 1024;

/// Which indices were seen. The highest index lives with the source.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    words: [u64; RING],
}

const _: () = assert!(RING.is_power_of_two() && RING as u64 * 64 >= WINDOW + 64);

#[inline(always)]
const fn place(index: u64) -> (usize, u64) {
    ((index >> 6) as usize & (RING - 1), 1 << (index & 63))
}

impl ReplayWindow {
    /// Whether a packet may still be taken.
    ///
    /// # Errors
    /// [`DropReason::Replay`] if it was seen, [`DropReason::TooOld`] if the window has moved on.
    #[inline(always)]
    pub const fn check(&self, index: u64, highest: Option<u64>) -> Result<(), DropReason> {
        let Some(highest) = highest else { return Ok(()) };
        if index > highest {
            return Ok(());
        }
        if highest - index >= WINDOW {
            return Err(DropReason::TooOld);
        }
        let (word, bit) = place(index);
        if self.words[word] & bit != 0 { Err(DropReason::Replay) } else { Ok(()) }
    }

    /// Marks a packet as seen and returns the new highest index. The packet has been checked.
    #[inline(always)]
    pub fn mark(&mut self, index: u64, highest: Option<u64>) -> u64 {
        let next = match highest {
            Some(highest) if index <= highest => highest,
            Some(highest) => {
                self.clear_between(highest, index);
                index
            }
            None => index,
        };
        let (word, bit) = place(index);
        self.words[word] |= bit;
        next
    }

    /// Clears the words that the window enters when it moves from `from` up to `to`.
    #[inline(always)]
    fn clear_between(&mut self, from: u64, to: u64) {
        let steps = (to >> 6) - (from >> 6);
        let mut step = 1;
        while step <= RING {
            if step as u64 > steps {
                break;
            }
            self.words[((from >> 6) as usize + step) & (RING - 1)] = 0;
            step += 1;
        }
    }
}
