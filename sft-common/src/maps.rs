//! Keys and values of the forwarding maps: the one definition that the XDP programs, the lanes and the
//! CLI read.
//!
//! Three kinds of record:
//! * *immutable* records (`LegRecord`, `KeyRecord`, `SourceRecord`, `PathRecord`, `ListEntry`): written
//!   before anything refers to them, never edited, recycled when no packet can find them any more;
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
/// Audio slots that the speakers of a conference share.
pub const AUDIO_SLOTS: usize = 7;
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
///
/// The documentation of each name is that of the map, from which docs/forwarding-maps.md is made.
pub mod name {
    #[cfg(doc)]
    use super::{Counter, DropReason, SourceControl};

    /// Until when the programs forward, and on which port.
    ///
    /// * index: 0
    /// * written by: control plane
    /// * read by: ingress, `sft maps`
    /// * full: cannot be
    pub const CONFIG: &str = "CONFIG";

    /// The media addresses of this server. RTP to any other address is not ours and is passed on. The value
    /// is always 1.
    ///
    /// * written by: control plane, before the programs are attached
    /// * read by: ingress, `sft maps`
    /// * full: the server does not start
    pub const LOCAL: &str = "LOCAL";

    /// Address pairs that ICE has validated, each for one leg. The value is the leg number.
    ///
    /// * written by: control plane
    /// * read by: ingress, `sft maps`
    /// * full: an address pair is refused
    pub const TUPLES: &str = "TUPLES";

    /// What ingress needs to know of a leg. Immutable.
    ///
    /// * index: leg number
    /// * written by: control plane
    /// * read by: ingress, `sft maps`
    /// * full: a join is refused
    pub const LEGS: &str = "LEGS";

    /// What changes about a leg, one word each.
    ///
    /// * index: leg number
    /// * written by: control plane; ingress counts `learning` down
    /// * read by: ingress, egress, `sft maps`
    /// * full: a join is refused
    pub const LEG_CONTROL: &str = "LEG_CONTROL";

    /// Session keys of SRTP, expanded for the programs. Immutable. `sft maps` shows no key material.
    ///
    /// * index: key number
    /// * written by: control plane
    /// * read by: ingress, egress, `sft maps`
    /// * full: a join is refused
    pub const KEYS: &str = "KEYS";

    /// Which source a stream is: SSRCs count per leg. The value is the source number.
    ///
    /// * written by: control plane
    /// * read by: ingress, `sft maps`
    /// * full: a join is refused
    pub const SOURCE_IDS: &str = "SOURCE_IDS";

    /// What does not change about a source. Immutable.
    ///
    /// * index: source number
    /// * written by: control plane
    /// * read by: ingress, `sft maps`
    /// * full: a join is refused
    pub const SOURCES: &str = "SOURCES";

    /// What changes about a source, one word each: above all, who receives it.
    ///
    /// * index: source number
    /// * written by: control plane
    /// * read by: ingress, `sft maps`
    /// * full: a join is refused
    pub const SOURCE_CONTROL: &str = "SOURCE_CONTROL";

    /// Packet index, replay window and silence gate of a source, under the record's lock.
    ///
    /// * index: source number
    /// * written by: control plane before the first use, then ingress
    /// * read by: ingress; control plane when the source goes or changes lanes
    /// * full: a join is refused
    pub const SOURCE_STATE: &str = "SOURCE_STATE";

    /// What ingress publishes about a source.
    ///
    /// * index: source number
    /// * written by: ingress; control plane before the first use
    /// * read by: control plane, `sft maps`
    /// * full: a join is refused
    pub const SOURCE_STATS: &str = "SOURCE_STATS";

    /// Who holds the audio slots of a conference.
    ///
    /// * index: conference number
    /// * written by: ingress and control plane, by compare-and-exchange
    /// * read by: ingress, control plane, `sft maps`
    /// * full: a conference is refused
    pub const SPEAKERS: &str = "SPEAKERS";

    /// The receivers of all lists. A list is a stretch of entries that [`SourceControl::list`] names. Immutable.
    ///
    /// * index: entry number
    /// * written by: control plane
    /// * read by: egress, `sft maps`
    /// * full: a join is refused
    pub const ENTRIES: &str = "ENTRIES";

    /// Device maps: at n, one of n identical entries, so that one broadcast makes n copies. The last one also
    /// leads to the next stage.
    ///
    /// * index: number of copies
    /// * written by: control plane, once
    /// * read by: ingress
    /// * full: cannot be
    pub const REPLICATORS: &str = "REPLICATORS";

    /// How a copy leaves the machine. Immutable.
    ///
    /// * index: path number
    /// * written by: control plane
    /// * read by: egress, `sft maps`
    /// * full: a join is refused
    pub const PATHS: &str = "PATHS";

