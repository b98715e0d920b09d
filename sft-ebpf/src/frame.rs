//! Access to the frame of a program's context.

use aya_ebpf::bindings::xdp_md;
use sft_common::packet::Bytes;

/// The bytes between `data` and `data_end`, valid until the next helper that moves them.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub data: usize,
    pub end: usize,
}

impl Bounds {
    /// # Safety
    /// `ctx` is the program's context.
    #[inline(always)]
    pub unsafe fn of(ctx: *mut xdp_md) -> Bounds {
        // SAFETY: the caller's promise.
        unsafe { Bounds { data: (*ctx).data as usize, end: (*ctx).data_end as usize } }
    }
}

impl Bytes for Bounds {
    #[inline(always)]
    fn len(&self) -> usize {
        self.end - self.data
    }

    #[inline(always)]
    fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        let at = self.data + offset;
        if at + N > self.end {
            return None;
        }
        // SAFETY: inside the frame.
        Some(unsafe { *(at as *const [u8; N]) })
    }
}
