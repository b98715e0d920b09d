//! Keys and values of the forwarding maps: the one definition that the XDP programs, the lanes and the
//! CLI read.
//!
//! Three kinds of record:
//! * *immutable* records (`LegRecord`, `KeyRecord`, `SourceRecord`, `PathRecord`, `ListEntry`): written
//!   before anything refers to them, never edited, recycled after an RCU grace period;
//! * *references* (`SourceControl`, `LegControl`, `SpeakerCells`): single `u64` words in mmap-ed arrays,
//!   switched by one atomic store, which is how a table change is published;
//! * *state* (`LockedSource`, `LockedSlot`): owned by the programs, changed under the record's lock.
//!
//! Multi-byte fields are in host order unless the field says otherwise. Addresses are 16 bytes in
//! network order, IPv4 as `::ffff:a.b.c.d`.

use crate::drops::DropReason;

/// Longest RTP header, CSRCs and extensions included, that a lane takes in, in bytes.
pub const MAX_RTP_HEADER: usize = 124;
/// Longest RTP payload (without tag) that a lane takes in, in bytes.
pub const MAX_PAYLOAD: usize = 1472;
/// Audio slots a conference shares: slot 0 for the key generator, the rest for speakers.
pub const AUDIO_SLOTS: usize = 5;
/// Video slots a receiver may have at most (`vstreams`, sft-protocol.md 3.5).
pub const MAX_VIDEO_SLOTS: usize = 32;
/// Copies that one replicator (one devmap broadcast) makes at most. It bounds the time for which a packet holds
/// its CPU.
pub const MAX_REPLICATION: usize = 64;
/// Entries of the transport-wide arrival ring of a leg.
pub const ARRIVALS: usize = 1024;
/// Packets in flight between ingress and egress that a CPU can tell apart; a power of two.
pub const FLIGHTS: usize = 64;

/// Name of a map, as in the eBPF object, the pin directory and the CLI.
pub mod name {
    pub const CONFIG: &str = "CONFIG";
    pub const LOCAL: &str = "LOCAL";
    pub const TUPLES: &str = "TUPLES";
    pub const LEGS: &str = "LEGS";
    pub const LEG_CONTROL: &str = "LEG_CONTROL";
    pub const KEYS: &str = "KEYS";
    pub const SOURCE_IDS: &str = "SOURCE_IDS";
    pub const SOURCES: &str = "SOURCES";
    pub const SOURCE_CONTROL: &str = "SOURCE_CONTROL";
    pub const SOURCE_STATE: &str = "SOURCE_STATE";
    pub const SOURCE_STATS: &str = "SOURCE_STATS";
    pub const SPEAKERS: &str = "SPEAKERS";
    pub const ENTRIES: &str = "ENTRIES";
    pub const REPLICATORS: &str = "REPLICATORS";
    pub const PATHS: &str = "PATHS";
    pub const SLOTS: &str = "SLOTS";
    pub const ARRIVALS: &str = "ARRIVALS";
    pub const FLIGHT: &str = "FLIGHT";
    pub const DROPS: &str = "DROPS";
    pub const COUNTERS: &str = "COUNTERS";
    pub const SLOT_RINGS: &str = "SLOT_RINGS";
    pub const SOURCE_RINGS: &str = "SOURCE_RINGS";
    pub const KEYSTREAM_SHORT: &str = "KEYSTREAM_SHORT";
    pub const KEYSTREAM_LONG: &str = "KEYSTREAM_LONG";
}

/// `LOCAL` (hash): our own media addresses; RTP to any other address is not ours and is passed on.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LocalKey {
    pub address: [u8; 16],
    /// Network order.
    pub port: [u8; 2],
    pub pad: [u8; 2],
}

/// `TUPLES` (hash) key: an address pair that ICE has validated for one leg. Value: leg number (`u32`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TupleKey {
    pub local: [u8; 16],
    pub remote: [u8; 16],
    /// Network order.
    pub local_port: [u8; 2],
    /// Network order.
    pub remote_port: [u8; 2],
}

/// `LEGS` (array, by leg number): what ingress needs of a leg. Immutable.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegRecord {
    /// Number of the receive key in `KEYS`.
    pub receive_key: u32,
    /// Conference number, for the CLI and `SPEAKERS`.
    pub conference: u32,
}

/// `LEG_CONTROL` (mmap-ed array, by leg number).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegControl {
    /// Where copies for this leg go: `path << 32 | transmit key`, [`NO_EGRESS`] while unknown.
    pub egress: u64,
    /// [`LEG_PASS`] or 0.
    pub flags: u64,
    /// Packets of unknown SSRCs that may still be passed to the control plane for learning.
    /// Refilled by the control plane while it has something to learn.
    pub learning: u64,
}

