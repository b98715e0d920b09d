//! The clocks, read here and passed on: nothing below the engine reads one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::{core::Now, rtcp::Ntp};

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

/// The wall clock of sender reports: read once, then run by CLOCK_MONOTONIC. Whoever sets the machine's clock does
/// not move media against each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallClock {
    start: Time,
}

impl WallClock {
    pub(super) fn starting(start: Time) -> WallClock {
        WallClock { start }
    }

    /// `monotonic_ns`: since the clock was started.
    pub(super) fn at(&self, monotonic_ns: u64) -> Ntp {
        let elapsed = Duration::from_nanos(monotonic_ns.saturating_sub(self.start.monotonic_ns));
        Ntp::at(self.start.unix + elapsed)
    }
}

/// CLOCK_MONOTONIC in ns; [`Instant`] runs on it, too, but does not tell.
fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours; the clock exists on every Linux, so that the call cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
