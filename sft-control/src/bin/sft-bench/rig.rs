//! The machine that is measured: a network namespace of our own with a veth pair. The server's end has an
//! address; the clients' end takes and gives frames only.

use std::{fs, io, net::Ipv4Addr, path::Path, process::Command, ptr};

use sft_common::{
    checksum,
    frame::{Family, mapped},
    maps::PathRecord,
    rewrite,
};

use crate::{Failure, cpu::Poller, lanes};

/// Documentation range (RFC 5737).
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
pub(crate) const CLIENTS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
pub(crate) const MEDIA_PORT: u16 = 8586;
pub(crate) const SERVER_INTERFACE: &str = "sft0";
pub(crate) const CLIENT_INTERFACE: &str = "client0";
/// A BPF file system of our own.
pub(crate) const PINS: &str = "/sys/fs/bpf";

/// What the measurements need to know.
pub(crate) struct Rig {
    pub(crate) server_mac: [u8; 6],
    pub(crate) client_mac: [u8; 6],
    /// Index of [`SERVER_INTERFACE`].
    pub(crate) interface: u32,
    /// Receives what clients send, runs the XDP programs, or feeds the sockets.
    pub(crate) server: Poller,
}

impl Rig {
    /// Moves the process into namespaces of its own, which end with it, and builds the pair. To be called
    /// before any thread is started.
    pub(crate) fn build() -> Result<Self, Failure> {
        unshare()?;
        mount("none", "/", None, libc::MS_REC | libc::MS_PRIVATE)?;
        mount("sysfs", "/sys", Some("sysfs"), 0)?;
        mount("bpf", PINS, Some("bpf"), 0)?;
        ip(&["link", "set", "lo", "up"])?;
        ip(&["link", "add", SERVER_INTERFACE, "type", "veth", "peer", "name", CLIENT_INTERFACE])?;
        ip(&["addr", "add", &format!("{SERVER}/24"), "dev", SERVER_INTERFACE])?;
        for interface in [SERVER_INTERFACE, CLIENT_INTERFACE] {
            ip(&["link", "set", interface, "up"])?;
            // A veth interface is polled only with GRO or an XDP program. Frames cross it one by one, as on a
            // wire.
            let features = ["gro", "on", "tx-udp-segmentation", "off"];
            run(Command::new("ethtool").args(["-K", interface]).args(features))?;
            poll_in_thread(interface)?;
        }
        let (server_mac, client_mac) = (mac(SERVER_INTERFACE)?, mac(CLIENT_INTERFACE)?);
        let neighbour = client_mac.map(|byte| format!("{byte:02x}")).join(":");
        ip(&["neigh", "replace", &CLIENTS.to_string(), "lladdr", &neighbour, "dev", SERVER_INTERFACE])?;
        let interface = fs::read_to_string(format!("/sys/class/net/{SERVER_INTERFACE}/ifindex"))?;
        let interface = interface.trim().parse()?;
        Ok(Rig { server_mac, client_mac, interface, server: Poller::of(SERVER_INTERFACE)? })
    }
}

/// Lets one thread do all the receiving of an interface.
pub(crate) fn poll_in_thread(interface: &str) -> Result<Poller, Failure> {
    fs::write(Path::new("/sys/class/net").join(interface).join("threaded"), "1")?;
    Poller::of(interface)
}

impl Rig {
    /// An Ethernet frame with this packet from the sender's address to the server's.
    pub(crate) fn to_server(&self, packet: &[u8]) -> Vec<u8> {
        let sender = lanes::tuple(lanes::SENDER).remote.port();
        let (server, clients) = (mapped(SERVER.octets()), mapped(CLIENTS.octets()));
        let path = PathRecord {
            local: clients,
            remote: server,
            local_port: sender.to_be_bytes(),
            remote_port: MEDIA_PORT.to_be_bytes(),
            source_mac: self.client_mac,
            destination_mac: self.server_mac,
            family: Family::V4 as u32,
            ..PathRecord::default()
        };
        let sum = checksum::add_bytes(0, packet);
        let check = rewrite::udp_checksum(&path, packet.len(), sum);
        [&rewrite::ethernet(&path)[..], &rewrite::ipv4(&path, packet.len(), check), packet].concat()
    }
}

pub(crate) fn unshare() -> Result<(), Failure> {
    // SAFETY: no pointers; the process has one thread.
    match unsafe { libc::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWNS) } {
        0 => Ok(()),
        _ => Err(format!("namespaces of our own: {}: root is needed", io::Error::last_os_error()).into()),
    }
}

pub(crate) fn mount(
    source: &str,
    target: &str,
    kind: Option<&str>,
    flags: libc::c_ulong,
) -> Result<(), Failure> {
    let text = |text: &str| std::ffi::CString::new(text);
    let (source, path) = (text(source)?, text(target)?);
    let kind = kind.map(text).transpose()?;
    let kind = kind.as_ref().map_or(ptr::null(), |kind| kind.as_ptr());
    // SAFETY: strings that live through the call.
    match unsafe { libc::mount(source.as_ptr(), path.as_ptr(), kind, flags, ptr::null()) } {
        0 => Ok(()),
        _ => Err(format!("mounting {target}: {}", io::Error::last_os_error()).into()),
    }
}

fn mac(interface: &str) -> Result<[u8; 6], Failure> {
    let text = fs::read_to_string(format!("/sys/class/net/{interface}/address"))?;
    let bytes: Result<Vec<u8>, _> = text.trim().split(':').map(|byte| u8::from_str_radix(byte, 16)).collect();
    bytes?.try_into().map_err(|_| format!("{interface} has no Ethernet address").into())
}

pub(crate) fn ip(arguments: &[&str]) -> Result<(), Failure> {
    run(Command::new("ip").args(arguments))
}

pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}
