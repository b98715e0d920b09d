//! One WebRTC transport per leg: ICE, DTLS, SCTP and the data channel.
//!
//! Sans-IO: datagrams in, datagrams and events out, the clock passed in. SRTP keys are taken out of the
//! handshake for the lanes and RTCP; str0m never sees media.

mod addresses;
mod checks;
mod connection;
mod demux;
mod description;
mod dtls;
mod early;
mod identity;
mod leg;
mod paths;
mod roaming;
mod stun;

use std::{net::SocketAddr, time::Instant};

pub use demux::Demux;
pub use identity::{Identity, IdentityError};
pub use leg::{SendError, Transport};

use crate::dataplane::{LegKeys, SessionKey, Tuple};

/// Longest datagram of ICE or DTLS that is taken in, in bytes. str0m reads DTLS records into a buffer of this
/// size and cannot go on once one did not fit.
pub const MAX_DATAGRAM: usize = 2000;
/// Longest message on the data channel in either direction, in bytes: the participant list of the largest
/// conference, which has about 150 bytes for each leg, and room to spare. Browsers take no more, either.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// Bytes of a leg's data channel that may wait for the client's acknowledgement: a long list beside the one
/// that is on its way.
pub const MAX_BACKLOG: usize = 512 * 1024;
/// Address pairs from which a leg's checks are taken in its life. Bounds what a hostile client can make us
/// remember and check; one that roams more often has to join again.
pub const MAX_PAIRS: usize = 64;

/// One of our media addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaAddress {
    /// Our socket's own.
    pub local: SocketAddr,
    /// What clients are told; differs behind a NAT.
    pub advertised: SocketAddr,
}

impl MediaAddress {
    /// An address on a TURN server. What comes to it is handed to us as if it had come to a socket of ours.
    const fn relayed(address: SocketAddr) -> Self {
        MediaAddress { local: address, advertised: address }
    }
}

impl std::fmt::Display for MediaAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.local == self.advertised {
            write!(f, "{}", self.local)
        } else {
            write!(f, "{}={}", self.local, self.advertised)
        }
    }
}

/// What a transport wants done.
#[derive(Debug)]
pub enum TransportEvent {
    /// Send this datagram from our socket at `local`.
    Transmit {
        local: SocketAddr,
        remote: SocketAddr,
        data: Vec<u8>,
    },
    /// DTLS is done up to the keys: install them before the last flight leaves.
    Keys(Box<TransportKeys>),
    /// ICE validated this pair: accept media from it.
    Validated(Tuple),
    /// Send media over this pair from now on.
    Selected(Tuple),
    ChannelOpen,
    ChannelMessage(Vec<u8>),
    ChannelClosed,
    Failed(String),
    /// Call again at this instant; the last event of a poll.
    Timeout(Instant),
}

/// All session keys of a leg.
#[derive(Clone, Debug)]
pub struct TransportKeys {
    pub rtp: LegKeys,
    /// SRTCP keys, leg to us.
    pub rtcp_receive: SessionKey,
    /// SRTCP keys, us to leg.
    pub rtcp_transmit: SessionKey,
}