/// Neither path nor key.
pub const NO_EGRESS: u64 = u64::MAX;
/// This leg's conference is carried by the userspace lane: pass its RTP up.
pub const LEG_PASS: u64 = 1;

/// SRTP protection profile of a key (RFC 5764 section 4.1.2, RFC 7714 section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Profile {
    AeadAes128Gcm = 0,
    AeadAes256Gcm = 1,
    Aes128CmHmacSha1_80 = 2,
}

impl Profile {
    /// Length of the authentication tag in bytes.
    pub const fn tag_len(self) -> usize {
        match self {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => 16,
            Profile::Aes128CmHmacSha1_80 => 10,
        }
    }
    /// Length of the encryption key in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Profile::AeadAes128Gcm | Profile::Aes128CmHmacSha1_80 => 16,
            Profile::AeadAes256Gcm => 32,
        }
    }
    /// Length of the salt in bytes.
    pub const fn salt_len(self) -> usize {
        match self {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => 12,
            Profile::Aes128CmHmacSha1_80 => 14,
        }
    }
    /// The profile's name in the IANA registry of DTLS-SRTP.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Profile::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Profile::Aes128CmHmacSha1_80 => "AES128_CM_HMAC_SHA1_80",
        }
    }
}

/// `KEYS` (array, by key number): one direction's SRTP session key, expanded for the programs.
/// Immutable. Never shown by the CLI.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct KeyRecord {
    /// Session salt, 12 or 14 bytes, rest 0, as little-endian words of its bytes.
    pub salt: [u32; 4],
    /// Always 1. The verifier does not know that, which keeps its walk over our loops short.
    pub one: u64,
    /// Names this key among all that were ever installed: `leg << 32 | number of the installation`.
    pub epoch: u64,
    /// [`Profile`] as a number.
    pub profile: u32,
    pub pad: u32,
    /// AES round keys, 44 or 60 words, as little-endian words of their bytes.
    pub round_keys: [u32; 60],
    /// GHASH table: 8 nibble positions of a 32-bit quarter, 16 values each, as (high, low) halves.
    pub ghash: [[u64; 2]; 128],
    /// SHA-1 state after the HMAC key's inner and outer pad.
    pub hmac_inner: [u32; 5],
    pub hmac_outer: [u32; 5],
}

/// `SOURCE_IDS` (hash) key: an SSRC of a leg. Value: source number (`u32`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SourceKey {
    pub leg: u32,
    pub ssrc: u32,
}

/// What a source sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Kind {
    Audio = 0,
    Video = 1,
}

impl Kind {
    /// The kind with this number, as [`SourceRecord::kind`] holds it.
    #[inline(always)]
    pub const fn from_number(number: u32) -> Kind {
        if number == Kind::Audio as u32 { Kind::Audio } else { Kind::Video }
    }
    /// Name in metrics and the CLI.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Audio => "audio",
            Kind::Video => "video",
        }
    }
    /// RTP clock ticks per millisecond.
    pub const fn ticks_per_ms(self) -> u32 {
        match self {
            Kind::Audio => 48,
            Kind::Video => 90,
        }
    }
    /// Timestamp step between two sources in one slot (sft-protocol.md 10.1).
    pub const fn switch_step(self) -> u32 {
        match self {
            Kind::Audio => 1920,
            Kind::Video => 9000,
        }
    }
}

/// `SOURCES` (array, by source number): what does not change about a source. Immutable.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceRecord {
    /// Repeats the key, so that a recycled number is noticed.
    pub leg: u32,
    pub ssrc: u32,
    /// CSRC that names this source to receivers (sft-protocol.md 10.6).
    pub csrc: u32,
    /// [`Kind`] as a number.
    pub kind: u32,
    /// Index into `SPEAKERS`; audio only.
    pub conference: u32,
    pub pad: u32,
}

/// `SOURCE_CONTROL` (mmap-ed array, by source number).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceControl {
    /// The receivers: [`crate::list::List::to_word`]; 0 = nobody.
    pub list: u64,
    /// Audio: `run << 32 | 1` for the key generator, who holds slot 0 whatever its level; else 0.
    pub reserved_slot: u64,
}

/// `ENTRIES` (array): one receiver of one list. Immutable. All sources of a conference can share a list.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ListEntry {
    /// Receiving leg.
    pub leg: u32,
    /// Audio: number of the receiver's slot 0 in `SLOTS` (the speaker's slot is added to it).
    /// Video: number of the slot in `SLOTS`.
    pub slot: u32,
    /// Video: this subscription's run in the slot. Audio: 0 (the run comes from the speaker cell).
    pub run: u32,
    /// [`ENTRY_FROM_KEYFRAME`] or 0.
    pub flags: u32,
}

