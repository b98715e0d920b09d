//! Bounds-checked access to a packet, the same for a slice and for an XDP frame.
//!
//! Parsers are written against [`Bytes`] so that the kernel and userspace run one text. Nothing here
//! interprets what it reads.

/// A run of bytes that can only be read where it exists.
pub trait Bytes {
    /// Number of bytes.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `N` bytes at `offset`, or `None` if they reach past the end.
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;
}

impl Bytes for &[u8] {
    #[inline(always)]
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk().copied()
    }
}
