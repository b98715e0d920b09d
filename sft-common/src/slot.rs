//! One output slot of a receiver: which source it is at, and the index and timestamp of every copy.
//!
//! The rule that all else serves: an output index is handed out once, since (key, SSRC, index) is the
//! nonce of the encryption. It rests on two facts the owner keeps: all packets of one run come from one
//! source, and the source lets every index in once.

use crate::{
    drops::DropReason,
    extension::KeyframeMark,
    index::INDEX_END,
    maps::{Kind, bpf_spin_lock},
};

/// Furthest that one packet may move the output index ahead. RFC 3711 section 3.3.1 lets a receiver
/// follow less than 2^15; a quarter of that leaves it room to lose packets besides.
pub const MAX_ADVANCE: u64 = 8192;
/// Furthest that a switch may move the timestamp ahead, in ticks: 3 hours of video, 6 of audio. Half the range is
/// where a receiver takes it for a step back (RFC 3550 appendix A.1 does the same for sequence numbers).
pub const MAX_TIMESTAMP_STEP: u64 = 1 << 30;

/// State of one slot. Indices are 48-bit packet indices.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotState {
    /// The run that the slot is at; see "Runs" in docs/architecture.md.
    pub run: u64,
    /// Lowest input index of this run that is forwarded.
    pub in_base: u64,
    /// Output index of `in_base`.
    pub out_base: u64,
    /// Highest output index handed out; before the first packet, the one it will get.
    pub out_max: u64,
    /// When the packet of `out_max` arrived, CLOCK_MONOTONIC in ns.
    pub arrival: u64,
    /// Copies handed out.
    pub packets: u64,
    /// RTP payload bytes in them, padding included.
    pub bytes: u64,
    /// Copies dropped: `superseded`.
    pub superseded: u64,
    /// Copies dropped: `awaiting_keyframe`.
    pub awaiting_keyframe: u64,
    /// Copies dropped: `before_base`.
    pub before_base: u64,
    /// SSRC of the slot.
    pub ssrc: u32,
    /// 0 until the first packet, then 1.
    pub started: u32,
    /// Output minus input timestamp in this run.
    pub timestamp_offset: u32,
    /// Output timestamp of `out_max`; before the first packet, the one it will get.
    pub timestamp: u32,
    /// Highest frame id handed out; before the first, 0.
    pub frame_id: u16,
    /// Output minus input frame id in this run.
    pub frame_offset: u16,
    /// 0 until a frame of this run has begun, then 1.
    pub framed: u32,
}

/// A packet that asks for its place in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incoming {
    pub kind: Kind,
    /// See [`crate::decision::run_of`].
    pub run: u64,
    /// The slot may turn to this run at the start of a key frame only, if the source marks them.
    pub from_keyframe: bool,
    pub mark: KeyframeMark,
    /// [`crate::source::Admitted::effective`].
    pub index: u64,
    /// Of the frame that the packet begins, if the source numbers them.
    pub frame_id: Option<u16>,
    pub timestamp: u32,
    /// Of the packet, the same for all its copies; CLOCK_MONOTONIC in ns.
    pub arrival: u64,
    /// RTP payload without tag, padding included.
    pub bytes: u32,
}

/// The place it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Below [`INDEX_END`]; the low 16 bits are the sequence number.
    pub index: u64,
    pub timestamp: u32,
    /// In place of the incoming one.
    pub frame_id: Option<u16>,
}

impl SlotState {
    /// A slot whose first packet gets this index and timestamp.
    pub const fn starting(ssrc: u32, index: u64, timestamp: u32) -> SlotState {
        SlotState {
            run: 0,
            in_base: 0,
            out_base: 0,
            out_max: index,
            arrival: 0,
            packets: 0,
            bytes: 0,
            superseded: 0,
            awaiting_keyframe: 0,
            before_base: 0,
            ssrc,
            started: 0,
            timestamp_offset: 0,
            timestamp,
            frame_id: 0,
            frame_offset: 0,
            framed: 0,
        }
    }

    /// Copies that ended at this slot.
    pub const fn dropped(&self) -> u64 {
        self.superseded + self.awaiting_keyframe + self.before_base
    }

    /// Gives a packet its place. Under the slot's lock.
    ///
    /// # Errors
    /// `Superseded`, `AwaitingKeyframe` and `BeforeBase`, counted here, and `IndexExhausted`.
    #[inline(always)]
    pub fn commit(&mut self, packet: &Incoming) -> Result<Outgoing, DropReason> {
        if self.started == 0 || packet.run > self.run {
            self.switch(packet)
        } else if packet.run < self.run {
            self.superseded += 1;
            Err(DropReason::Superseded)
        } else {
            self.proceed(packet)
        }
    }

