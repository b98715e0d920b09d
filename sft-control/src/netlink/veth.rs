//! Making and removing pairs of virtual Ethernet devices. The one place that changes the machine's network
//! configuration.

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
};

use super::{Interfaces, NetlinkError, socket::Requests};

/// A pair of devices: what is sent to one arrives at the other.
pub struct Veth<'a> {
    pub near: &'a str,
    pub far: &'a str,
    /// Largest IP packet in bytes.
    pub mtu: u32,
}

impl Veth<'_> {
    /// Makes the pair in the caller's network namespace, both ends up; returns the index of the near one.
    ///
    /// # Errors
    /// `Refused`, also if a name is taken.
    pub fn create(&self) -> Result<u32, NetlinkError> {
        let mut requests = Requests::open()?;
        let question = || format!("making the devices {} and {}", self.near, self.far);
        let mut link = self.end(self.near);
        let peer = InfoData::Veth(InfoVeth::Peer(self.end(self.far)));
        link.attributes
            .push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth), LinkInfo::Data(peer)]));
        requests.ask(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL, question)?;
        let interfaces = Interfaces::ask(&mut requests)?;
        let [far, near] = [self.far, self.near].map(|name| {
            let missing = std::io::ErrorKind::NotFound.into();
            let missing = NetlinkError::Refused { question: question(), reason: missing };
            let index = interfaces.by_name(name).ok_or(missing)?.index;
            requests.ask(RouteNetlinkMessage::SetLink(up(index)), 0, question)?;
            Ok(index)
        });
        far.and(near)
    }

    /// Removes a device with its peer, if it exists.
    ///
    /// # Errors
    /// `Refused` and `Socket`.
    pub fn remove(name: &str) -> Result<(), NetlinkError> {
        let mut requests = Requests::open()?;
        let Some(interface) = Interfaces::ask(&mut requests)?.by_name(name).cloned() else { return Ok(()) };
        let mut link = LinkMessage::default();
        link.header.index = interface.index;
        let question = || format!("removing the device {name}");
        requests.ask(RouteNetlinkMessage::DelLink(link), 0, question).map(drop)
    }

    /// With a queue for each CPU, so that those of one do not wait for another.
    fn end(&self, name: &str) -> LinkMessage {
        let queues = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u32;
        let mut link = LinkMessage::default();
        link.attributes = vec![
            LinkAttribute::IfName(name.into()),
            LinkAttribute::Mtu(self.mtu),
            LinkAttribute::NumTxQueues(queues),
            LinkAttribute::NumRxQueues(queues),
        ];
        link
    }
}

fn up(index: u32) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.header.flags = LinkFlags::Up | LinkFlags::Noarp;
    link.header.change_mask = link.header.flags;
    link
}
