//! What goes into the core and what comes out.

use std::{sync::Arc, time::Duration};

use sft_common::drops::DropReason;

use super::{
    table::{ConferenceId, ConferenceTable, Layer, LegId, Speaker, Speakers},
    tokens::Secret,
};
use crate::{
    econn::IceServer,
    sdp::{Answer, OfferSpec},
};

/// An HTTP request that waits for its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// An event. Everything but the requests comes from authenticated peers or from our own data plane.
#[derive(Debug)]
pub enum Input {
    /// A POST to `/sft/<group>` whose body is not decoded yet (sft-protocol.md 3.4).
    Request {
        id: RequestId,
        group: String,
        body: Vec<u8>,
    },
    /// The HTTP client went away before its reply.
    RequestGone {
        id: RequestId,
    },
    /// The transport ordered by [`Output::Open`] exists; this is its offer.
    OfferReady {
        leg: LegId,
        sdp: String,
    },
    /// ICE or DTLS gave up, or a lane refused the leg.
    TransportFailed {
        leg: LegId,
        reason: String,
    },
    /// DTLS is done, with the certificate that the client's answer named.
    Connected {
        leg: LegId,
    },
    /// The data channel `calling-3.0` is open both ways.
    ChannelOpen {
        leg: LegId,
    },
    ChannelMessage {
        leg: LegId,
        data: Vec<u8>,
    },
    ChannelClosed {
        leg: LegId,
    },
    /// An SSRC was learned from an authenticated packet that carried this RID.
    LayerLearned {
        leg: LegId,
        layer: Layer,
        ssrc: u32,
    },
    /// Periodic reading of a conference's audio: who holds the slots, and how loud each source is.
    AudioReading {
        conference: ConferenceId,
        speakers: Speakers,
        levels: Vec<AudioLevel>,
    },
    /// Periodic reading: time since the last packet (padding-only ones not counted) of a video source.
    LayerReading {
        leg: LegId,
        layer: Layer,
        idle: Duration,
    },
    /// A video slot reached this run: the pending switch is done.
    SlotReached {
        receiver: LegId,
        slot: u8,
        run: u32,
    },
    /// A receiver asked for a key frame (PLI, FIR) of one of its video slots.
    KeyframeWanted {
        receiver: LegId,
        slot: u8,
    },
    /// Tokens are signed with another secret from now on.
    TokenSecret(Secret),
    /// SIGTERM: refuse new calls from now on.
    Drain,
    /// The instant that the core named has come.
    Timeout,
}

/// Loudness of one audio source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    pub leg: LegId,
    /// Smoothed, in -dBov: 0 loud, 127 silent.
    pub level: u8,
    /// Since its last packet.
    pub idle: Duration,
}

/// A command.
#[derive(Debug)]
pub enum Output {
    /// Answer an HTTP request.
    Reply { id: RequestId, reply: Reply },
    /// Make a transport for this leg and report [`Input::OfferReady`].
    ///
    /// `relays`: TURN servers that it may use to be reached.
    Open { leg: LegId, conference: ConferenceId, offer: OfferSpec, relays: Vec<IceServer> },
    /// The client's answer, parsed: start ICE and DTLS.
    Start { leg: LegId, answer: Answer },
    /// One message on the data channel.
    Send { leg: LegId, message: Arc<str> },
    /// End the transport. Nothing more comes in or goes out for this leg.
    Close { leg: LegId },
    /// Carry this table from now on.
    Publish(ConferenceTable),
    /// The conference is over.
    Forget(ConferenceId),
    /// Ask this source for a key frame (the shell throttles nothing: the core has).
    RequestKeyframe { leg: LegId, ssrc: u32 },
    /// Count something that a leg sent and that had no effect.
    CountDrop(DropReason),
    /// See [`crate::dataplane::Lane::replace_speaker`].
    ReplaceSpeaker { conference: ConferenceId, slot: u8, holder: Option<Speaker>, next: Option<LegId> },
}

/// Answer to an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 200, `application/json`.
    Json(String),
    /// An error page in the shape of sft-protocol.md 3.3.
    Refuse { status: u16, reason: &'static str },
}