    /// The first packet of a newer run takes the next index: what came before is not its loss.
    #[inline(always)]
    fn switch(&mut self, packet: &Incoming) -> Result<Outgoing, DropReason> {
        if packet.from_keyframe && matches!(packet.mark, KeyframeMark::NotStart) {
            self.awaiting_keyframe += 1;
            return Err(DropReason::AwaitingKeyframe);
        }
        let (index, timestamp) = if self.started == 0 {
            (self.out_max, self.timestamp)
        } else {
            (self.out_max + 1, self.timestamp.wrapping_add(self.step_to(packet)))
        };
        if index >= INDEX_END {
            return Err(DropReason::IndexExhausted);
        }
        self.started = 1;
        self.run = packet.run;
        self.in_base = packet.index;
        self.out_base = index;
        self.out_max = index;
        self.timestamp_offset = timestamp.wrapping_sub(packet.timestamp);
        self.timestamp = timestamp;
        self.arrival = packet.arrival;
        self.framed = 0;
        let frame_id = self.number_frame(packet, index, true);
        Ok(self.count(packet, Outgoing { index, timestamp, frame_id }))
    }

    /// How far the timestamp moves at a switch: as the time since the newest copy has, so that receivers find
    /// the packet neither late nor early. Two sources hardly ever send at the same instant, and one packet
    /// must not seem to be a part of what the other holds: hence the least step.
    #[inline(always)]
    fn step_to(&self, packet: &Incoming) -> u32 {
        let micros = packet.arrival.saturating_sub(self.arrival) / 1000;
        let ticks = micros * packet.kind.ticks_per_ms() as u64 / 1000;
        let least = packet.kind.least_switch_step();
        if ticks > MAX_TIMESTAMP_STEP {
            MAX_TIMESTAMP_STEP as u32
        } else if ticks > least as u64 {
            ticks as u32
        } else {
            least
        }
    }

    /// Within a run the output keeps the input's distances, so that a loss shows as what it is.
    #[inline(always)]
    fn proceed(&mut self, packet: &Incoming) -> Result<Outgoing, DropReason> {
        if packet.index < self.in_base {
            self.before_base += 1;
            return Err(DropReason::BeforeBase);
        }
        let mut in_base = self.in_base;
        let mut out_base = self.out_base;
        let mut index = out_base + (packet.index - in_base);
        if index > self.out_max + MAX_ADVANCE {
            // Shorten the gap: late packets up to MAX_ADVANCE - 1 before this one still find their
            // place behind everything handed out so far, older ones are before the new base.
            in_base = packet.index - (MAX_ADVANCE - 1);
            out_base = self.out_max + 1;
            index = self.out_max + MAX_ADVANCE;
        }
        if index >= INDEX_END {
            return Err(DropReason::IndexExhausted);
        }
        self.in_base = in_base;
        self.out_base = out_base;
        let timestamp = packet.timestamp.wrapping_add(self.timestamp_offset);
        let newest = index > self.out_max;
        if newest {
            self.out_max = index;
            self.timestamp = timestamp;
            self.arrival = packet.arrival;
        }
        let frame_id = self.number_frame(packet, index, newest);
        Ok(self.count(packet, Outgoing { index, timestamp, frame_id }))
    }

    /// The first frame of a run gets the next number, whatever it was; the others keep their distance, since
    /// frames name those that they depend on by it. `index` is the packet's place.
    #[inline(always)]
    fn number_frame(&mut self, packet: &Incoming, index: u64, newest: bool) -> Option<u16> {
        let id = packet.frame_id?;
        let mut out = id.wrapping_add(self.frame_offset);
        let mut advance = out.wrapping_sub(self.frame_id) as i16;
        let restarts = newest && advance <= 0 && matches!(packet.mark, KeyframeMark::Start);
        if self.framed == 0 || restarts {
            // What was sent before it comes too late: it belongs to frames whose numbers are taken.
            self.in_base = packet.index;
            self.out_base = index;
            advance = 1;
            out = self.frame_id.wrapping_add(1);
            self.frame_offset = out.wrapping_sub(id);
            self.framed = 1;
        }
        if advance > 0 {
            self.frame_id = out;
        }
        Some(out)
    }

    #[inline(always)]
    fn count(&mut self, packet: &Incoming, outgoing: Outgoing) -> Outgoing {
        self.packets += 1;
        self.bytes += packet.bytes as u64;
        outgoing
    }
}

/// Value of `SLOTS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct LockedSlot {
    /// Held by whoever reads or changes the state.
    pub lock: bpf_spin_lock,
    /// Always 0.
    pub pad: u32,
    /// What the lock guards.
    pub state: SlotState,
}
