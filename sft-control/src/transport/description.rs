//! The client's side of a leg in the form in which str0m takes all of it.
//!
//! Its direct interface has no way to say how long a message the client takes, and stays at 64 KiB, which is
//! less than the participant list of a large conference. An SDP offer of a data channel alone says the same
//! as the direct calls, and that, too.

use std::fmt::Write as _;

use str0m::{RtcError, change::SdpOffer};

use super::MAX_MESSAGE;
use crate::sdp::{Answer, Setup};

/// What `answer` says about ICE, DTLS and SCTP.
///
/// # Errors
/// str0m's, for values that it cannot read.
pub(super) fn of(answer: &Answer) -> Result<SdpOffer, RtcError> {
    let setup = match answer.setup {
        Setup::Active => "active",
        Setup::Passive => "passive",
    };
    let digits: Vec<String> = answer.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
    let mut text = String::new();
    for line in [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE data",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:data",
        &format!("a=ice-ufrag:{}", answer.ufrag),
        &format!("a=ice-pwd:{}", answer.password),
        &format!("a=fingerprint:sha-256 {}", digits.join(":")),
        &format!("a=setup:{setup}"),
        "a=sctp-port:5000",
        &format!("a=max-message-size:{}", longest(answer)),
    ] {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{line}\r\n");
    }
    SdpOffer::from_sdp_string(&text).map_err(|error| RtcError::RemoteSdp(error.to_string()))
}

/// Longest message that the client is sent, in bytes. RFC 8841 section 6.1 has 64 KiB for a client that does
/// not say. The stock clients do not, take several times as much, and get it from the original server.
pub(super) fn longest(answer: &Answer) -> usize {
    match answer.max_message {
        None | Some(0) => MAX_MESSAGE,
        Some(announced) => announced.min(MAX_MESSAGE),
    }
}