    /// Run, index and timestamp of every output slot, under the record's lock.
    ///
    /// * index: slot number
    /// * written by: control plane before the first use, then egress
    /// * read by: egress; control plane for its status and when a conference changes lanes; `sft maps`
    /// * full: a join is refused
    pub const SLOTS: &str = "SLOTS";

    /// When the packets of a leg came, for transport-wide feedback.
    ///
    /// * index: leg number
    /// * written by: ingress
    /// * read by: control plane
    /// * full: a join is refused
    pub const ARRIVALS: &str = "ARRIVALS";

    /// The packets of a CPU whose copies are on their way.
    ///
    /// * index: 0
    /// * written by: ingress, egress
    /// * read by: egress
    /// * full: cannot be: the ring goes round
    pub const FLIGHT: &str = "FLIGHT";

    /// Packets and copies that ended without being sent, by reason.
    ///
    /// * index: [`DropReason`] as a number
    /// * written by: all programs
    /// * read by: control plane, `sft maps`
    /// * full: cannot be
    pub const DROPS: &str = "DROPS";

    /// Packets and copies.
    ///
    /// * index: [`Counter`] as a number
    /// * written by: all programs
    /// * read by: control plane, `sft maps`
    /// * full: cannot be
    pub const COUNTERS: &str = "COUNTERS";

    /// Which ring of prepared key stream a slot has, and how far the slot is.
    ///
    /// * index: slot number
    /// * written by: control plane (`ring`), egress (`position`)
    /// * read by: egress, control plane, `sft maps`
    /// * full: a join is refused
    pub const SLOT_RINGS: &str = "SLOT_RINGS";

    /// Which ring of prepared key stream a source has, and how far the source is.
    ///
    /// * index: source number
    /// * written by: control plane (`ring`), ingress (`position`)
    /// * read by: ingress, control plane, `sft maps`
    /// * full: a join is refused
    pub const SOURCE_RINGS: &str = "SOURCE_RINGS";

    /// Prepared key stream of packets with short payloads, most audio. Never shown.
    ///
    /// * index: entry number
    /// * written by: control plane
    /// * read by: ingress, egress
    /// * full: key stream is computed by the programs
    pub const KEYSTREAM_SHORT: &str = "KEYSTREAM_SHORT";

    /// Prepared key stream of packets with long payloads, most video. Never shown.
    ///
    /// * index: entry number
    /// * written by: control plane
    /// * read by: ingress, egress
    /// * full: key stream is computed by the programs
    pub const KEYSTREAM_LONG: &str = "KEYSTREAM_LONG";
}

/// Key of `LOCAL`: a media address of ours.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LocalKey {
    /// Address, network order; IPv4 as `::ffff:a.b.c.d`.
    pub address: [u8; 16],
    /// UDP port, network order.
    pub port: [u8; 2],
    /// The VLAN that the address is on; 0 = untagged.
    pub vlan: u16,
}

/// Key of `TUPLES`: an address pair that ICE has validated for one leg.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TupleKey {
    /// Our address, network order; IPv4 as `::ffff:a.b.c.d`.
    pub local: [u8; 16],
    /// The client's address, likewise.
    pub remote: [u8; 16],
    /// Our UDP port, network order.
    pub local_port: [u8; 2],
    /// The client's UDP port, network order.
    pub remote_port: [u8; 2],
}

/// Value of `LEGS`: what ingress needs to know of a leg. Immutable.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegRecord {
    /// Number of the receive key in `KEYS`.
    pub receive_key: u32,
    /// Conference number, for the CLI and `SPEAKERS`.
    pub conference: u32,
}

/// Value of `LEG_CONTROL`: what changes about a leg. Each word is stored on its own.
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
    /// AES-GCM with a 128-bit key, tag of 16 bytes.
    AeadAes128Gcm = 0,
    /// AES-GCM with a 256-bit key, tag of 16 bytes.
    AeadAes256Gcm = 1,
    /// AES counter mode with HMAC-SHA1, tag of 10 bytes.
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

/// Value of `KEYS`: one direction's SRTP session key, expanded for the programs. Immutable. Never shown
/// by the CLI.
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
    /// Always 0.
    pub pad: u32,
    /// AES round keys, 44 or 60 words, as little-endian words of their bytes.
    pub round_keys: [u32; 60],
    /// GHASH table: 8 nibble positions of a 32-bit quarter, 16 values each, as (high, low) halves.
    pub ghash: [[u64; 2]; 128],
    /// SHA-1 state after the HMAC key's inner pad.
    pub hmac_inner: [u32; 5],
    /// SHA-1 state after the HMAC key's outer pad.
    pub hmac_outer: [u32; 5],
}

/// Key of `SOURCE_IDS`: an SSRC of a leg.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SourceKey {
    /// Number of the sending leg.
    pub leg: u32,
    /// SSRC, host order.
    pub ssrc: u32,
}

