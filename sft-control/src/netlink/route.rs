//! The way from one of our addresses to a remote one: interface, both MAC addresses, size limit.

use std::net::IpAddr;

use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState},
    route::{RouteAddress, RouteAttribute, RouteMessage, RouteMetric, RouteType},
};

use super::{Interface, Interfaces, NetlinkError, socket::Requests};

/// How a packet for one remote address leaves the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Index of the interface that its frames leave by: of a VLAN interface, the parent.
    pub interface: u32,
    /// The VLAN that the frames are tagged for; 0 = none.
    pub vlan: u16,
    /// Name of the interface that the routing table says, for people.
    pub name: String,
    pub source_mac: [u8; 6],
    /// The next hop. Absent while the kernel does not know its address; the traffic of the control plane to
    /// the same remote address makes the kernel find out.
    pub destination_mac: Option<[u8; 6]>,
    /// Largest IP packet in bytes.
    pub mtu: u32,
}

/// Answers questions for routes. Keeps the list of links until [`Resolver::forget`].
pub struct Resolver {
    requests: Requests,
    interfaces: Option<Interfaces>,
}

/// What the routing table says, before the neighbour table is asked.
struct Hop {
    kind: RouteType,
    interface: Option<u32>,
    gateway: Option<IpAddr>,
    mtu: Option<u32>,
}

impl Resolver {
    /// A resolver for the caller's network namespace.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Resolver { requests: Requests::open()?, interfaces: None })
    }

    /// Drop what is remembered of the links, because something changed.
    pub fn forget(&mut self) {
        self.interfaces = None;
    }

    /// The way from `local` to `remote`.
    ///
    /// # Errors
    /// [`NetlinkError::NoRoute`] if the routing table has none or it does not lead to an Ethernet link.
    pub fn resolve(&mut self, remote: IpAddr, local: IpAddr) -> Result<Route, NetlinkError> {
        let none = |reason| NetlinkError::NoRoute { local, remote, reason };
        let hop = self.hop(remote, local)?;
        let index = hop.interface.ok_or(none("the route names no interface"))?;
        if !matches!(hop.kind, RouteType::Unicast | RouteType::Local) {
            return Err(none("the routing table refuses this destination"));
        }
        let (interface, port, vlan) = self.interface(index)?.ok_or(none("its interface is gone"))?;
        let source_mac = interface.mac.ok_or(none("its interface is not Ethernet"))?;
        let destination_mac = self.neighbour(hop.gateway.unwrap_or(remote), index)?;
        let mtu = hop.mtu.map_or(interface.mtu, |mtu| mtu.min(interface.mtu));
        Ok(Route { interface: port, vlan, name: interface.name, source_mac, destination_mac, mtu })
    }

    /// The interface, and the index of that and the VLAN which its frames are in.
    fn interface(&mut self, index: u32) -> Result<Option<(Interface, u32, u16)>, NetlinkError> {
        let interfaces = match self.interfaces.take() {
            Some(known) if known.by_index(index).is_some() => known,
            _ => Interfaces::ask(&mut self.requests)?,
        };
        let found = interfaces.by_index(index).map(|interface| {
            let (port, vlan) = interfaces.port(interface);
            (interface.clone(), port.index, vlan)
        });
        self.interfaces = Some(interfaces);
        Ok(found)
    }

    fn hop(&mut self, remote: IpAddr, local: IpAddr) -> Result<Hop, NetlinkError> {
        let mut query = RouteMessage::default();
        query.header.address_family = family(remote);
        query.header.destination_prefix_length = prefix(remote);
        query.header.source_prefix_length = prefix(local);
        query.attributes.push(RouteAttribute::Destination(remote.into()));
        query.attributes.push(RouteAttribute::Source(local.into()));
        let question = || format!("route from {local} to {remote}");
        let answer = self.requests.ask(RouteNetlinkMessage::GetRoute(query), 0, question)?;
        let mut hop = Hop { kind: RouteType::Unspec, interface: None, gateway: None, mtu: None };
        for message in answer {
            if let RouteNetlinkMessage::NewRoute(route) = message {
                read_route(&route, &mut hop);
            }
        }
        Ok(hop)
    }

    fn neighbour(&mut self, address: IpAddr, interface: u32) -> Result<Option<[u8; 6]>, NetlinkError> {
        let mut query = NeighbourMessage::default();
        query.header.family = family(address);
        query.header.ifindex = interface;
        query.attributes.push(NeighbourAttribute::Destination(match address {
            IpAddr::V4(address) => NeighbourAddress::Inet(address),
            IpAddr::V6(address) => NeighbourAddress::Inet6(address),
        }));
        let question = || format!("neighbour {address}");
        let answer = match self.requests.ask(RouteNetlinkMessage::GetNeighbour(query), 0, question) {
            Ok(answer) => answer,
            // Not known yet.
            Err(NetlinkError::Refused { reason, .. }) if reason.raw_os_error() == Some(libc::ENOENT) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(answer.iter().find_map(|message| match message {
            RouteNetlinkMessage::NewNeighbour(neighbour) => mac(neighbour),
            _ => None,
        }))
    }
}

fn read_route(route: &RouteMessage, hop: &mut Hop) {
    hop.kind = route.header.kind;
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(index) => hop.interface = Some(*index),
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => hop.gateway = Some((*gateway).into()),
            RouteAttribute::Gateway(RouteAddress::Inet6(gateway)) => hop.gateway = Some((*gateway).into()),
            // A gateway of the other family (RFC 8950).
            RouteAttribute::Via(netlink_packet_route::route::RouteVia::Inet6(gateway)) => {
                hop.gateway = Some((*gateway).into());
            }
            RouteAttribute::Metrics(metrics) => {
                hop.mtu = metrics.iter().find_map(|metric| match metric {
                    RouteMetric::Mtu(mtu) if *mtu > 0 => Some(*mtu),
                    _ => None,
                });
            }
            _ => {}
        }
    }
}

/// The link-layer address, if the kernel would use it itself.
fn mac(neighbour: &NeighbourMessage) -> Option<[u8; 6]> {
    if matches!(
        neighbour.header.state,
        NeighbourState::Incomplete | NeighbourState::Failed | NeighbourState::None
    ) {
        return None;
    }
    neighbour.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(address) => address.as_slice().try_into().ok(),
        _ => None,
    })
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn prefix(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn own_addresses_lead_to_loopback() {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let route = Resolver::open().unwrap().resolve(local, local).unwrap();
        assert_eq!(route.name, "lo");
    }

    #[test]
    fn a_foreign_source_address_has_no_route() {
        // RFC 5737: never one of ours.
        let foreign = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let remote = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
        assert!(Resolver::open().unwrap().resolve(remote, foreign).is_err());
    }

    #[test]
    fn a_neighbour_that_failed_has_no_mac() {
        let mut neighbour = NeighbourMessage::default();
        neighbour.attributes.push(NeighbourAttribute::LinkLayerAddress(vec![2, 0, 0, 0, 0, 1]));
        neighbour.header.state = NeighbourState::Failed;
        assert_eq!(mac(&neighbour), None);
        neighbour.header.state = NeighbourState::Stale;
        assert_eq!(mac(&neighbour), Some([2, 0, 0, 0, 0, 1]));
    }
}
