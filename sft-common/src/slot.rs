//! State of one outgoing stream of a receiver: which source it carries and which packet index comes next.
//!
//! The one place where output indices are handed out. An index is never handed out twice, whatever the
//! order in which sources, layers and CPUs deliver: a late packet of an earlier source belongs to an
//! older run and is refused (see docs/architecture.md, "Runs").

use crate::{
    drops::DropReason,
    extension::KeyframeMark,
    index::INDEX_LIMIT,
    maps::{Kind, bpf_spin_lock},
};

/// Furthest an output index moves ahead of the newest one. A larger jump of the source is shown as a
/// gap of this size, which keeps the receiver's rollover counter estimate right (half a cycle is 32768).
pub const MAX_JUMP: u64 = 8192;

/// State of one slot.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotState {
    /// Source generation; only grows. 0 = nothing sent yet.
    run: u64,
    /// First input index of the run.
    in_base: u64,
    /// Output index of `in_base`.
    out_base: u64,
    /// Newest output index handed out, or the one before the first.
    out_max: u64,
    packets: u64,
    bytes: u64,
    dropped: u64,
    /// SSRC of the output.
    pub ssrc: u32,
    /// Output minus input timestamp of the run.
    timestamp_offset: u32,
    /// Output timestamp of `out_max`, or the one the first packet gets.
    timestamp_max: u32,
    pad: u32,
}

/// `SLOTS` (array, by slot number): the state behind its lock.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct LockedSlot {
    pub lock: bpf_spin_lock,
    pub pad: u32,
    pub state: SlotState,
}

/// One copy's claim to a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub kind: Kind,
    /// Generation of the source in this slot, at least 1; larger = newer.
    pub run: u64,
    /// The run may only begin at the start of a key frame, if the source marks them.
    pub from_keyframe: bool,
    pub mark: KeyframeMark,
    /// Effective index of the packet at its source.
    pub index: u64,
    pub timestamp: u32,
    /// UDP payload, for the byte counter.
    pub bytes: u32,
}

/// Under which index and timestamp a copy leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// 48-bit SRTP packet index; its low half is the sequence number.
    pub index: u64,
    pub timestamp: u32,
}

impl SlotState {
    /// A slot that has sent nothing; its first packet leaves with this index (1..2^15) and timestamp.
    pub const fn starting(ssrc: u32, index: u64, timestamp: u32) -> Self {
        SlotState {
            run: 0,
            in_base: 0,
            out_base: 0,
            out_max: index - 1,
            packets: 0,
            bytes: 0,
            dropped: 0,
            ssrc,
            timestamp_offset: 0,
            timestamp_max: timestamp,
            pad: 0,
        }
    }

    /// Decides on one copy and hands out its index.
    ///
    /// # Errors
    /// [`DropReason::Superseded`], [`DropReason::AwaitingKeyframe`], [`DropReason::BeforeBase`] or
    /// [`DropReason::IndexExhausted`]; the state is then unchanged but for its counter.
    #[inline(always)]
    pub fn commit(&mut self, claim: &Claim) -> Result<Outgoing, DropReason> {
        let result = self.hand_out(claim);
        match result {
            Ok(_) => {
                self.packets += 1;
                self.bytes += claim.bytes as u64;
            }
            Err(_) => self.dropped += 1,
        }
        result
    }

    #[inline(always)]
    fn hand_out(&mut self, claim: &Claim) -> Result<Outgoing, DropReason> {
        if claim.run < self.run {
            return Err(DropReason::Superseded);
        }
        if self.out_max + 1 >= INDEX_LIMIT {
            return Err(DropReason::IndexExhausted);
        }
        if claim.run > self.run {
            if claim.from_keyframe && matches!(claim.mark, KeyframeMark::NotStart) {
                return Err(DropReason::AwaitingKeyframe);
            }
            self.switch_to(claim);
        }
        if claim.index < self.in_base {
            return Err(DropReason::BeforeBase);
        }
        let placed = self.out_base + (claim.index - self.in_base);
        let furthest = self.out_max + MAX_JUMP;
        let index = if placed > furthest { furthest } else { placed };
        if index >= INDEX_LIMIT {
            return Err(DropReason::IndexExhausted);
        }
        if placed > furthest {
            // What lies before this packet can no longer be placed.
            self.in_base = claim.index;
            self.out_base = index;
        }
        let timestamp = claim.timestamp.wrapping_add(self.timestamp_offset);
        if index > self.out_max {
            self.out_max = index;
            self.timestamp_max = timestamp;
        }
        Ok(Outgoing { index, timestamp })
    }

    #[inline(always)]
    fn switch_to(&mut self, claim: &Claim) {
        let step = if self.run == 0 { 0 } else { claim.kind.switch_step() };
        self.run = claim.run;
        self.in_base = claim.index;
        self.out_base = self.out_max + 1;
        self.timestamp_offset = self.timestamp_max.wrapping_add(step).wrapping_sub(claim.timestamp);
    }

    /// Generation of the source the slot carries; 0 = none yet.
    pub const fn run(&self) -> u64 {
        self.run
    }

    /// Copies handed out.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// UDP payload bytes of those copies, as their sources sent them.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Copies refused.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}
