//! SRTP and SRTCP in userspace (RFC 3711, RFC 7714), on a library with hardware instructions.
//!
//! Key derivation for everybody; sealing and opening of RTP for the userspace lane and for learning; SRTCP
//! for RTCP. No sockets, no policy. The XDP programs have their own arithmetic in `sft_common::srtp`.

mod cipher;
mod derive;
mod keystream;
mod rtcp;
mod rtp;

#[cfg(test)]
mod tests;

pub use derive::{SessionKeys, session_keys};
pub use keystream::Keystream;
pub use rtcp::{RtcpReceiver, RtcpSender};
pub use rtp::RtpCipher;

/// A session key whose parts do not fit its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SRTP session key does not fit its profile")]
pub struct KeyError;

impl From<aws_lc_rs::error::Unspecified> for KeyError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        KeyError
    }
}
