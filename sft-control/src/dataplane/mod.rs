//! The two lanes behind one trait: what carries packets according to a [`ConferenceTable`].
//!
//! A lane owns all state that moves with packets (replay windows, slot state, speaker cells, counters).
//! It decides nothing about who is subscribed to whom, and it learns no address from media.

use std::net::SocketAddr;

use sft_common::{drops::DropReason, maps::Profile};

use crate::core::table::{ConferenceId, ConferenceTable, Layer, LegId, Speaker, Speakers};

pub mod compile;
pub mod lanes;
pub mod learning;
pub mod object;
pub mod user;
pub mod xdp;

/// An address pair that ICE has validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Our socket's own address (not the advertised one).
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// SRTP *session* keys of one direction (RFC 3711 section 4.3), RTP only.
#[derive(Clone, PartialEq, Eq, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct SessionKey {
    #[zeroize(skip)]
    pub profile: Profile,
    /// 16 or 32 bytes.
    pub encryption: Vec<u8>,
    /// 20 bytes for HMAC-SHA1, empty for AEAD.
    pub authentication: Vec<u8>,
    /// 12 or 14 bytes.
    pub salt: Vec<u8>,
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionKey({})", self.profile.name())
    }
}

/// Both directions of a leg.
#[derive(Clone, Debug)]
pub struct LegKeys {
    /// Leg to us.
    pub receive: SessionKey,
    /// Us to leg.
    pub transmit: SessionKey,
}

/// Why a lane cannot do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaneError {
    /// A bounded map has no room; refuse the join.
    #[error("forwarding map {map} is full ({limit} records): raise the limit or use another server")]
    Full { map: &'static str, limit: usize },
    /// The kernel lane cannot carry this conference; it belongs in the userspace lane.
    #[error("kernel lane cannot carry conference {conference:?}: {reason}")]
    NotCarried { conference: ConferenceId, reason: String },
    /// DTLS gave a key that its profile cannot use.
    #[error(transparent)]
    Key(#[from] crate::srtp::KeyError),
    /// The kernel refused an operation.
    #[error("{operation}: {reason}")]
    Kernel { operation: &'static str, reason: String },
}

/// Exact state of one conference, to hand it from one lane to the other.
#[derive(Clone, Debug, Default)]
pub struct ConferenceState {
    /// By leg and SSRC.
    pub sources: Vec<(LegId, u32, sft_common::source::SourceState)>,
    /// By receiver and slot SSRC.
    pub slots: Vec<(LegId, u32, sft_common::slot::SlotState)>,
    /// Raw speaker cells: (run, holder).
    pub speakers: [(u32, Option<LegId>); sft_common::maps::AUDIO_SLOTS],
}

/// One source as a lane sees it, for RTCP receiver reports, speaker ranking, layer choice and the CLI.
#[derive(Clone, Copy, Debug)]
pub struct SourceReading {
    pub leg: LegId,
    pub ssrc: u32,
    pub stats: sft_common::source::SourceStats,
}

/// One slot as a lane sees it, for the end of pending switches, sender reports, and the CLI.
#[derive(Clone, Copy, Debug)]
pub struct SlotReading {
    pub receiver: LegId,
    pub ssrc: u32,
    /// The run that the slot is at, of the subscription or of the speaker cell.
    pub run: u32,
    /// Copies, and RTP payload bytes in them.
    pub packets: u64,
    pub bytes: u64,
    pub dropped: u64,
    /// RTP timestamp of the newest copy, and when its packet came: CLOCK_MONOTONIC in ns, 0 = never.
    pub timestamp: u32,
    pub arrival_ns: u64,
    /// Timestamps of the slot minus those of the source that it is at.
    pub timestamp_offset: u32,
}

impl SlotReading {
    pub fn of(receiver: LegId, state: &sft_common::slot::SlotState) -> SlotReading {
        SlotReading {
            receiver,
            ssrc: state.ssrc,
            run: (state.run >> 32) as u32,
            packets: state.packets,
            bytes: state.bytes,
            dropped: state.dropped(),
            timestamp: state.timestamp,
            arrival_ns: state.arrival,
            timestamp_offset: state.timestamp_offset,
        }
    }
}

/// A packet with a transport-wide sequence number, in order of sequence numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub sequence: u16,
    /// CLOCK_MONOTONIC.
    pub micros: u64,
}

/// Totals since start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub audio_copies: u64,
    pub video_copies: u64,
    pub audio_bytes: u64,
    pub video_bytes: u64,
    /// RTP packets that entered the lane.
    pub rtp_received: u64,
    /// RTP packets that the kernel lane passed up.
    pub rtp_passed: u64,
    /// Packets opened and copies sealed by the kernel lane with key stream that had been prepared, and with
    /// key stream that it had to compute.
    pub keystream_prepared: u64,
    pub keystream_computed: u64,
    /// By [`DropReason`] number.
    pub drops: Vec<(DropReason, u64)>,
}

