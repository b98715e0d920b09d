//! The list of receivers that the packets of a source are copied by, as one word, so that it is switched by one store.

/// A list in `ENTRIES`, as one source uses it.
///
/// All audio sources of a conference share one list, in which each of them is a receiver, too, but not of
/// itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// First entry.
    pub first: u32,
    /// Number of entries, [`MAX_LIST`] at most.
    pub len: u32,
    /// Place in the list of the source's own leg, which gets no copy; [`NOT_IN_LIST`].
    pub own: u32,
}

/// The source's leg is none of the receivers.
pub const NOT_IN_LIST: u32 = u32::MAX;
/// Entries that a list has at most.
pub const MAX_LIST: usize = u16::MAX as usize - 1;

impl List {
    /// Nobody.
    pub const EMPTY: List = List { first: 0, len: 0, own: NOT_IN_LIST };

    /// `first entry << 32 | own place + 1 << 16 | number of entries`.
    #[inline(always)]
    pub const fn to_word(self) -> u64 {
        (self.first as u64) << 32
            | (self.own.wrapping_add(1) as u64 & 0xffff) << 16
            | self.len as u64 & 0xffff
    }

    /// See [`List::to_word`].
    #[inline(always)]
    pub const fn from_word(word: u64) -> List {
        let (first, own, len) = ((word >> 32) as u32, (word >> 16) as u32 & 0xffff, word as u32 & 0xffff);
        List { first, len, own: own.wrapping_sub(1) }
    }

    /// How many copies a packet gets.
    #[inline(always)]
    pub const fn copies(&self) -> u32 {
        self.len.saturating_sub((self.own != NOT_IN_LIST) as u32)
    }

    /// Number in `ENTRIES` of the receiver of copy `copy`, if the first copy is for receiver `start` (below
    /// [`List::copies`]).
    #[inline(always)]
    pub const fn entry_of(&self, start: u32, copy: u32) -> u32 {
        let straight = start.wrapping_add(copy);
        let copies = self.copies();
        let receiver = if straight >= copies { straight.wrapping_sub(copies) } else { straight };
        self.first.wrapping_add(receiver).wrapping_add((receiver >= self.own) as u32)
    }
}

/// Which receiver the first copy is for. All packets of a video frame, which have one timestamp, begin with the
/// same one, so that none overtakes another; the next frame begins with another one, so that nobody is always
/// last.
#[inline(always)]
pub const fn first_receiver(timestamp: u32, copies: u32) -> u32 {
    // Fibonacci hashing: timestamps grow by equal steps.
    let spread = timestamp.wrapping_mul(0x9e37_79b1);
    ((spread as u64 * copies as u64) >> 32) as u32
}
