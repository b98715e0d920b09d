//! State of one incoming stream: replay protection, statistics, the silence gate, and the numbering that
//! slots see.
//!
//! Both lanes call [`SourceState::admit`] before and [`SourceState::commit`] after the packet's tag was
//! verified; in the kernel each runs under the record's lock. Nothing here knows who receives the stream.

use crate::{
    drops::DropReason,
    index::estimate,
    maps::{Kind, bpf_spin_lock},
    replay::ReplayWindow,
};

/// Smoothed level from which a source counts as silent, in -dBov (sft-protocol 10.1).
pub const SILENCE: u8 = 110;
/// Skipped packets whose place is remembered for late arrivals.
const SKIPS: usize = 16;
const _: () = assert!(SKIPS.is_power_of_two());

/// What a packet says about itself, once its tag was verified.
#[derive(Clone, Copy, Debug)]
pub struct PacketFacts {
    pub kind: Kind,
    /// Audio: the source holds a slot whatever its level (the key generator).
    pub reserved: bool,
    pub timestamp: u32,
    /// UDP payload, for the byte counter.
    pub bytes: u32,
    /// Audio level, if the packet carries one: -dBov.
    pub level: Option<u8>,
    /// The payload is padding only.
    pub padding_only: bool,
    /// A key frame starts with this packet.
    pub keyframe: bool,
}

/// A packet that goes on to the slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The packet's index without the skipped packets before it: gaps here are real losses.
    pub effective: u64,
    /// Grows each time an audio source speaks again after silence.
    pub gate_run: u32,
}

/// State of one source; starts empty with [`Default`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    window: ReplayWindow,
    /// Highest index + 1; 0 = nothing received.
    highest_plus_one: u64,
    first_index: u64,
    packets: u64,
    bytes: u64,
    keyframes: u64,
    auth_failures: u64,
    replays: u64,
    last_arrival_ns: u64,
    /// Index from which the gate's current run counts.
    gate_base: u64,
    /// Indices of the last skipped packets, a ring.
    skips: [u64; SKIPS],
    skipped: u64,
    /// RFC 3550 A.8, in sixteenths of a timestamp tick.
    jitter: u64,
    /// Arrival minus timestamp of the last packet, in ticks.
    transit: u32,
    gate_run: u32,
    /// Smoothed level.
    level: u32,
    /// 1 while the gate is closed.
    gate_closed: u32,
}

/// What a lane publishes about a source: totals since it was learned.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    pub packets: u64,
    pub bytes: u64,
    pub first_index: u64,
    pub highest_index: u64,
    /// Interarrival jitter in timestamp ticks (RFC 3550 section 6.4.1).
    pub jitter: u64,
    /// CLOCK_MONOTONIC of the last packet that was not padding only, in ns; 0 = none.
    pub last_arrival_ns: u64,
    /// Smoothed audio level, -dBov.
    pub level: u64,
    /// Key frames seen starting.
    pub keyframes: u64,
    pub auth_failures: u64,
    pub replays: u64,
}

/// `SOURCE_STATE` (array, by source number): the state behind its lock.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct LockedSource {
    pub lock: bpf_spin_lock,
    pub pad: u32,
    pub state: SourceState,
}

impl SourceState {
    /// State of a source that was learned from a packet with this index: that packet counts as seen.
    pub fn starting_at(index: u64) -> Self {
        let mut state = SourceState { first_index: index, ..SourceState::default() };
        state.window.mark(index, None);
        state.highest_plus_one = index + 1;
        state
    }

    #[inline(always)]
    fn highest(&self) -> Option<u64> {
        self.highest_plus_one.checked_sub(1)
    }

    /// Finds the index under which a packet must verify.
    ///
    /// # Errors
    /// [`DropReason::Replay`] or [`DropReason::TooOld`].
    #[inline(always)]
    pub fn admit(&self, sequence: u16) -> Result<u64, DropReason> {
        let Some(index) = estimate(sequence, self.highest()) else { return Err(DropReason::TooOld) };
        self.window.check(index, self.highest())?;
        Ok(index)
    }

