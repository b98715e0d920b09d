//! Where media enters and leaves: interfaces to attach to, and our addresses on their VLANs.
//!
//! Decides from what it is told about the machine; it asks for nothing and changes nothing.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use sft_common::{frame::mapped, maps::LocalKey};

use super::load::{LoadError, Settings};
use crate::netlink::{Interface, Interfaces, NetlinkError};

/// What [`choose`] found.
#[derive(Debug)]
pub(super) struct Ports {
    /// To attach to; the first one also sends.
    pub(super) interfaces: Vec<Interface>,
    /// Own addresses with the VLANs that their media comes on.
    pub(super) local: Vec<LocalKey>,
}

/// An interface that has programs, and a VLAN of its frames.
type Port<'a> = (&'a Interface, u16);

/// `strips` says whether the interface of this name takes VLAN tags off received frames. Its VLANs are left out,
/// with a line in the log: their media would look untagged.
///
/// # Errors
/// `NoInterface`, `NoAddress`, `TagsStripped` if no address is left, and those of `strips`.
pub(super) fn choose(
    settings: &Settings,
    all: &Interfaces,
    strips: impl Fn(&str) -> Result<bool, NetlinkError>,
) -> Result<Ports, LoadError> {
    let chosen = chosen(settings, all)?;
    let mut stripping = BTreeSet::new();
    let mut sees = |(interface, vlan): Port<'_>| -> Result<bool, LoadError> {
        let sees = vlan == 0 || !strips(&interface.name)?;
        if !sees {
            stripping.insert(interface.name.clone());
        }
        Ok(sees)
    };
    let mut ports = Ports { interfaces: Vec::new(), local: Vec::new() };
    for &port in &chosen {
        if sees(port)? && !ports.interfaces.contains(port.0) {
            ports.interfaces.push(port.0.clone());
        }
    }
    for &address in &settings.media {
        for port in ports_of(address.ip(), all, &chosen) {
            let key = local_key(address, port.1);
            if sees(port)? && !ports.local.contains(&key) {
                ports.local.push(key);
            }
        }
    }
    for interface in stripping {
        let error = LoadError::TagsStripped(interface);
        if ports.local.is_empty() || ports.interfaces.is_empty() {
            return Err(error);
        }
        tracing::warn!("{error}");
    }
    Ok(ports)
}

/// Those that the operator named, else those that have a media address.
fn chosen<'a>(settings: &Settings, all: &'a Interfaces) -> Result<Vec<Port<'a>>, LoadError> {
    if settings.interfaces.is_empty() {
        let mut found = Vec::new();
        for interface in settings.media.iter().filter_map(|address| all.by_address(address.ip())) {
            let port = all.port(interface);
            if !found.contains(&port) {
                found.push(port);
            }
        }
        return if found.is_empty() { Err(LoadError::NoAddress) } else { Ok(found) };
    }
    let named = settings.interfaces.iter().map(|name| match all.by_name(name) {
        Some(interface) => Ok(all.port(interface)),
        None => Err(LoadError::NoInterface(name.clone())),
    });
    named.collect()
}

/// Where media for this address comes in: where the address is, or, if that is nowhere among the chosen
/// interfaces, on all that were chosen.
fn ports_of<'a>(address: IpAddr, all: &'a Interfaces, chosen: &[Port<'a>]) -> Vec<Port<'a>> {
    let home = all.by_address(address).map(|interface| all.port(interface));
    match home.filter(|(home, _)| chosen.iter().any(|(interface, _)| interface == home)) {
        Some(home) => vec![home],
        None => chosen.to_vec(),
    }
}

/// An own address as `LOCAL` holds it.
pub(super) fn local_key(address: SocketAddr, vlan: u16) -> LocalKey {
    LocalKey { address: octets(address), port: address.port().to_be_bytes(), vlan }
}

/// An address as the maps hold it.
pub(super) fn octets(address: SocketAddr) -> [u8; 16] {
    match address.ip() {
        IpAddr::V4(address) => mapped(address.octets()),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::Vlan;

    fn interface(index: u32, name: &str, address: &str, vlan: Option<Vlan>) -> Interface {
        let addresses = vec![address.parse().unwrap()];
        Interface { index, name: name.into(), mac: None, mtu: 1500, addresses, vlan }
    }

    /// `eth0` with a VLAN, `eth1`, and `lo`.
    fn machine() -> Interfaces {
        let vlan = Vlan { id: 100, parent: 2 };
        let interfaces = [
            interface(1, "lo", "192.0.2.99", None),
            interface(2, "eth0", "192.0.2.1", None),
            interface(3, "eth0.100", "198.51.100.1", Some(vlan)),
            interface(4, "eth1", "203.0.113.1", None),
        ];
        interfaces.into_iter().collect()
    }

    /// Names of interfaces; first byte and VLAN of each address.
    type Chosen = (Vec<String>, Vec<(u8, u16)>);

    /// What is chosen if `eth0` strips tags, or does not.
    fn chosen(named: &[&str], media: &[&str], strips: bool) -> Result<Chosen, LoadError> {
        let settings = Settings {
            interfaces: named.iter().map(|&name| name.into()).collect(),
            media: media.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 8586)).collect(),
            pin_dir: None,
            legs: 1,
            keystream: 0,
        };
        let ports = choose(&settings, &machine(), |name| Ok(strips && name == "eth0"))?;
        let names = ports.interfaces.into_iter().map(|interface| interface.name).collect();
        Ok((names, ports.local.iter().map(|key| (key.address[12], key.vlan)).collect()))
    }

    const PLAIN: &str = "192.0.2.1";
    const TAGGED: &str = "198.51.100.1";
    const OTHER: &str = "203.0.113.1";

    #[test]
    fn the_parent_of_a_vlan_is_attached_to_once() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let both = (names(&["eth0"]), vec![(198, 100), (192, 0)]);
        assert_eq!(chosen(&[], &[TAGGED, PLAIN], false).unwrap(), both);
        assert_eq!(chosen(&["eth0"], &[TAGGED, PLAIN], true).unwrap(), (names(&["eth0"]), vec![(192, 0)]));
        assert_eq!(chosen(&["eth0.100"], &[TAGGED, PLAIN], false).unwrap(), both);
        // An address that is on no interface for media comes in on those.
        let anywhere = chosen(&["eth0.100", "eth1"], &["192.0.2.99"], false).unwrap();
        assert_eq!(anywhere, (names(&["eth0", "eth1"]), vec![(192, 100), (192, 0)]));
        // An interface whose only use is a VLAN with stripped tags does not send.
        assert_eq!(chosen(&[], &[TAGGED, OTHER], true).unwrap(), (names(&["eth1"]), vec![(203, 0)]));
    }

    #[test]
    fn without_an_address_there_is_no_lane() {
        assert!(matches!(chosen(&[], &[TAGGED], true), Err(LoadError::TagsStripped(name)) if name == "eth0"));
        assert!(matches!(chosen(&["eth0"], &[TAGGED], true), Err(LoadError::TagsStripped(_))));
        assert!(matches!(chosen(&["eth7"], &[TAGGED], true), Err(LoadError::NoInterface(_))));
        assert!(matches!(chosen(&[], &["192.0.2.7"], true), Err(LoadError::NoAddress)));
    }
}
