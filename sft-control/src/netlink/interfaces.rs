//! The machine's network interfaces and their addresses.

use std::{collections::BTreeMap, net::IpAddr};

use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_route::{
    RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::{LinkAttribute, LinkMessage},
};

use super::{NetlinkError, socket::Requests};

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    pub index: u32,
    pub name: String,
    /// Absent if the link has no 6-byte hardware address.
    pub mac: Option<[u8; 6]>,
    /// Largest IP packet in bytes.
    pub mtu: u32,
    pub addresses: Vec<IpAddr>,
}

/// All interfaces of the caller's network namespace.
#[derive(Clone, Debug, Default)]
pub struct Interfaces {
    by_index: BTreeMap<u32, Interface>,
}

impl Interfaces {
    /// Asks the kernel.
    pub fn list() -> Result<Self, NetlinkError> {
        Self::ask(&mut Requests::open()?)
    }

    pub(super) fn ask(requests: &mut Requests) -> Result<Self, NetlinkError> {
        let mut interfaces = Interfaces::default();
        let links = RouteNetlinkMessage::GetLink(LinkMessage::default());
        for message in requests.ask(links, NLM_F_DUMP, || "list of links".into())? {
            if let RouteNetlinkMessage::NewLink(link) = message {
                let interface = from_link(&link);
                interfaces.by_index.insert(interface.index, interface);
            }
        }
        let addresses = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        for message in requests.ask(addresses, NLM_F_DUMP, || "list of addresses".into())? {
            if let RouteNetlinkMessage::NewAddress(address) = message
                && let Some(interface) = interfaces.by_index.get_mut(&address.header.index)
            {
                interface.addresses.extend(own_address(&address));
            }
        }
        Ok(interfaces)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Interface> {
        self.by_index.values()
    }

    pub fn by_index(&self, index: u32) -> Option<&Interface> {
        self.by_index.get(&index)
    }

    pub fn by_name(&self, name: &str) -> Option<&Interface> {
        self.iter().find(|interface| interface.name == name)
    }

    pub fn by_address(&self, address: IpAddr) -> Option<&Interface> {
        self.iter().find(|interface| interface.addresses.contains(&address))
    }
}

fn from_link(link: &LinkMessage) -> Interface {
    let mut interface =
        Interface { index: link.header.index, name: String::new(), mac: None, mtu: 0, addresses: Vec::new() };
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => interface.name.clone_from(name),
            LinkAttribute::Address(address) => interface.mac = address.as_slice().try_into().ok(),
            LinkAttribute::Mtu(mtu) => interface.mtu = *mtu,
            _ => {}
        }
    }
    interface
}

/// On a point-to-point link `Address` is the peer and `Local` is ours; elsewhere IPv6 has `Address` alone.
fn own_address(message: &AddressMessage) -> Option<IpAddr> {
    let mut address = None;
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(local) => return Some(*local),
            AddressAttribute::Address(other) => address = Some(*other),
            _ => {}
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::Interfaces;

    #[test]
    fn loopback_is_listed() {
        let interfaces = Interfaces::list().unwrap();
        let loopback = interfaces.by_name("lo").unwrap();
        assert_eq!(interfaces.by_index(loopback.index), Some(loopback));
        assert!(loopback.mtu >= 1500);
        assert_eq!(interfaces.by_address(IpAddr::V4(Ipv4Addr::LOCALHOST)), Some(loopback));
    }
}
