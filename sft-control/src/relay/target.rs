//! Where a client may send us. What it names is not to be trusted: whoever can post a join could otherwise let
//! this server knock on doors of the network it stands in.

use std::net::IpAddr;

use ipnet::IpNet;

/// Shared address space, which `std` has no stable name for (RFC 6598).
const SHARED: ([u8; 4], u8) = ([100, 64, 0, 0], 10);

/// Networks that are allowed besides the public ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed(Vec<IpNet>);

impl Allowed {
    pub fn new(networks: Vec<IpNet>) -> Self {
        Allowed(networks)
    }

    /// Whether a TURN server may have this address.
    pub fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.0.iter().any(|network| network.contains(&address))
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let shared =
                IpNet::new(SHARED.0.into(), SHARED.1).is_ok_and(|net| net.contains(&IpAddr::V4(address)));
            !(address.is_unspecified()
                || address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.octets()[0] == 0
                || shared)
        }
        IpAddr::V6(address) => {
            !(address.is_unspecified()
                || address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast())
        }
    }
}
