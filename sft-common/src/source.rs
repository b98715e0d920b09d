//! One source on its way in: packet index, replay window, statistics, and which of its packets exist
//! for the slots.
//!
//! Two lists of numbers are kept apart: the *index* is the sender's (RFC 3711), the *effective* index
//! is the one that slots count with, without the padding-only packets that were skipped. The gate run
//! numbers the stretches of speech of an audio source; a packet between two of them is not forwarded.

use crate::{
    drops::DropReason,
    extension::KeyframeMark,
    index,
    maps::{Kind, bpf_spin_lock},
    replay::ReplayWindow,
};

/// Level from which on audio counts as silence, in -dBov (sft-protocol.md 10.1).
pub const SILENCE: u64 = 110;
/// Skipped packets whose places are remembered; a power of two.
pub const SKIPS: usize = 16;

/// State of one source. Plain integers, changed under the source's lock.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    /// Which of the last indices were seen.
    window: ReplayWindow,
    /// Indices of the last skipped packets, ascending; skip n is at `n % SKIPS`.
    skips: [u64; SKIPS],
    /// Packets skipped so far.
    skipped: u64,
    /// Index of the first packet.
    first_index: u64,
    /// Highest index let in.
    highest_index: u64,
    /// Authenticated packets, each index once.
    packets: u64,
    /// UDP payload bytes of those.
    bytes: u64,
    /// Key frames seen to start.
    keyframes: u64,
    /// Packets whose tag did not verify.
    auth_failures: u64,
    /// Packets whose index had been seen.
    replays: u64,
    /// Interarrival jitter of RFC 3550 appendix A.8, in ticks times 16.
    jitter: u64,
    /// Arrival of the last packet that was not padding only, CLOCK_MONOTONIC in ns.
    last_arrival_ns: u64,
    /// Smoothed audio level, 0 (loud) to 127, in -dBov.
    level: u64,
    /// Index of the packet that opened the gate last.
    gate_base: u64,
    /// Index of the silent packet that closed the gate last.
    gate_end: u64,
    /// Number of the stretch of speech, from 1 on.
    gate_run: u32,
    /// 1 while the source speaks.
    gate_open: u32,
    /// Arrival minus timestamp of the last packet, in ticks.
    transit: u32,
    /// 0 until the first index is known, then 1.
    started: u32,
}

/// Value of `SOURCE_STATS`: what a lane publishes about a source. Copied field by field while it changes: each is right, not
/// all of the same instant.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Authenticated packets, each index once.
    pub packets: u64,
    /// UDP payload bytes of those.
    pub bytes: u64,
    /// Index of the first packet, 48 bits (RFC 3711 section 3.3.1).
    pub first_index: u64,
    /// Highest index let in.
    pub highest_index: u64,
    /// Interarrival jitter of RFC 3550 appendix A.8: ticks of the RTP clock, times 16.
    pub jitter: u64,
    /// Arrival of the last packet that was not padding only, CLOCK_MONOTONIC in ns; 0 = never.
    pub last_arrival_ns: u64,
    /// Smoothed audio level, 0 (loud) to 127, in -dBov.
    pub level: u64,
    /// Key frames seen to start.
    pub keyframes: u64,
    /// Packets whose tag did not verify.
    pub auth_failures: u64,
    /// Packets whose index had been seen.
    pub replays: u64,
}

/// What is known about a packet that has been authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketFacts {
    pub kind: Kind,
    pub timestamp: u32,
    /// UDP payload.
    pub bytes: u32,
    /// Audio level of this packet, 0 to 127; `None` if it carries none.
    pub level: Option<u8>,
    /// See [`crate::rtp::RtpHeader::is_padding_only`].
    pub padding_only: bool,
    pub keyframe: KeyframeMark,
}

/// A packet that is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Index that slots count with.
    pub effective: u64,
    /// Audio: number of this stretch of speech, from 1 on. Video: 0.
    pub gate_run: u32,
}

impl SourceState {
    /// A source whose packet `index` the control plane has taken in; it counts as received, and
    /// nothing before it is let in.
    pub fn starting_at(index: u64) -> SourceState {
        let mut state = SourceState::default();
        state.note_index(index);
        state.packets = 1;
        state
    }

    /// The index of a packet that has not been authenticated yet, if it may come in.
    ///
    /// # Errors
    /// `Replay`, `TooOld`, `IndexExhausted`.
    #[inline(always)]
    pub fn admit(&self, sequence: u16) -> Result<u64, DropReason> {
        let highest = if self.started != 0 { Some(self.highest_index) } else { None };
        let index = index::estimate(highest, sequence)?;
        self.check(index)?;
        Ok(index)
    }

    #[inline(always)]
    fn check(&self, index: u64) -> Result<(), DropReason> {
        if self.started == 0 {
            return Ok(());
        }
        // Nothing before the first packet: no slot could place it, and no report expects it.
        if index < self.first_index {
            return Err(DropReason::TooOld);
        }
        self.window.check(index, self.highest_index)
    }

