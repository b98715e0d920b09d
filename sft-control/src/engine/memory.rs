//! Giving memory back to the system.
//!
//! While many join, a leg's data channel holds megabytes for moments. The allocator keeps the pages between what
//! stays, and a server would for ever have the size of its busiest moment.

use std::time::Duration;

/// From the latest join until it is done: it takes milliseconds with a thousand legs.
pub(super) const QUIET: Duration = Duration::from_secs(5);

/// Gives whole free pages back.
pub(super) fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no pointers; glibc takes its own locks, and nothing that is in use moves.
    unsafe {
        libc::malloc_trim(0);
    }
}
