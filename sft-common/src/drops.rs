//! Why a packet or a copy was not forwarded: one list for both lanes, the metrics and the CLI.

/// Every reason for which a lane ends a packet or a copy without sending it. The number is the index
/// into the `DROPS` map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum DropReason {
    /// Shorter than its own headers say, or no RTP header fits.
    Runt = 0,
    /// RTP that came from an address pair which ICE has not validated.
    UnknownTuple,
    /// RTP on a validated pair with an SSRC nobody announced and no learning open.
    UnknownSsrc,
    /// RTP version, CSRC count or extension length that contradict the packet.
    BadRtpHeader,
    /// RTP header (with CSRCs and extensions) longer than [`crate::maps::MAX_RTP_HEADER`].
    HeaderTooLong,
    /// Payload longer than [`crate::maps::MAX_PAYLOAD`].
    PayloadTooLong,
    /// The packet's index was seen before (RFC 3711 section 3.3.2).
    Replay,
    /// Older than the replay window.
    TooOld,
    /// The SRTP authentication tag does not verify.
    AuthFailed,
    /// The control plane's lease ran out: nothing is forwarded any more.
    LeaseExpired,
    /// A packet of padding only; counted for feedback, not forwarded.
    PaddingOnly,
    /// Audio below the silence threshold.
    Silent,
    /// All audio slots of the conference are taken by others.
    NoAudioSlot,
    /// Nobody is subscribed to this source.
    NoReceiver,
    /// A map reference changed between two look-ups; the packet is ended rather than misdirected.
    StaleReference,
    /// No replicator exists for this number of receivers.
    NoReplicator,
    /// A copy whose packet could not be identified at egress.
    CopyUnidentified,
    /// The slot waits for a key frame of its new source.
    AwaitingKeyframe,
    /// The slot has moved on to a newer source or layer.
    Superseded,
    /// Older than the first packet the slot took from this source.
    BeforeBase,
    /// The slot's 48-bit index space is used up.
    IndexExhausted,
    /// The receiver has no selected address pair yet.
    NoPath,
    /// The receiver has no transmit key yet.
    NoKey,
    /// The copy would exceed the egress interface's MTU.
    FrameTooBig,
    /// No room in front of or behind the frame for the rewritten headers or the tag.
    NoRoom,
    /// Encryption refused its input.
    SealFailed,
    /// The prepared key stream of a packet was rewritten while it was in use: the reader had been halted
    /// for longer than a ring lasts.
    KeystreamOverrun,
    /// Copies beyond the first stage whose turn came too late.
    StageExpired,
    /// The transmit ring or socket buffer was full after the copy was made.
    TransmitFull,
    /// RTP that reached a socket although the kernel lane carries its conference.
    WrongLane,
    /// STUN that no leg claims, or whose integrity check failed.
    BadStun,
    /// DTLS from an address that no ICE check has validated.
    BadDtls,
    /// SRTCP that does not verify, was seen before, or does not parse.
    BadRtcp,
    /// A data-channel message that is not a valid message, or breaks a limit.
    BadMessage,
    /// More packets waiting for a leg's transport than its queue holds.
    QueueFull,
    /// Neither STUN, DTLS nor RTP (RFC 7983).
    NotMedia,
}

impl DropReason {
    /// How many reasons there are; the size of the `DROPS` map.
    pub const COUNT: usize = DropReason::NotMedia as usize + 1;

    /// All reasons in the order of their numbers.
    pub const ALL: [DropReason; DropReason::COUNT] = [
        DropReason::Runt,
        DropReason::UnknownTuple,
        DropReason::UnknownSsrc,
        DropReason::BadRtpHeader,
        DropReason::HeaderTooLong,
        DropReason::PayloadTooLong,
        DropReason::Replay,
        DropReason::TooOld,
        DropReason::AuthFailed,
        DropReason::LeaseExpired,
        DropReason::PaddingOnly,
        DropReason::Silent,
        DropReason::NoAudioSlot,
        DropReason::NoReceiver,
        DropReason::StaleReference,
        DropReason::NoReplicator,
        DropReason::CopyUnidentified,
        DropReason::AwaitingKeyframe,
        DropReason::Superseded,
        DropReason::BeforeBase,
        DropReason::IndexExhausted,
        DropReason::NoPath,
        DropReason::NoKey,
        DropReason::FrameTooBig,
        DropReason::NoRoom,
        DropReason::SealFailed,
        DropReason::KeystreamOverrun,
        DropReason::StageExpired,
        DropReason::TransmitFull,
        DropReason::WrongLane,
        DropReason::BadStun,
        DropReason::BadDtls,
        DropReason::BadRtcp,
        DropReason::BadMessage,
        DropReason::QueueFull,
        DropReason::NotMedia,
    ];

    /// The reason's name in metrics and the CLI.
    pub const fn name(self) -> &'static str {
        match self {
            DropReason::Runt => "runt",
            DropReason::UnknownTuple => "unknown_tuple",
            DropReason::UnknownSsrc => "unknown_ssrc",
            DropReason::BadRtpHeader => "bad_rtp_header",
            DropReason::HeaderTooLong => "header_too_long",
            DropReason::PayloadTooLong => "payload_too_long",
            DropReason::Replay => "replay",
            DropReason::TooOld => "too_old",
            DropReason::AuthFailed => "auth_failed",
            DropReason::LeaseExpired => "lease_expired",
            DropReason::PaddingOnly => "padding_only",
            DropReason::Silent => "silent",
            DropReason::NoAudioSlot => "no_audio_slot",
            DropReason::NoReceiver => "no_receiver",
            DropReason::StaleReference => "stale_reference",
            DropReason::NoReplicator => "no_replicator",
            DropReason::CopyUnidentified => "copy_unidentified",
            DropReason::AwaitingKeyframe => "awaiting_keyframe",
            DropReason::Superseded => "superseded",
            DropReason::BeforeBase => "before_base",
            DropReason::IndexExhausted => "index_exhausted",
            DropReason::NoPath => "no_path",
            DropReason::NoKey => "no_key",
            DropReason::FrameTooBig => "frame_too_big",
            DropReason::NoRoom => "no_room",
            DropReason::SealFailed => "seal_failed",
            DropReason::KeystreamOverrun => "keystream_overrun",
            DropReason::StageExpired => "stage_expired",
            DropReason::TransmitFull => "transmit_full",
            DropReason::WrongLane => "wrong_lane",
            DropReason::BadStun => "bad_stun",
            DropReason::BadDtls => "bad_dtls",
            DropReason::BadRtcp => "bad_rtcp",
            DropReason::BadMessage => "bad_message",
            DropReason::QueueFull => "queue_full",
            DropReason::NotMedia => "not_media",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DropReason;

    #[test]
    fn numbers_and_names_are_unique() {
        for (i, d) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*d as usize, i);
        }
        let mut names: Vec<_> = DropReason::ALL.iter().map(|d| d.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DropReason::COUNT);
    }
}