    /// Takes in an authenticated packet whose index came from [`admit`](Self::admit).
    ///
    /// # Errors
    /// `Replay` and `TooOld`: another CPU was faster, and nothing has changed. `PaddingOnly`, `Silent`,
    /// `BeforeBase` and again `TooOld`: the packet has been taken in and is not forwarded.
    #[inline(always)]
    pub fn commit(&mut self, index: u64, facts: &PacketFacts, now_ns: u64) -> Result<Admitted, DropReason> {
        if let Err(reason) = self.check(index) {
            self.count_refused(reason);
            return Err(reason);
        }
        self.update_jitter(facts, now_ns);
        let newest = self.note_index(index);
        self.update_counters(facts, now_ns);
        if newest && facts.padding_only {
            self.skip(index);
            return Err(DropReason::PaddingOnly);
        }
        let gate_run = match facts.kind {
            Kind::Audio if newest => self.gate_newest(index, facts)?,
            Kind::Audio => self.gate_late(index)?,
            Kind::Video => 0,
        };
        Ok(Admitted { effective: self.effective(index)?, gate_run })
    }

    /// A packet of this source did not verify.
    #[inline(always)]
    pub fn count_auth_failure(&mut self) {
        self.auth_failures += 1;
    }

    /// [`admit`](Self::admit) refused a packet for this reason.
    #[inline(always)]
    pub fn count_refused(&mut self, reason: DropReason) {
        if matches!(reason, DropReason::Replay) {
            self.replays += 1;
        }
    }

    /// The readable part.
    #[inline(always)]
    pub fn stats(&self) -> SourceStats {
        SourceStats {
            packets: self.packets,
            bytes: self.bytes,
            first_index: self.first_index,
            highest_index: self.highest_index,
            jitter: self.jitter,
            last_arrival_ns: self.last_arrival_ns,
            level: self.level,
            keyframes: self.keyframes,
            auth_failures: self.auth_failures,
            replays: self.replays,
        }
    }

    /// Marks an index; `true` if it is the highest so far.
    #[inline(always)]
    fn note_index(&mut self, index: u64) -> bool {
        if self.started == 0 {
            self.started = 1;
            self.first_index = index;
            self.highest_index = index;
            self.window.mark(index, index);
            return true;
        }
        self.window.mark(index, self.highest_index);
        let newest = index > self.highest_index;
        if newest {
            self.highest_index = index;
        }
        newest
    }

    #[inline(always)]
    fn update_counters(&mut self, facts: &PacketFacts, now_ns: u64) {
        self.packets += 1;
        self.bytes += facts.bytes as u64;
        if matches!(facts.keyframe, KeyframeMark::Start) {
            self.keyframes += 1;
        }
        if !facts.padding_only {
            self.last_arrival_ns = now_ns;
        }
    }

    /// RFC 3550 appendix A.8, with the estimate kept times 16.
    #[inline(always)]
    fn update_jitter(&mut self, facts: &PacketFacts, now_ns: u64) {
        let arrival = (now_ns / 1000 * facts.kind.ticks_per_ms() as u64 / 1000) as u32;
        let transit = arrival.wrapping_sub(facts.timestamp);
        if self.packets > 0 && self.last_arrival_ns > 0 {
            let difference = (transit.wrapping_sub(self.transit) as i32).unsigned_abs() as u64;
            self.jitter = self.jitter + difference - ((self.jitter + 8) >> 4);
        }
        self.transit = transit;
    }

    /// Leaves a packet out of the numbers that slots see. Only the newest can be: packets behind it
    /// have none yet.
    #[inline(always)]
    fn skip(&mut self, index: u64) {
        self.skips[self.skipped as usize & (SKIPS - 1)] = index;
        self.skipped += 1;
    }

    /// `index` minus the skipped packets before it.
    #[inline(always)]
    fn effective(&self, index: u64) -> Result<u64, DropReason> {
        let mut later = 0;
        let mut n = 0;
        while n < SKIPS {
            // 1 if the skip is later: indices have 48 bits, and a free place holds 0, which never is. A
            // comparison would let the verifier follow every combination of the 16.
            later += index.wrapping_sub(self.skips[n]) >> 63;
            n += 1;
        }
        // All remembered ones are later, and there were more: how many of those are is not known.
        if later == SKIPS as u64 && self.skipped > SKIPS as u64 {
            return Err(DropReason::TooOld);
        }
        Ok(index - (self.skipped - later))
    }

    /// Smooths the level with that of the newest packet, and opens or closes the gate. It opens with the first
    /// packet that is not silent itself, so that no onset is clipped, and closes by the smoothed level.
    #[inline(always)]
    fn gate_newest(&mut self, index: u64, facts: &PacketFacts) -> Result<u32, DropReason> {
        let mut is_silent = false;
        if let Some(sample) = facts.level {
            let sample = sample as u64;
            self.level = if self.packets == 1 { sample } else { (self.level + sample) / 2 };
            is_silent = self.level >= SILENCE && sample >= SILENCE;
        }
        if is_silent {
            if self.gate_open != 0 {
                self.gate_open = 0;
                self.gate_end = index;
            }
            return Err(DropReason::Silent);
        }
        if self.gate_open == 0 {
            self.gate_open = 1;
            self.gate_base = index;
            self.gate_run += 1;
        }
        Ok(self.gate_run)
    }

    /// A late packet belongs where it was sent, whatever its level: into the last stretch of speech,
    /// whose later packets have been numbered with it, or else nowhere.
    #[inline(always)]
    fn gate_late(&self, index: u64) -> Result<u32, DropReason> {
        if self.gate_open == 0 && index >= self.gate_end {
            return Err(DropReason::Silent);
        }
        if index < self.gate_base {
            return Err(DropReason::BeforeBase);
        }
        Ok(self.gate_run)
    }
}

/// Value of `SOURCE_STATE`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct LockedSource {
    /// Held by whoever reads or changes the state.
    pub lock: bpf_spin_lock,
    /// Always 0.
    pub pad: u32,
    /// What the lock guards.
    pub state: SourceState,
}
