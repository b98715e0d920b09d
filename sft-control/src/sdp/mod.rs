//! Offers as clients need them and a strict parser for their answers (sft-protocol.md 5).
//!
//! Text in, values out and back: no state, no sockets.

mod answer;
mod candidate;
mod offer;

#[cfg(test)]
mod tests;

use std::{fmt, net::SocketAddr};

pub use answer::{AnswerError, parse_answer};
pub use offer::{label, offer};

/// What the core decides about an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferSpec {
    /// Offer `rid`/`simulcast` lines (sft-protocol.md 3.8).
    pub simulcast: bool,
    /// SSRCs of the audio slots; 0 or 5.
    pub audio_slots: Vec<u32>,
    /// SSRCs of the video slots; at most 32.
    pub video_slots: Vec<u32>,
    /// SSRC announced on the main video m-line: ours, as sender of RTCP.
    pub local_video_ssrc: u32,
}

/// What the transport adds to an offer.
#[derive(Clone, PartialEq, Eq)]
pub struct TransportParameters {
    pub ufrag: String,
    pub password: String,
    /// SHA-256 of our certificate.
    pub fingerprint: [u8; 32],
    /// Advertised host candidates, best first.
    pub candidates: Vec<SocketAddr>,
    /// An address on a TURN server.
    pub relayed: Option<SocketAddr>,
    /// Longest data-channel message that we take, in bytes.
    pub max_message: usize,
}

impl fmt::Debug for TransportParameters {
    /// Without the password, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportParameters")
            .field("ufrag", &self.ufrag)
            .field("candidates", &self.candidates)
            .finish_non_exhaustive()
    }
}

/// DTLS role that the answer chose for the client (RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The client is the DTLS client.
    Active,
    /// The client is the DTLS server.
    Passive,
}

/// What an answer says.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    pub ufrag: String,
    pub password: String,
    pub fingerprint: [u8; 32],
    pub setup: Setup,
    /// UDP candidates of component 1 with an address we can parse; at most 50.
    pub candidates: Vec<SocketAddr>,
    pub ice_lite: bool,
    /// The SSRC of the client's audio.
    pub audio_ssrc: Option<u32>,
    /// Legacy clients: the SSRC of their one video stream.
    pub video_ssrc: Option<u32>,
    /// Longest data-channel message that the client says it takes, in bytes; 0 = any.
    pub max_message: Option<usize>,
    /// The `a=tool:` line, for the log: at most 100 printable characters.
    pub tool: Option<String>,
}

impl fmt::Debug for Answer {
    /// Without the password, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("ufrag", &self.ufrag)
            .field("setup", &self.setup)
            .field("candidates", &self.candidates)
            .field("ice_lite", &self.ice_lite)
            .field("audio_ssrc", &self.audio_ssrc)
            .field("video_ssrc", &self.video_ssrc)
            .field("max_message", &self.max_message)
            .field("tool", &self.tool)
            .finish_non_exhaustive()
    }
}
