//! One allocation, sans-IO: what the TURN server sends goes in, what it is to be sent comes out, the clock is
//! passed in.

use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use turn_client_proto::{
    api::{TurnClientApi, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet},
    stun::agent::Transmit,
    tcp::TurnClientTcp,
    types::{TransportType, TurnCredentials, prelude::DelayedTransmitBuild},
    udp::TurnClientUdp,
};

use super::server::{Server, Transport};
use crate::transport::MAX_PAIRS;

mod client {
    use super::{TurnClientTcp, TurnClientUdp};
    turn_client_proto::impl_client!(pub(super) Client, (Udp, TurnClientUdp), (Tcp, TurnClientTcp));
}
use client::Client;

/// Retransmissions of a request: first pause, longest pause, how many, and how long the last one may take.
const RETRANSMITS: (Duration, Duration, u32, Duration) =
    (Duration::from_millis(200), Duration::from_millis(800), 5, Duration::from_millis(800));
/// Where nothing is due by itself.
const IDLE: Duration = Duration::from_secs(3600);

/// What is relayed.
const RELAYED: TransportType = TransportType::Udp;

/// An allocation on its way, in force, or over.
pub(super) struct Allocation {
    client: Client,
    /// The client's clock begins here.
    start: Instant,
    relayed: Option<SocketAddr>,
    over: bool,
    /// Peers that a permission was asked for, and those that a channel was. No more than a leg has pairs.
    permitted: HashSet<IpAddr>,
    bound: HashSet<SocketAddr>,
    /// For the server.
    requests: Vec<Vec<u8>>,
    /// From peers.
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
}

impl Allocation {
    /// Asks for an address, from `local` at the server's address `remote`.
    pub(super) fn ask(local: SocketAddr, remote: SocketAddr, server: &Server, now: Instant) -> Self {
        let mut config = TurnConfig::new(TurnCredentials::new(&server.username, &server.credential));
        let (initial, max, retransmits, last) = RETRANSMITS;
        config.set_request_retransmits(initial, max, retransmits, last);
        let client = match server.transport {
            Transport::Udp => Client::Udp(TurnClientUdp::allocate(local, remote, config)),
            Transport::Tcp => Client::Tcp(TurnClientTcp::allocate(local, remote, config)),
        };
        let (permitted, bound) = (HashSet::new(), HashSet::new());
        let (requests, datagrams) = (Vec::new(), Vec::new());
        let (relayed, over) = (None, false);
        Allocation { client, start: now, relayed, over, permitted, bound, requests, datagrams }
    }

    /// The address, once there is one.
    pub(super) fn relayed(&self) -> Option<SocketAddr> {
        self.relayed
    }

    /// Whether nothing more will come of it.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// What the server has sent: a datagram, or a piece of the stream.
    pub(super) fn receive(&mut self, data: &[u8], now: Instant) {
        let transmit =
            Transmit::new(data, self.client.transport(), self.client.remote_addr(), self.client.local_addr());
        let at = self.at(now);
        if let TurnRecvRet::PeerData(data) = self.client.recv(transmit, at) {
            self.datagrams.push((data.peer, data.data().to_vec()));
        }
        while let Some(data) = self.client.poll_recv(at) {
            self.datagrams.push((data.peer, data.data().to_vec()));
        }
    }

    /// A datagram for a peer. One without a permission yet is lost, as one on the way to a firewall that is being
    /// opened; ICE and DTLS repeat theirs.
    pub(super) fn send(&mut self, peer: SocketAddr, data: &[u8], now: Instant) {
        let at = self.at(now);
        if !self.client.have_permission(RELAYED, peer.ip()) {
            if self.permitted.len() < MAX_PAIRS && self.permitted.insert(peer.ip()) {
                // It is asked for again when a packet goes there after a failure.
                let _ = self.client.create_permission(RELAYED, peer.ip(), at);
            }
            return;
        }
        // Over TCP the client library leaves out the padding that channels need there (RFC 8656 section 12.5).
        let may_bind = self.client.transport() == TransportType::Udp && self.bound.len() < MAX_PAIRS;
        if may_bind && self.bound.insert(peer) {
            // Without a channel each datagram has a longer header, which is all.
            let _ = self.client.bind_channel(RELAYED, peer, at);
        }
        if let Ok(Some(transmit)) = self.client.send_to(RELAYED, peer, data, at) {
            self.requests.push(transmit.data.build());
        }
    }

    /// Gives the address back.
    pub(super) fn delete(&mut self, now: Instant) {
        let at = self.at(now);
        // Without an allocation there is nothing to give back.
        let _ = self.client.delete(at);
    }

    /// Does what is due; when to call again.
    pub(super) fn poll(&mut self, now: Instant) -> Instant {
        let at = self.at(now);
        let due = match self.client.poll(at) {
            TurnPollRet::WaitUntil(until) => {
                now + until.checked_duration_since(at).unwrap_or(Duration::ZERO).min(IDLE)
            }
            TurnPollRet::Closed => {
                self.over = true;
                now + IDLE
            }
            TurnPollRet::AllocateTcpSocket { .. } | TurnPollRet::TcpClose { .. } => now + IDLE,
        };
        while let Some(transmit) = self.client.poll_transmit(at) {
            self.requests.push(transmit.data.to_vec());
        }
        while let Some(event) = self.client.poll_event() {
            match event {
                TurnEvent::AllocationCreated(_, address) => self.relayed = Some(address),
                TurnEvent::AllocationCreateFailed(_) => self.over = true,
                TurnEvent::PermissionCreateFailed(_, peer) => drop(self.permitted.remove(&peer)),
                TurnEvent::ChannelCreateFailed(_, peer) => drop(self.bound.remove(&peer)),
                _ => {}
            }
        }
        due
    }

    pub(super) fn take_requests(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.requests)
    }

    pub(super) fn take_datagrams(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        std::mem::take(&mut self.datagrams)
    }

    fn at(&self, now: Instant) -> turn_client_proto::stun::Instant {
        let passed = now.saturating_duration_since(self.start).as_nanos();
        turn_client_proto::stun::Instant::from_nanos(passed.try_into().unwrap_or(i64::MAX))
    }
}
