//! One WebRTC transport per leg, on str0m: ICE, DTLS, SCTP and the data channel. (in work)
//!
//! Sans-IO: datagrams in, datagrams and events out, the clock passed in. SRTP keys are taken out of the
//! handshake for the lanes and RTCP; str0m never sees media.

use std::{net::SocketAddr, time::Instant};

use crate::dataplane::{LegKeys, SessionKey, Tuple};

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
