//! Two network namespaces joined by a veth pair: the server's, and the clients', which is this process's own.
//! Both end with the process.

use std::{fs, fs::File, os::fd::AsRawFd, path::Path, process::Command};

use crate::{
    Failure,
    cpu::Poller,
    rig::{PINS, ip, mount, run, unshare},
};

/// Documentation range (RFC 5737).
pub(super) const SERVER: &str = "198.51.100.1";
const CLIENTS: &str = "198.51.100.2";
/// In front of a program that needs a socket for each leg.
pub(super) const MANY_FILES: [&str; 4] = ["sh", "-c", r#"ulimit -S -n "$(ulimit -H -n)"; exec "$@""#, "sh"];

pub(super) struct Network {
    server: File,
    /// The server's interface.
    pub(super) interface: String,
    /// Polls it.
    pub(super) poller: Poller,
}

impl Network {
    /// To be called before any thread is started.
    pub(super) fn build() -> Result<Self, Failure> {
        // The kernel threads that poll are known by the interface's name, and other benchmarks may be running.
        let id = std::process::id();
        let (interface, peer) = (format!("s{id}"), format!("c{id}"));
        unshare()?;
        mount("none", "/", None, libc::MS_REC | libc::MS_PRIVATE)?;
        ip(&["link", "set", "lo", "up"])?;
        ip(&["link", "add", &interface, "type", "veth", "peer", "name", &peer])?;
        set_up(&interface, SERVER)?;
        let network =
            Network { server: File::open("/proc/self/ns/net")?, poller: Poller::of(&interface)?, interface };
        unshare()?;
        let mut give = network.in_server("ip");
        run(give.args(["link", "set", &peer, "netns", &id.to_string()]))?;
        ip(&["link", "set", "lo", "up"])?;
        set_up(&peer, CLIENTS)?;
        mount("bpf", PINS, Some("bpf"), 0)?;
        network.poller.prefer(0)?;
        Poller::of(&peer)?.prefer(1)?;
        Ok(network)
    }

    /// A command in the server's namespace, which may open as many sockets as it wants.
    pub(super) fn in_server(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        let descriptor = self.server.as_raw_fd();
        command.arg(format!("--net=/proc/{}/fd/{descriptor}", std::process::id()));
        command.args(MANY_FILES).arg(program);
        command
    }
}

/// An interface of the namespace that the process is in now. One thread does all its polling.
fn set_up(interface: &str, address: &str) -> Result<(), Failure> {
    mount("sysfs", "/sys", Some("sysfs"), 0)?;
    ip(&["addr", "add", &format!("{address}/24"), "dev", interface])?;
    ip(&["link", "set", interface, "up"])?;
    run(Command::new("ethtool").args(["-K", interface, "gro", "on"]))?;
    fs::write(Path::new("/sys/class/net").join(interface).join("threaded"), "1")?;
    Ok(())
}
