//! What ingress tells egress about a packet: the value of the per-CPU map `FLIGHT`.
//!
//! Ingress takes the next number, fills the record of that number and puts the number into the frame's
//! metadata. The copies are made and egress runs for each of them on the same CPU before the next
//! packet's ingress could come round the ring. Egress finds the record by the number, compares it, and
//! counts `next_copy` up: copy n is for entry `list_offset + n`.

use crate::maps::FLIGHTS;

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

/// One packet whose copies are on their way. All lengths are in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// Index that slots count with (`source::Admitted::effective`).
    pub effective: u64,
    /// Number of the packet on this CPU; its record is at `id % FLIGHTS`.
    pub id: u32,
    /// Copies identified so far.
    pub next_copy: u32,
    /// First entry in `ENTRIES`.
    pub list_offset: u32,
    /// Number of entries; a copy beyond it is none of ours.
    pub list_len: u32,
    /// A copy for this leg ends at egress and is not a drop.
    pub source_leg: u32,
    /// Names the source to receivers.
    pub csrc: u32,
    /// `maps::Kind` as a number.
    pub kind: u32,
    /// Audio: the speaker's slot, added to `ListEntry::slot`; video: 0.
    pub slot_offset: u32,
    /// Audio: run of the speaker cell or of the reserved slot; video: 0.
    pub run_high: u32,
    /// Audio: `source::Admitted::gate_run`; video: 0.
    pub gate_run: u32,
    /// `extension::KeyframeMark` as a number.
    pub mark: u32,
    /// RTP timestamp as it came in.
    pub timestamp: u32,
    /// UDP payload of the packet as it came in, tag included.
    pub udp_payload: u16,
    /// Where the UDP payload starts in the frame.
    pub payload_offset: u16,
    /// RTP header with CSRCs and extension, as it came in.
    pub header_len: u16,
    /// RTP payload without tag, padding included.
    pub payload_len: u16,
    /// First two bytes of the RTP header.
    pub first: u8,
    pub second: u8,
    /// CSRCs in the RTP header as it came in.
    pub csrc_count: u8,
    pub pad: [u8; 5],
}

/// The records of one CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Flights {
    /// Number of the next packet.
    pub next: u32,
    pub pad: u32,
    pub flights: [Flight; FLIGHTS],
}

impl Flight {
    /// Place of packet `id` in the ring.
    #[inline(always)]
    pub const fn place(id: u32) -> usize {
        id as usize & (FLIGHTS - 1)
    }
}

const _: () = assert!(FLIGHTS.is_power_of_two());