/// What a source sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Kind {
    /// Opus.
    Audio = 0,
    /// Any video codec.
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
    /// Least timestamp step between two sources in one slot, in ticks (sft-protocol.md 10.1).
    pub const fn least_switch_step(self) -> u32 {
        match self {
            Kind::Audio => 1920,
            Kind::Video => 9000,
        }
    }
}

/// Value of `SOURCES`: what does not change about a source. Immutable.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceRecord {
    /// Sending leg; repeats [`SourceKey`], so that a recycled number is noticed.
    pub leg: u32,
    /// SSRC; repeats [`SourceKey`], too.
    pub ssrc: u32,
    /// CSRC that names this source to receivers (sft-protocol.md 10.6).
    pub csrc: u32,
    /// [`Kind`] as a number.
    pub kind: u32,
    /// Index into `SPEAKERS`; audio only.
    pub conference: u32,
    /// Always 0.
    pub pad: u32,
}

/// Value of `SOURCE_CONTROL`: what changes about a source. One word, stored at once.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceControl {
    /// The receivers in `ENTRIES`: `first entry << 32 | own place + 1 << 16 | number of entries`
    /// ([`crate::list::List::to_word`]); 0 = nobody.
    pub list: u64,
}

/// Value of `ENTRIES`: one receiver of one list. Immutable. All audio sources of a conference share a list.
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
    /// [`ENTRY_FROM_KEYFRAME`] and [`ENTRY_OWN_SLOT`].
    pub flags: u32,
}

/// The slot may only switch to this run at the start of a key frame, if the source marks them.
pub const ENTRY_FROM_KEYFRAME: u32 = 1;
/// `ListEntry::flags`: audio goes through this slot whatever the speaker's is, under the entry's run.
pub const ENTRY_OWN_SLOT: u32 = 2;

/// Value of `SPEAKERS`: who holds the audio slots of a conference. Changed by compare-and-exchange only.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpeakerCells {
    /// Cell i (below [`AUDIO_SLOTS`]) is `run << 32 | source number + 1`; low half 0 = free. A run number
    /// grows with every change of its cell and is never reused. The other cells are 0.
    pub cells: [u64; 8],
}

/// Value of `PATHS`: how a copy leaves the machine. Immutable.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathRecord {
    /// Our address, network order; IPv4 as `::ffff:a.b.c.d`.
    pub local: [u8; 16],
    /// The client's address, likewise.
    pub remote: [u8; 16],
    /// Our UDP port, network order.
    pub local_port: [u8; 2],
    /// The client's UDP port, network order.
    pub remote_port: [u8; 2],
    /// MAC address of the interface.
    pub source_mac: [u8; 6],
    /// MAC address of the client or of the gateway to it.
    pub destination_mac: [u8; 6],
    /// IP version, 4 or 6.
    pub family: u32,
    /// Index of the interface. A copy that is leaving by another one ends as `stale_reference`.
    pub interface: u32,
    /// Largest IP packet in bytes. A VLAN tag does not count.
    pub mtu: u32,
    /// The VLAN that copies are tagged for; 0 = they leave untagged.
    pub vlan: u32,
}

/// Value of `CONFIG`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Forward until this instant of CLOCK_MONOTONIC, in ns. Renewed by the control plane.
    pub lease_until: u64,
    /// Always 1, and unknown to the verifier.
    pub one: u64,
    /// Media port, network order in the low 16 bits.
    pub media_port: u32,
    /// Layout of the maps ([`LAYOUT`]); a CLI refuses pins with another number.
    pub layout: u32,
    /// Process id of the control plane, for the CLI.
    pub pid: u32,
    /// Always 0.
    pub pad: u32,
}

/// Number of this map layout, in [`Config::layout`].
pub const LAYOUT: u32 = 6;

/// Indices of `COUNTERS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Counter {
    /// RTP packets to the media port and one of our addresses.
    RtpReceived = 0,
    /// Of those, passed up to the control plane.
    RtpPassed,
    /// Audio copies sent.
    AudioCopies,
    /// Video copies sent.
    VideoCopies,
    /// UDP payload bytes of the audio copies.
    AudioBytes,
    /// UDP payload bytes of the video copies.
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

/// Value of `ARRIVALS`: when the last packets of a leg came.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ArrivalRing {
    /// Packet with transport-wide sequence number n, at `n % ARRIVALS`:
    /// `n << 48 | CLOCK_MONOTONIC in us, low 48 bits`; 0 = nothing yet.
    pub cells: [u64; ARRIVALS],
}

/// The kernel's lock type; the kernel finds it by this name in BTF.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(non_camel_case_types)]
pub struct bpf_spin_lock {
    /// The kernel's.
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
    SourceControl = 8,
    ListEntry = 16,
    SpeakerCells = 64,
    PathRecord = 64,
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
    crate::slot::SlotState = 104,
    crate::slot::LockedSlot = 8 + 104,
}
