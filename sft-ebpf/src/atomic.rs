//! Atomic access to words that the control plane maps into its memory.

use core::intrinsics::{AtomicOrdering, atomic_cxchg};

/// Sets the word to `to` if it is `from`.
///
/// # Safety
/// `word` is a map value's.
#[inline(always)]
pub unsafe fn exchange(word: *mut u64, from: u64, to: u64) -> bool {
    // SAFETY: the caller's promise.
    let (_, exchanged) = unsafe {
        atomic_cxchg::<u64, { AtomicOrdering::SeqCst }, { AtomicOrdering::SeqCst }>(word, from, to)
    };
    exchanged
}
