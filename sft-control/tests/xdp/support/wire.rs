//! A wire between the server and its clients: two ends of a veth pair in a network namespace that only the
//! calling thread is in.
//!
//! Media arrives at the end [`SERVER`], where the programs are attached, and copies leave by it. The test is at
//! the other end with a packet socket.

use std::{
    ffi::CString,
    io,
    mem::size_of,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    process::Command,
    time::{Duration, Instant},
};

use super::packet::{Datagram, datagram};

pub(crate) const SERVER: &str = "server";
const CLIENTS: &str = "clients";
/// How long a frame may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Wire {
    socket: OwnedFd,
    /// Index of [`SERVER`].
    pub(crate) interface: u32,
}

impl Wire {
    /// Leaves the thread's network namespace for a new one.
    pub(crate) fn new() -> Wire {
        Wire::with_queues(1)
    }

    /// With so many queues in each direction, which different CPUs poll.
    pub(crate) fn with_queues(queues: usize) -> Wire {
        // SAFETY: no memory is involved.
        check(unsafe { libc::unshare(libc::CLONE_NEWNET) });
        let number = queues.to_string();
        let queues = ["numrxqueues", &number, "numtxqueues", &number];
        let (server, clients) = (["link", "add", SERVER], ["type", "veth", "peer", "name", CLIENTS]);
        run("ip", &[&server[..], &queues, &clients, &queues].concat());
        for name in [SERVER, CLIENTS] {
            // Without an IPv6 address of its own the kernel sends nothing.
            run("ip", &["link", "set", name, "addrgenmode", "none"]);
            run("ip", &["link", "set", name, "up"]);
        }
        // What is redirected into a veth device needs a peer that polls.
        run("ethtool", &["-K", CLIENTS, "gro", "on"]);
        Wire { socket: packet_socket(CLIENTS), interface: index(SERVER) }
    }

    /// Gives [`SERVER`] the MAC address and the addresses that `conference` names, and their networks.
    pub(crate) fn add_addresses(&self) {
        run("ip", &["link", "set", SERVER, "address", "02:00:00:00:00:01"]);
        run("ip", &["address", "add", "192.0.2.1/24", "dev", SERVER]);
        run("ip", &["address", "add", "2001:db8::1/64", "dev", SERVER, "nodad"]);
    }

    /// Lets the server know where the clients are. Until then it could only ask, and nobody answers.
    pub(crate) fn add_neighbours(&self) {
        for address in ["192.0.2.2", "2001:db8::2"] {
            let neighbour = [address, "lladdr", "02:00:00:00:00:02", "dev", SERVER, "nud", "permanent"];
            run("ip", &[&["neighbour", "replace"], &neighbour[..]].concat());
        }
    }

    /// Makes an interface of [`SERVER`]'s for a VLAN, with these addresses; `false` if the kernel has no VLANs.
    pub(crate) fn add_vlan(&self, id: u16, addresses: &[&str]) -> bool {
        let (name, id) = (format!("{SERVER}.{id}"), id.to_string());
        let link = ["link", "add", "link", SERVER, "name", &name, "type", "vlan", "id", &id];
        let made = Command::new("ip").args(link).output().unwrap();
        if String::from_utf8_lossy(&made.stderr).contains("Unknown device type") {
            return false;
        }
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        run("ip", &["link", "set", &name, "addrgenmode", "none"]);
        run("ip", &["link", "set", &name, "up"]);
        for address in addresses {
            run("ip", &["address", "add", address, "dev", &name, "nodad"]);
        }
        true
    }