    /// Counts a packet that [`SourceState::admit`] refused or whose tag did not verify.
    #[inline(always)]
    pub fn refused(&mut self, reason: DropReason) {
        match reason {
            DropReason::AuthFailed => self.auth_failures += 1,
            _ => self.replays += 1,
        }
    }

    /// Takes a verified packet in.
    ///
    /// # Errors
    /// [`DropReason::Replay`] or [`DropReason::TooOld`] if another CPU was faster,
    /// [`DropReason::PaddingOnly`] and [`DropReason::Silent`] for packets that are counted but not
    /// forwarded, [`DropReason::BeforeBase`] for one that belongs before the latest silence.
    #[inline(always)]
    pub fn commit(&mut self, index: u64, facts: &PacketFacts, now_ns: u64) -> Result<Admitted, DropReason> {
        let before = self.highest();
        self.window.check(index, before)?;
        self.count(index, facts, now_ns);
        self.highest_plus_one = self.window.mark(index, before) + 1;
        let newest = match before {
            Some(highest) => index > highest,
            None => true,
        };
        if facts.padding_only && newest {
            self.skips[self.skipped as usize & (SKIPS - 1)] = index;
            self.skipped += 1;
            return Err(DropReason::PaddingOnly);
        }
        self.pass_gate(index, facts)?;
        Ok(Admitted { effective: self.effective(index)?, gate_run: self.gate_run })
    }

    #[inline(always)]
    fn count(&mut self, index: u64, facts: &PacketFacts, now_ns: u64) {
        if self.highest_plus_one == 0 {
            self.first_index = index;
        }
        let ticks = (now_ns / 1000 * facts.kind.ticks_per_ms() as u64 / 1000) as u32;
        let transit = ticks.wrapping_sub(facts.timestamp);
        if self.packets != 0 {
            let difference = (transit.wrapping_sub(self.transit) as i32).unsigned_abs() as u64;
            self.jitter = self.jitter + difference - ((self.jitter + 8) >> 4);
        }
        self.transit = transit;
        self.packets += 1;
        self.bytes += facts.bytes as u64;
        self.keyframes += facts.keyframe as u64;
        if !facts.padding_only {
            self.last_arrival_ns = now_ns;
        }
        if let Some(sample) = facts.level {
            self.level = (self.level + sample as u32) / 2;
        }
    }

    /// A silent source is not forwarded; when it speaks again a new gate run begins, so that the pause
    /// is a switch and not a gap.
    #[inline(always)]
    fn pass_gate(&mut self, index: u64, facts: &PacketFacts) -> Result<(), DropReason> {
        if matches!(facts.kind, Kind::Video) || facts.reserved {
            return Ok(());
        }
        if self.level >= SILENCE as u32 {
            self.gate_closed = 1;
            return Err(DropReason::Silent);
        }
        if index + 1 < self.highest_plus_one && (self.gate_closed != 0 || index < self.gate_base) {
            return Err(DropReason::BeforeBase);
        }
        if self.gate_closed != 0 {
            self.gate_closed = 0;
            self.gate_run += 1;
            self.gate_base = index;
        }
        Ok(())
    }

    /// The index without skipped packets. A skip is always newer than everything before it, so the
    /// number of skips below an index never changes after it was used.
    #[inline(always)]
    fn effective(&self, index: u64) -> Result<u64, DropReason> {
        let mut newer = 0;
        let mut i = 0;
        while i < SKIPS {
            if (i as u64) < self.skipped && self.skips[i] > index {
                newer += 1;
            }
            i += 1;
        }
        if newer == SKIPS as u64 && self.skipped > SKIPS as u64 {
            return Err(DropReason::TooOld);
        }
        Ok(index - (self.skipped - newer))
    }

    /// What is published.
    #[inline(always)]
    pub fn stats(&self) -> SourceStats {
        SourceStats {
            packets: self.packets,
            bytes: self.bytes,
            first_index: self.first_index,
            highest_index: self.highest_plus_one.saturating_sub(1),
            jitter: self.jitter >> 4,
            last_arrival_ns: self.last_arrival_ns,
            level: self.level as u64,
            keyframes: self.keyframes,
            auth_failures: self.auth_failures,
            replays: self.replays,
        }
    }
}
