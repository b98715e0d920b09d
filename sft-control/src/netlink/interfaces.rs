//! The machine's network interfaces and their addresses.

use std::{collections::BTreeMap, net::IpAddr};

use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_route::{
    RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::{InfoData, InfoVlan, LinkAttribute, LinkInfo, LinkMessage, VlanProtocol},
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
    /// Present on an 802.1Q interface whose parent is in this network namespace.
    pub vlan: Option<Vlan>,
}

/// What makes an interface one of a VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    pub id: u16,
    /// Index of the interface whose frames are tagged.
    pub parent: u32,
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

    /// The interface whose frames an interface's traffic is in, and the VLAN of those frames: its parent, or
    /// itself and 0. A VLAN on top of a VLAN stands for itself, since its frames have two tags.
    pub fn port<'a>(&'a self, interface: &'a Interface) -> (&'a Interface, u16) {
        let tagged = interface.vlan.and_then(|vlan| Some((self.by_index(vlan.parent)?, vlan.id)));
        match tagged {
            Some((parent, id)) if parent.vlan.is_none() => (parent, id),
            _ => (interface, 0),
        }
    }

    pub fn by_address(&self, address: IpAddr) -> Option<&Interface> {
        self.iter().find(|interface| interface.addresses.contains(&address))
    }
}

fn from_link(link: &LinkMessage) -> Interface {
    let mut interface = Interface {
        index: link.header.index,
        name: String::new(),
        mac: None,
        mtu: 0,
        addresses: Vec::new(),
        vlan: None,
    };
    let (mut parent, mut id, mut foreign) = (None, None, false);
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => interface.name.clone_from(name),
            LinkAttribute::Address(address) => interface.mac = address.as_slice().try_into().ok(),
            LinkAttribute::Mtu(mtu) => interface.mtu = *mtu,
            LinkAttribute::Link(index) => parent = Some(*index),
            LinkAttribute::LinkInfo(infos) => id = vlan_id(infos),
            // The parent's index means an interface of another namespace.
            LinkAttribute::LinkNetNsId(_) => foreign = true,
            _ => {}
        }
    }
    interface.vlan = id.zip(parent).filter(|_| !foreign).map(|(id, parent)| Vlan { id, parent });
    interface
}

/// The number of an 802.1Q interface's VLAN.
fn vlan_id(infos: &[LinkInfo]) -> Option<u16> {
    let vlan = infos.iter().find_map(|info| match info {
        LinkInfo::Data(InfoData::Vlan(vlan)) => Some(vlan),
        _ => None,
    })?;
    let mut found = None;
    for attribute in vlan {
        match attribute {
            InfoVlan::Id(id) => found = Some(*id),
            InfoVlan::Protocol(protocol) if *protocol != VlanProtocol::Ieee8021Q => return None,
            _ => {}
        }
    }
    found
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
impl FromIterator<Interface> for Interfaces {
    fn from_iter<T: IntoIterator<Item = Interface>>(interfaces: T) -> Self {
        let by_index = interfaces.into_iter().map(|interface| (interface.index, interface));
        Interfaces { by_index: by_index.collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    /// An interface as the kernel describes it: attributes of a VLAN on top of interface 2.
    fn link(index: u32, protocol: VlanProtocol, others: Vec<LinkAttribute>) -> Interface {
        let mut link = LinkMessage::default();
        link.header.index = index;
        let data = InfoData::Vlan(vec![InfoVlan::Id(100), InfoVlan::Protocol(protocol)]);
        link.attributes = others;
        link.attributes.extend([
            LinkAttribute::IfName(format!("link{index}")),
            LinkAttribute::Link(2),
            LinkAttribute::LinkInfo(vec![LinkInfo::Data(data)]),
        ]);
        from_link(&link)
    }

    #[test]
    fn a_vlan_interface_stands_for_its_parent() {
        let vlan = link(3, VlanProtocol::Ieee8021Q, vec![]);
        assert_eq!(vlan.vlan, Some(Vlan { id: 100, parent: 2 }));
        let parent = Interface { index: 2, vlan: None, ..vlan.clone() };
        let inner = Interface { index: 4, vlan: Some(Vlan { id: 7, parent: 3 }), ..vlan.clone() };
        let orphan = Interface { index: 5, vlan: Some(Vlan { id: 7, parent: 9 }), ..vlan.clone() };
        let all: Interfaces =
            [parent.clone(), vlan.clone(), inner.clone(), orphan.clone()].into_iter().collect();
        assert_eq!(all.port(&vlan), (&parent, 100));
        assert_eq!(all.port(&parent), (&parent, 0));
        assert_eq!(all.port(&inner), (&inner, 0), "two tags");
        assert_eq!(all.port(&orphan), (&orphan, 0));
    }

    #[test]
    fn what_is_no_vlan_of_an_interface_here_stands_for_itself() {
        assert_eq!(link(3, VlanProtocol::Ieee8021Ad, vec![]).vlan, None);
        assert_eq!(link(3, VlanProtocol::Ieee8021Q, vec![LinkAttribute::LinkNetNsId(1)]).vlan, None);
    }

    #[test]
    fn loopback_is_listed() {
        let interfaces = Interfaces::list().unwrap();
        let loopback = interfaces.by_name("lo").unwrap();
        assert_eq!(interfaces.by_index(loopback.index), Some(loopback));
        assert!(loopback.mtu >= 1500);
        assert_eq!(interfaces.by_address(IpAddr::V4(Ipv4Addr::LOCALHOST)), Some(loopback));
    }
}