    /// `true` if XDP programs are attached to [`SERVER`].
    pub(crate) fn has_programs(&self) -> bool {
        let output = Command::new("ip").args(["link", "show", SERVER]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains("xdp")
    }

    /// Puts a frame on the wire towards the server.
    pub(crate) fn send(&self, frame: &[u8]) {
        put(&self.socket, frame);
    }

    /// The next datagram from the server; `None` if nothing has come for a while.
    pub(crate) fn receive(&self) -> Option<Datagram> {
        self.next(0)
    }

    /// A datagram that is already there.
    pub(crate) fn waiting(&self) -> Option<Datagram> {
        self.next(libc::MSG_DONTWAIT)
    }

    fn next(&self, flags: i32) -> Option<Datagram> {
        let mut buffer = [0; 4096];
        loop {
            let (length, vlan) = receive(&self.socket, &mut buffer, flags)?;
            if let Some(datagram) = datagram(&buffer[..length]) {
                return Some(Datagram { vlan, ..datagram });
            }
        }
    }

    /// The next `count` datagrams.
    pub(crate) fn receive_all(&self, count: usize) -> Vec<Datagram> {
        (0..count)
            .map(|n| self.receive().unwrap_or_else(|| panic!("{n} of {count} datagrams came")))
            .collect()
    }

    /// What sockets send crosses the wire as on a cable: cut, and with checksums.
    pub(crate) fn like_a_cable(&self) {
        run("ethtool", &["-K", SERVER, "tx-checksumming", "off", "tx-udp-segmentation", "off"]);
    }

    /// Nobody takes frames from the wire any more, and the server's end does not know.
    pub(crate) fn cut(&self) {
        down(CLIENTS);
    }
}

/// Puts frames on the wire from one CPU, whose queue they take.
pub(crate) struct Sending(OwnedFd);

impl Sending {
    /// Binds the calling thread to the CPU, if there is such a one.
    pub(crate) fn from_cpu(cpu: usize) -> Sending {
        // SAFETY: a set of ours.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(cpu, &mut set);
            libc::sched_setaffinity(0, size_of_val(&set), &raw const set);
        }
        let socket = packet_socket(CLIENTS);
        option(&socket, libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, &1_i32);
        Sending(socket)
    }

    /// Puts a frame on the wire towards the server.
    pub(crate) fn send(&self, frame: &[u8]) {
        put(&self.0, frame);
    }
}

fn put(socket: &OwnedFd, frame: &[u8]) {
    // SAFETY: the bytes are ours.
    let sent = unsafe { libc::send(socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
    assert_eq!(sent, frame.len() as isize, "{}", io::Error::last_os_error());
}

/// A chain: another pair, whose near end has this index.
pub(crate) fn chain(far: &str) -> u32 {
    run("ip", &["link", "add", "near", "type", "veth", "peer", "name", far]);
    for name in ["near", far] {
        run("ip", &["link", "set", name, "addrgenmode", "none", "up"]);
    }
    index("near")
}

/// The device takes nothing any more.
pub(crate) fn down(name: &str) {
    run("ip", &["link", "set", name, "down"]);
}

/// Waits until `done` says so, since frames are handled by another CPU.
#[track_caller]
pub(crate) fn wait_for(done: impl FnMut() -> bool) {
    assert!(happens(done), "it has not happened");
}

/// Waits until `done` says so; `false` if it does not for a while.
pub(crate) fn happens(mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

fn packet_socket(interface: &str) -> OwnedFd {
    let protocol = (libc::ETH_P_ALL as u16).to_be();
    let timeout = libc::timeval { tv_sec: 1, tv_usec: 0 };
    // SAFETY: a new descriptor that nobody else owns, and options and an address of the sizes that are given.
    unsafe {
        let socket = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, i32::from(protocol));
        check(socket);
        let socket = OwnedFd::from_raw_fd(socket);
        option(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1_i32);
        option(&socket, libc::SOL_PACKET, libc::PACKET_AUXDATA, &1_i32);
        option(&socket, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &timeout);
        option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &(8 << 20));
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol;
        address.sll_ifindex = index(interface) as i32;
        let length = size_of::<libc::sockaddr_ll>() as u32;
        check(libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length));
        socket
    }
}

/// The next frame: its length, and the VLAN of its tag, which the kernel has taken off; 0 = it had none.
fn receive(socket: &OwnedFd, buffer: &mut [u8], flags: i32) -> Option<(usize, u16)> {
    let mut control = [0_u64; 8];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: buffers of ours that are as long as we say, and the kernel's own control message in one of them.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        (message.msg_control, message.msg_controllen) = (control.as_mut_ptr().cast(), size_of_val(&control));
        let length = libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags);
        let length = usize::try_from(length).ok()?;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        assert!(!header.is_null(), "the kernel says what it has taken off");
        let beside = libc::CMSG_DATA(header).cast::<libc::tpacket_auxdata>().read_unaligned();
        let tagged = beside.tp_status & libc::TP_STATUS_VLAN_VALID != 0;
        Some((length, if tagged { beside.tp_vlan_tci } else { 0 }))
    }
}

fn option<T>(socket: &OwnedFd, level: i32, name: i32, value: &T) {
    let length = size_of::<T>() as u32;
    // SAFETY: the value is as long as we say.
    check(unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length)
    });
}

fn index(interface: &str) -> u32 {
    let name = CString::new(interface).unwrap();
    // SAFETY: a string that ends with 0.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    assert_ne!(index, 0, "{interface}: {}", io::Error::last_os_error());
    index
}

pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}: {errors}", arguments.join(" "));
}

fn check(result: i32) {
    assert!(result >= 0, "{}", io::Error::last_os_error());
}
