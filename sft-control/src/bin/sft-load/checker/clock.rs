//! Whether sender reports put the streams of a sender on one clock.

use std::{collections::HashMap, time::Duration};

use super::Copy;
use crate::{
    fault::{Fault, Faults},
    marker::{Marker, Stream},
};

/// A busy machine sends late by up to half a second, and the server's clock learns of a packet when it arrives.
/// Numbers that are wrong are wrong by hours.
pub(super) const TOLERANCE: Duration = Duration::from_millis(700);

/// As long as so many ticks.
pub(super) fn duration(ticks: u32, video: bool) -> Duration {
    let ticks_per_second = if video { 90_000 } else { 48_000 };
    Duration::from_nanos(u64::from(ticks) * 1_000_000_000 / ticks_per_second)
}

/// By sender: the server's clock when the process began, after its first packet.
#[derive(Debug, Default)]
pub(super) struct Clocks(HashMap<u16, Duration>);

impl Clocks {
    pub(super) fn check(&mut self, copy: &Copy<'_>, marker: &Marker, faults: &mut Faults) {
        let Some(report) = copy.report else { return };
        let video = marker.stream != Stream::Audio;
        let since = copy.timestamp.wrapping_sub(report.timestamp) as i32;
        let moved = duration(since.unsigned_abs(), video);
        let recorded = if since < 0 { report.at.saturating_sub(moved) } else { report.at + moved };
        let began = recorded.saturating_sub(marker.sent);
        let known = *self.0.entry(marker.sender.index).or_insert(began);
        if known.abs_diff(began) > TOLERANCE {
            let (name, sender) = (marker.stream.name(), marker.sender.index);
            faults.add(
                Fault::SenderReport,
                format_args!("{name} of leg {sender} began at {began:?} by it, after another at {known:?}"),
            );
        }
    }
}
