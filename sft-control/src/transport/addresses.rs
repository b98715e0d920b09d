//! Our media addresses and the client's, as candidates of str0m's agent.
//!
//! str0m works with what clients are told; our sockets' own addresses do not occur there.

use std::{net::SocketAddr, time::Instant};

use str0m::{
    Candidate, Input, Rtc,
    net::{Protocol, Receive},
};

use super::MediaAddress;

/// A type preference between those of a direct and of a relayed path (RFC 8445 section 5.1.2.2).
const SIGNALLED: u32 = 100;

/// Our sockets, and a relayed address that stands for one.
#[derive(Debug)]
pub(super) struct Addresses {
    media: Vec<MediaAddress>,
    relayed: Option<SocketAddr>,
}

impl Addresses {
    /// One address per socket: of a socket that is advertised twice, the first.
    pub(super) fn new(media: &[MediaAddress], relayed: Option<SocketAddr>) -> Self {
        let mut addresses: Vec<MediaAddress> = Vec::new();
        for address in media.iter().copied().chain(relayed.map(MediaAddress::relayed)) {
            if addresses.iter().all(|one| one.local != address.local) {
                addresses.push(address);
            }
        }
        Addresses { media: addresses, relayed }
    }

    /// What str0m and the client know of one of our sockets.
    pub(super) fn advertised(&self, local: SocketAddr) -> Option<SocketAddr> {
        self.media.iter().find(|address| address.local == local).map(|address| address.advertised)
    }

    /// The socket behind an advertised address.
    pub(super) fn own(&self, advertised: SocketAddr) -> Option<SocketAddr> {
        self.media.iter().find(|address| address.advertised == advertised).map(|address| address.local)
    }

    /// The candidate of one of our sockets.
    pub(super) fn candidate(&self, local: SocketAddr) -> Option<Candidate> {
        if self.relayed == Some(local) {
            return Candidate::relayed(local, local, Protocol::Udp).ok();
        }
        Candidate::host(self.advertised(local)?, Protocol::Udp).ok()
    }

    pub(super) fn candidates(&self) -> impl Iterator<Item = Candidate> + '_ {
        self.media.iter().filter_map(|address| self.candidate(address.local))
    }
}

/// The client's candidates, best first. An address that only its checks reveal ranks above all of them: the
/// client is there without a relay, and relays are among the signalled ones.
pub(super) fn remote_candidates(addresses: &[SocketAddr]) -> impl Iterator<Item = Candidate> + '_ {
    addresses.iter().zip((0..=u16::MAX).rev()).filter_map(|(address, preference)| {
        let priority = SIGNALLED << 24 | u32::from(preference) << 8 | 255;
        let (ip, port) = (address.ip(), address.port());
        let line = format!("candidate:1 1 udp {priority} {ip} {port} typ host");
        Candidate::from_sdp_string(&line).ok()
    })
}

/// Whether str0m sends to this remote address. It has no event for that, but it takes any packet from there,
/// even one that is of no use to it.
pub(super) fn sends_to(rtc: &Rtc, remote: SocketAddr, now: Instant) -> bool {
    /// A STUN indication, which no agent takes by itself.
    const INDICATION: [u8; 20] = [0, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    Receive::new(Protocol::Udp, remote, remote, &INDICATION)
        .is_ok_and(|packet| rtc.accepts(&Input::Receive(now, packet)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_socket_has_one_candidate_and_one_address_either_way() {
        let address = |local: &str, advertised: &str| MediaAddress {
            local: local.parse().unwrap(),
            advertised: advertised.parse().unwrap(),
        };
        let media = [
            address("10.0.0.5:1", "192.0.2.1:1"),
            address("10.0.0.5:1", "192.0.2.2:1"),
            address("[2001:db8::1]:1", "[2001:db8::1]:1"),
        ];
        let addresses = Addresses::new(&media, None);
        let candidates: Vec<SocketAddr> = addresses.candidates().map(|candidate| candidate.addr()).collect();
        assert_eq!(candidates, [media[0].advertised, media[2].advertised]);
        assert_eq!(addresses.advertised(media[0].local), Some(media[0].advertised));
        assert_eq!(addresses.own(media[0].advertised), Some(media[0].local));
        assert_eq!(addresses.own(media[1].advertised), None);
    }

    #[test]
    fn signalled_candidates_keep_their_order() {
        let addresses: Vec<SocketAddr> =
            ["198.51.100.7:1", "[2001:db8::7]:2", "203.0.113.7:3"].map(|one| one.parse().unwrap()).into();
        let candidates: Vec<Candidate> = remote_candidates(&addresses).collect();
        assert!(candidates.iter().map(Candidate::addr).eq(addresses));
        assert!(candidates.is_sorted_by(|one, next| one.prio() > next.prio()));
    }
}
