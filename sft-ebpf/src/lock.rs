//! The kernel's spin locks in map values.

use aya_ebpf::helpers::generated::{bpf_spin_lock, bpf_spin_unlock};
use sft_common::maps;

/// Runs `work` with the lock held. It may call no helper: look-ups and the clock come before.
///
/// # Safety
/// `lock` is that of a map value.
#[inline(always)]
pub unsafe fn locked<T>(lock: *mut maps::bpf_spin_lock, work: impl FnOnce() -> T) -> T {
    // SAFETY: the caller's promise; there is one way from here to the end.
    unsafe {
        bpf_spin_lock(lock.cast());
        let result = work();
        bpf_spin_unlock(lock.cast());
        result
    }
}
