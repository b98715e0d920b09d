//! Access to a packet's bytes, whoever holds them: a slice here, the frame of an XDP program there.
//!
//! Nothing but bounds-checked loads of constant size: that is all the verifier accepts.

/// Bytes that can be read at an offset which is only known at run time.
pub trait Bytes {
    /// Number of bytes.
    fn len(&self) -> usize;

    /// `true` if there is no byte at all.
    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `N` bytes from `offset` on; `None` if fewer are left.
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