/// What a lane does. All calls are cheap enough for the engine's thread; none blocks on the network.
pub trait Lane {
    /// A leg whose DTLS handshake gave keys. It receives and sends nothing before a table names it.
    fn install_leg(&mut self, conference: ConferenceId, leg: LegId, keys: &LegKeys) -> Result<(), LaneError>;
    /// Accept this leg's packets from a pair that ICE validated (added to the earlier ones).
    fn accept_tuple(&mut self, leg: LegId, tuple: Tuple) -> Result<(), LaneError>;
    /// Send copies for this leg over the selected pair from now on.
    fn select_tuple(&mut self, leg: LegId, tuple: Tuple) -> Result<(), LaneError>;
    /// Forget a leg: keys, tuples, sources, slots.
    fn remove_leg(&mut self, leg: LegId);
    /// Let at most `packets` more packets of unknown SSRCs of this leg reach the control plane.
    fn allow_learning(&mut self, leg: LegId, packets: u32);
    /// Carry this table from now on. Sources and slots that stay keep their state; a new source
    /// starts with the index of the packet it was learned from, if there is one.
    fn publish(&mut self, table: &ConferenceTable) -> Result<(), LaneError>;
    /// Forget a conference.
    fn remove_conference(&mut self, conference: ConferenceId);
    /// A source learned from an authenticated packet with this index: its replay window starts there.
    fn learned(&mut self, leg: LegId, ssrc: u32, index: u64);
    /// Who holds the audio slots.
    fn speakers(&self, conference: ConferenceId) -> Speakers;
    /// Give audio slot `slot` to `next` if `holder` still holds it (None = free it / it is free).
    fn replace_speaker(
        &mut self,
        conference: ConferenceId,
        slot: u8,
        holder: Option<Speaker>,
        next: Option<LegId>,
    ) -> bool;
    /// All sources of a conference.
    fn sources(&self, conference: ConferenceId) -> Vec<SourceReading>;
    /// All slots of a conference.
    fn slots(&self, conference: ConferenceId) -> Vec<SlotReading>;
    /// One slot of a leg, by its place among the leg's slots; the audio slots come first.
    fn slot(&self, receiver: LegId, place: usize) -> Option<SlotReading>;
    /// All slots of a leg in their order, the audio slots first; none before a table names the leg.
    fn slots_of(&self, receiver: LegId) -> Vec<SlotReading>;
    /// Arrivals with transport-wide sequence numbers since the last call for this leg.
    fn take_arrivals(&mut self, leg: LegId, into: &mut Vec<Arrival>);
    /// Take a conference out, with its exact state; afterwards the lane forwards nothing of it, and passes
    /// up what its legs send until they are removed. It is still told of legs and pairs that join, which
    /// it passes up too, even if it never knew the conference.
    fn export(&mut self, conference: ConferenceId) -> Option<ConferenceState>;
    /// Continue a conference where another lane stopped. Called after legs, tuples and `publish`.
    fn import(&mut self, conference: ConferenceId, state: ConferenceState);
    fn counters(&self) -> Counters;
}

/// Name a layer by its SSRC: used in readings and tables alike.
pub fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::Low => "low",
        Layer::High => "high",
    }
}
