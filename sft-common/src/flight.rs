//! What ingress tells egress about a packet: the value of the per-CPU map `FLIGHT`.
//!
//! Ingress takes the next number, fills the record of that number and puts the number into the frame's
//! metadata. The copies are made and egress runs for each of them on the same CPU before the next
//! packet's ingress could come round the ring. Egress finds the record by the number, compares it, and
//! counts `next_copy` up.
//!
//! One broadcast makes the copies of one *stage*, [`MAX_REPLICATION`] at most. If more are to be made, one frame
//! of the broadcast goes through the chain, a pair of devices, to the next stage and takes its record along
//! ([`Onward`]).

use crate::{
    list::List,
    maps::{FLIGHTS, MAX_REPLICATION},
};

/// In front of a frame between ingress and egress (XDP metadata).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// [`MAGIC`]: whatever else put metadata there did not mean us.
    pub magic: u32,
    /// [`Flight::id`].
    pub id: u32,
}

/// "SFT1"
pub const MAGIC: u32 = 0x5346_5431;

/// How long the copies of a packet may take until the last stage begins, in ns. Numbers that the record refers to
/// rest for longer before they are used again.
pub const LIFE: u64 = 250_000_000;

/// In front of a frame on its way to the next stage (XDP metadata).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Onward {
    pub flight: Flight,
    pub metadata: Metadata,
}

/// One packet whose copies are on their way. All lengths are in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// Index that slots count with: that of the packet, less the padding-only packets skipped before it.
    pub effective: u64,
    /// Arrival of the packet, CLOCK_MONOTONIC in ns.
    pub arrival: u64,
    /// The receivers, as in [`crate::maps::SourceControl::list`].
    pub list: u64,
    /// Number of the packet on this CPU; its record is at `id % FLIGHTS`.
    pub id: u32,
    /// Copies identified so far, those of earlier stages included.
    pub next_copy: u32,
    /// Number of copies when this stage is done.
    pub end_copy: u32,
    /// Which of the receivers copy 0 is for; follows from the timestamp ([`crate::list::first_receiver`]).
    pub first_receiver: u32,
    /// The leg that sent the packet.
    pub source_leg: u32,
    /// Names the source to receivers.
    pub csrc: u32,
    /// [`crate::maps::Kind`] as a number.
    pub kind: u32,
    /// Audio: the speaker's slot, added to [`crate::maps::ListEntry::slot`]; video: 0.
    pub slot_offset: u32,
    /// Audio: run of the speaker cell; video: 0.
    pub run_high: u32,
    /// Audio: number of the sender's stretch of speech, from 1 on; video: 0.
    pub gate_run: u32,
    /// [`crate::extension::KeyframeMark`] as a number.
    pub mark: u32,
    /// RTP timestamp as it came in.
    pub timestamp: u32,
    /// Where the UDP payload starts in the frame.
    pub payload_offset: u16,
    /// RTP header with CSRCs and extension, as it came in.
    pub header_len: u16,
    /// RTP payload without tag, padding included.
    pub payload_len: u16,
    /// Number of the frame that the packet begins, as it came in.
    pub frame_id: u16,
    /// First byte of the RTP header: version, padding, extension, number of CSRCs.
    pub first: u8,
    /// Second byte of the RTP header: marker, payload type.
    pub second: u8,
    /// CSRCs in the RTP header as it came in.
    pub csrc_count: u8,
    /// Where the frame's number is in the packet as it came in; 0 = the packet begins no frame.
    pub frame_id_offset: u8,
    /// Always 0.
    pub pad: [u8; 4],
}

/// Value of `FLIGHT`: the packets of one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Flights {
    /// Number of the next packet.
    pub next: u32,
    /// Always 0.
    pub pad: u32,
    /// Packet `id` is at `id % FLIGHTS`.
    pub flights: [Flight; FLIGHTS],
}

impl Flight {
    /// Place of packet `id` in the ring.
    #[inline(always)]
    pub const fn place(id: u32) -> usize {
        id as usize & (FLIGHTS - 1)
    }

    /// The record of the stage that begins with copy `copy`.
    #[inline(always)]
    pub const fn stage(self, copy: u32) -> Flight {
        let left = List::from_word(self.list).copies().saturating_sub(copy);
        let copies = if left > MAX_REPLICATION as u32 { MAX_REPLICATION as u32 } else { left };
        Flight { next_copy: copy, end_copy: copy + copies, ..self }
    }

    /// Which replicator makes the copies of this stage, before the first is made.
    #[inline(always)]
    pub const fn replicator(&self) -> u32 {
        if self.left() > 0 { REPLICATE_AND_GO_ON } else { self.end_copy.wrapping_sub(self.next_copy) }
    }

    /// Copies of later stages.
    #[inline(always)]
    pub const fn left(&self) -> u32 {
        List::from_word(self.list).copies().saturating_sub(self.end_copy)
    }

    /// Number in `ENTRIES` of the receiver of copy `copy`.
    #[inline(always)]
    pub const fn entry_of(&self, copy: u32) -> u32 {
        List::from_word(self.list).entry_of(self.first_receiver, copy)
    }
}

/// Number of the replicator that makes as many copies as a stage can have and one frame for the next stage.
pub const REPLICATE_AND_GO_ON: u32 = MAX_REPLICATION as u32 + 1;

const _: () = assert!(FLIGHTS.is_power_of_two());
