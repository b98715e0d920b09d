//! What the server tells about itself: one document for the CLI and for metrics. Keys are not in it.

use serde::{Deserialize, Serialize};

use crate::{
    core::table::{ConferenceId, Layer, LegId},
    dataplane::{
        lanes::{LaneName, LaneStatus},
        xdp::KeystreamReading,
    },
};

/// State of everything at one instant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    pub server: ServerStatus,
    pub calls: Vec<CallStatus>,
    pub legs: Vec<LegStatus>,
}

/// The process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerStatus {
    pub version: String,
    pub pid: u32,
    pub uptime_seconds: u64,
    pub public_url: String,
    /// Media addresses, `local` or `local=public`.
    pub media: Vec<String>,
    /// `auto`, `xdp` or `userspace`.
    pub dataplane: String,
    /// The lane a new conference gets, and why.
    pub lane: LaneStatus,
    pub pin_dir: Option<String>,
    /// New conferences are refused.
    pub draining: bool,
    pub totals: Totals,
    /// Every reason, also those that never occurred.
    pub refused_joins: Vec<RefusalTotal>,
    pub lanes: Vec<LaneTotals>,
    /// `None` without a kernel lane.
    pub keystream: Option<KeystreamStatus>,
    /// RTP packets that entered the media port and were finished in the kernel, over all that entered;
    /// `None` before the first.
    pub fast_path_ratio: Option<f64>,
}

/// Key stream that the kernel lane prepares ahead of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeystreamStatus {
    /// The thread that prepares it.
    #[serde(flatten)]
    pub reading: KeystreamReading,
    /// Packets opened and copies sealed with what had been prepared.
    pub used: u64,
    /// The same with key stream that the programs had to compute.
    pub computed: u64,
}

/// Calls and participants, as the original counts them (sft-protocol.md 3.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub calls: u64,
    pub participants: u64,
    pub calls_since_start: u64,
    pub participants_since_start: u64,
}

/// Joins refused for one reason since the start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefusalTotal {
    pub reason: String,
    pub count: u64,
}

/// Totals of one lane since the start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LaneTotals {
    pub lane: LaneName,
    pub audio_copies: u64,
    pub video_copies: u64,
    /// UDP payload.
    pub audio_bytes: u64,
    pub video_bytes: u64,
    pub rtp_received: u64,
    /// Every reason, also those that never occurred.
    pub drops: Vec<DropTotal>,
}

/// Packets and copies dropped for one reason.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DropTotal {
    pub reason: String,
    pub count: u64,
}

/// A conference.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallStatus {
    pub call: ConferenceId,
    /// Group id as in the join's path.
    pub group: String,
    pub lane: LaneStatus,
    pub legs: usize,
    /// Legs whose data channel is open.
    pub established: usize,
    pub sources: usize,
    /// Copies to its present legs, and RTP payload in them.
    pub copies: u64,
    pub bytes: u64,
}

/// A leg.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LegStatus {
    pub leg: LegId,
    pub call: ConferenceId,
    pub group: String,
    /// The client's user hash.
    pub user: String,
    pub state: String,
    /// SRTP profile, once there are keys.
    pub profile: Option<String>,
    /// Remote address of the selected pair.
    pub remote: Option<String>,
    /// To the client and back in ms, as its last reception report has it.
    pub round_trip_ms: Option<f64>,
    pub sends: Vec<SourceStatus>,
    pub receives: Vec<SlotStatus>,
}

/// A stream that a leg sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceStatus {
    /// `audio` or `video`.
    pub kind: String,
    /// Video only.
    pub layer: Option<Layer>,
    pub ssrc: u32,
    /// Legs that are subscribed, or may hear it.
    pub receivers: usize,
    pub packets: u64,
    pub bytes: u64,
    /// Audio: smoothed, in -dBov.
    pub level: Option<u8>,
    pub keyframes: u64,
}

/// A slot of a leg that receives something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SlotStatus {
    /// `audio` or `video`.
    pub kind: String,
    /// Number among the slots of its kind.
    pub slot: usize,
    pub ssrc: u32,
    /// Who is in it, by user hash.
    pub from: Option<String>,
    /// Video only.
    pub layer: Option<Layer>,
    /// Video: a switch to `layer` waits for its key frame.
    pub pending: bool,
    pub packets: u64,
    /// RTP payload.
    pub bytes: u64,
    pub dropped: u64,
}
