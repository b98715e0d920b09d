//! The clocks, read here and passed on: nothing below the engine reads one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::core::Now;

/// One instant on all clocks that somebody needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    pub(super) instant: Instant,
    /// CLOCK_MONOTONIC in ns: the clock of the XDP programs.
    pub(super) monotonic_ns: u64,
    /// Wall clock, since the epoch.
    pub(super) unix: Duration,
}

impl From<Time> for Now {
    fn from(time: Time) -> Now {
        Now { instant: time.instant, unix: time.unix }
    }
}

impl Time {
    pub(super) fn now() -> Time {
        Time {
            instant: Instant::now(),
            monotonic_ns: monotonic_ns(),
            // A wall clock before 1970 is a broken one.
            unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }
}

/// CLOCK_MONOTONIC in ns; [`Instant`] runs on it, too, but does not tell.
fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours; the clock exists on every Linux, so that the call cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
