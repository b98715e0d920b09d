//! Words of map values that other CPUs and the control plane change at the same time: read and written as a
//! whole, each reference exactly once.

use core::intrinsics::{AtomicOrdering, atomic_cxchg};

/// Reads the word with one load.
///
/// # Safety
/// `word` is a map value's.
#[inline(always)]
pub unsafe fn load(word: *const u64) -> u64 {
    // SAFETY: the caller's promise; map values are aligned to 8 bytes.
    unsafe { word.read_volatile() }
}

/// Writes the word with one store.
///
/// # Safety
/// `word` is a map value's.
#[inline(always)]
pub unsafe fn store(word: *mut u64, value: u64) {
    // SAFETY: the caller's promise; map values are aligned to 8 bytes.
    unsafe { word.write_volatile(value) };
}

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
