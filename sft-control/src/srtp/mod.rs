//! SRTP and SRTCP in userspace (RFC 3711, RFC 7714), on a library with hardware instructions.
//!
//! Key derivation for everybody; sealing and opening of RTP for the userspace lane and for learning; SRTCP
//! for RTCP. No sockets, no policy. The XDP programs have their own arithmetic in `sft_common::srtp`.

mod derive;
mod rtcp;
mod rtp;
mod suite;

pub use derive::{SessionKeys, session_keys};
pub use rtcp::{RtcpReceiver, RtcpSealError, RtcpSender};
pub use rtp::RtpCipher;

#[cfg(test)]
mod testing;
