//! The clocks of sender reports: ours, a leg's, and the RTP timestamps of one stream.
//!
//! Plain arithmetic, modulo what the fields hold: differences are right across every wrap.

use std::time::Duration;

use sft_common::maps::Kind;

/// Seconds from 1900 to 1970.
const UNIX_EPOCH: u64 = 2_208_988_800;
const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// An NTP timestamp (RFC 3550 section 4): seconds since 1900 in units of 2^-32 s. The next wrap is in 2036.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ntp(pub u64);

impl Ntp {
    /// `unix`: since 1970.
    pub fn at(unix: Duration) -> Ntp {
        Ntp(UNIX_EPOCH << 32).after(unix)
    }

    #[must_use]
    pub fn after(self, time: Duration) -> Ntp {
        Ntp(self.0.wrapping_add(((time.as_nanos() << 32) / NANOS_PER_SECOND) as u64))
    }

    /// In units of 2^-32 s; negative if `earlier` is later.
    fn since(self, earlier: Ntp) -> i64 {
        self.0.wrapping_sub(earlier.0) as i64
    }

    /// The middle 32 bits, as reports repeat them.
    pub fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// From a sender report of ours to its receiver and back, when its reception report comes now
    /// (RFC 3550 section 6.4.1, LSR and DLSR). `None` if it answers none, or contradicts itself.
    pub fn round_trip(self, last_report: u32, delay: u32) -> Option<Duration> {
        if last_report == 0 {
            return None;
        }
        let units = self.middle().wrapping_sub(last_report).wrapping_sub(delay) as i32;
        let micros = (u64::try_from(units).ok()? * 1_000_000) >> 16;
        Some(Duration::from_micros(micros))
    }
}

/// Where a leg's clock stands against ours, from the instants that its sender reports name and those at which
/// they came. One for all its streams, so that what it says of their relation stays exactly as it is.
///
/// The least difference counts: that of the report that was delayed least. It may rise by 122 us a second, which
/// is more than two quartz clocks drift apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct SenderClock {
    /// Our clock minus the leg's, and the last instant of ours at which that was looked at.
    least: Option<(u64, Ntp)>,
}

/// 2^-13.
const RISE: u32 = 13;
/// No report is delayed by so much: the leg has set its clock.
const RESET: i64 = 1 << 32;

impl SenderClock {
    /// A report that names the instant `sent` came at `now`.
    pub fn note(&mut self, sent: Ntp, now: Ntp) {
        let difference = now.0.wrapping_sub(sent.0);
        let least = match self.least {
            None => difference,
            Some((least, at)) => {
                let risen = least.wrapping_add((now.since(at).max(0) >> RISE) as u64);
                let excess = difference.wrapping_sub(risen) as i64;
                if (0..RESET).contains(&excess) { risen } else { difference }
            }
        };
        self.least = Some((least, now));
    }

    /// An instant of the leg's clock on ours; `None` before the first report.
    pub fn ours(&self, sent: Ntp) -> Option<Ntp> {
        self.least.map(|(least, _)| Ntp(sent.0.wrapping_add(least)))
    }
}

/// One instant on two clocks: an NTP clock, and that of a stream's RTP timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    pub ntp: Ntp,
    pub timestamp: u32,
}

impl Mapping {
    /// The timestamp of another instant.
    pub fn timestamp_at(self, now: Ntp, kind: Kind) -> u32 {
        let ticks_per_second = i128::from(kind.ticks_per_ms()) * 1000;
        let ticks = (i128::from(now.since(self.ntp)) * ticks_per_second) >> 32;
        self.timestamp.wrapping_add(ticks as u32)
    }
}