/// The slot may only switch to this run at the start of a key frame, if the source marks them.
pub const ENTRY_FROM_KEYFRAME: u32 = 1;

/// `SPEAKERS` (mmap-ed array, by conference number): who holds the audio slots.
/// Cell i (1..[`AUDIO_SLOTS`]) is `run << 32 | source number + 1`; low half 0 = free. A run number
/// grows with every change of its cell and is never reused. Changed by compare-and-exchange only.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpeakerCells {
    pub cells: [u64; 8],
}

/// `PATHS` (array, by path number): how a copy leaves the machine. Immutable.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathRecord {
    pub local: [u8; 16],
    pub remote: [u8; 16],
    /// Network order.
    pub local_port: [u8; 2],
    /// Network order.
    pub remote_port: [u8; 2],
    pub source_mac: [u8; 6],
    pub destination_mac: [u8; 6],
    /// 4 or 6.
    pub family: u32,
    /// A copy that is leaving by another interface ends as stale.
    pub interface: u32,
    /// Largest IP packet in bytes.
    pub mtu: u32,
}

/// `CONFIG` (mmap-ed array of one).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Forward until this instant of CLOCK_MONOTONIC, in ns. Renewed by the control plane.
    pub lease_until: u64,
    /// Always 1, and unknown to the verifier.
    pub one: u64,
    /// Media port, network order in the low 16 bits.
    pub media_port: u32,
    /// Layout of the maps; a CLI refuses pins with another number.
    pub layout: u32,
    /// Process id of the control plane, for the CLI.
    pub pid: u32,
    pub pad: u32,
}

/// Number of this map layout, in [`Config::layout`].
pub const LAYOUT: u32 = 2;

/// `COUNTERS` (per-CPU array): index of each counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Counter {
    /// RTP packets to the media port and one of our addresses.
    RtpReceived = 0,
    /// Of those, passed up to the control plane.
    RtpPassed,
    /// Copies sent, by kind.
    AudioCopies,
    VideoCopies,
    /// UDP payload bytes of the copies.
    AudioBytes,
    VideoBytes,
    /// STUN, DTLS and RTCP passed up.
    ControlPassed,
    /// Copies that the egress program sealed and whose transmission has not been reported yet.
    Sealed,
    /// Packets opened and copies sealed with prepared key stream.
    KeystreamPrepared,
    /// The same with key stream computed on the spot, for want of a prepared one.
    KeystreamComputed,
}

impl Counter {
    /// Size of `COUNTERS`.
    pub const COUNT: usize = 10;
}

/// Size of `DROPS`.
pub const DROPS: usize = DropReason::COUNT;

/// `ARRIVALS` (mmap-ed array, by leg number): when packet with transport-wide sequence number n came,
/// at `n % ARRIVALS`: `n << 48 | CLOCK_MONOTONIC in us, low 48 bits`; 0 = nothing yet.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ArrivalRing {
    pub cells: [u64; ARRIVALS],
}

/// The kernel's lock type; the kernel finds it by this name in BTF.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(non_camel_case_types)]
pub struct bpf_spin_lock {
    pub val: u32,
}

// ---- Plain data for aya: every type above is `repr(C)` without implicit padding. -----------------

macro_rules! layout {
    ($($t:ty = $size:expr),* $(,)?) => { $(
        const _: () = assert!(core::mem::size_of::<$t>() == $size);
        // SAFETY: `repr(C)`, `Copy`, integers only, and the size above leaves no padding.
        #[cfg(feature = "user")]
        unsafe impl aya::Pod for $t {}
    )* };
}

layout! {
    LocalKey = 20,
    TupleKey = 36,
    LegRecord = 8,
    LegControl = 24,
    KeyRecord = 16 + 8 + 8 + 8 + 240 + 2048 + 40,
    SourceKey = 8,
    SourceRecord = 24,
    SourceControl = 16,
    ListEntry = 16,
    SpeakerCells = 64,
    PathRecord = 60,
    Config = 32,
    ArrivalRing = ARRIVALS * 8,
    crate::keystream::RingControl = 16,
    crate::keystream::KeystreamEntry<{ crate::keystream::SHORT_BLOCKS }> = 320,
    crate::keystream::KeystreamEntry<{ crate::keystream::LONG_BLOCKS }> = 1280,
    crate::flight::Metadata = 8,
    crate::flight::Flight = 88,
    crate::flight::Onward = 88 + 8,
    crate::flight::Flights = 8 + 88 * FLIGHTS,
    crate::replay::ReplayWindow = 128,
    crate::source::SourceState = 128 + 128 + 8 * 13 + 4 * 4,
    crate::source::SourceStats = 80,
    crate::source::LockedSource = 8 + 376,
    crate::slot::SlotState = 88,
    crate::slot::LockedSlot = 8 + 88,
}
