//! Two network namespaces joined by a veth pair: the server's and the clients'. All traffic stays inside.

use std::{fs, path::PathBuf, process::Command};

use crate::process::{Failure, Result, command, output, run};

/// Address of the server (documentation range, RFC 5737).
pub(crate) const SERVER_ADDRESS: &str = "198.51.100.1";
const CLIENT_ADDRESS: &str = "198.51.100.2";
/// What clients get when they change network.
pub(crate) const MOVED_ADDRESS: &str = "192.0.2.2";
/// Documentation range of IPv6, RFC 3849.
pub(crate) const SERVER_ADDRESS_V6: &str = "2001:db8::1";
const CLIENT_ADDRESS_V6: &str = "2001:db8::2";
const SUBNET: &str = "198.51.100.0/24";
pub(crate) const SERVER_INTERFACE: &str = "sft0";
pub(crate) const CLIENT_INTERFACE: &str = "client0";

/// Removed with everything in it when dropped.
pub(crate) struct Network {
    server: String,
    client: String,
}

impl Network {
    /// Makes both namespaces; their names contain our process id, so parallel runs do not meet.
    pub(crate) fn create() -> Result<Self> {
        let id = std::process::id();
        let network =
            Self { server: format!("sft-test-{id}-server"), client: format!("sft-test-{id}-client") };
        for name in [&network.server, &network.client] {
            ip(&["netns", "add", name])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
        }
        let (server, client) = (network.server.as_str(), network.client.as_str());
        ip(&[
            "-n",
            server,
            "link",
            "add",
            SERVER_INTERFACE,
            "type",
            "veth",
            "peer",
            "name",
            CLIENT_INTERFACE,
            "netns",
            client,
        ])?;
        for (name, interface, v4, v6) in [
            (server, SERVER_INTERFACE, SERVER_ADDRESS, SERVER_ADDRESS_V6),
            (client, CLIENT_INTERFACE, CLIENT_ADDRESS, CLIENT_ADDRESS_V6),
        ] {
            ip(&["-n", name, "addr", "add", &format!("{v4}/24"), "dev", interface])?;
            // Nobody else is there to have the address.
            ip(&["-n", name, "addr", "add", &format!("{v6}/64"), "dev", interface, "nodad"])?;
            ip(&["-n", name, "link", "set", interface, "up"])?;
            // A veth peer takes frames sent by XDP only while it polls, and GRO makes it poll.
            run(network.enter(name).args(["ethtool", "-K", interface, "gro", "on"]))?;
        }
        // Browsers do not gather what is on the loopback interface.
        ip(&["-n", client, "addr", "add", MOVED_ADDRESS, "dev", "lo"])?;
        ip(&["-n", server, "route", "add", MOVED_ADDRESS, "dev", SERVER_INTERFACE])?;
        poll_in_a_thread(client, CLIENT_INTERFACE)?;
        Ok(network)
    }

    /// A command inside the server's namespace.
    pub(crate) fn in_server(&self) -> Command {
        self.enter(&self.server)
    }

    /// A command inside the clients' namespace.
    pub(crate) fn in_client(&self) -> Command {
        self.enter(&self.client)
    }

    /// Takes the clients' address away and gives them [`MOVED_ADDRESS`], until the result is dropped.
    pub(crate) fn move_clients(&self) -> Result<Moved<'_>> {
        let moved = Moved { network: self };
        ip(&["-n", &self.client, "addr", "add", MOVED_ADDRESS, "dev", CLIENT_INTERFACE])?;
        ip(&["-n", &self.client, "addr", "del", &format!("{CLIENT_ADDRESS}/24"), "dev", CLIENT_INTERFACE])?;
        ip(&["-n", &self.client, "route", "add", SUBNET, "dev", CLIENT_INTERFACE, "src", MOVED_ADDRESS])?;
        Ok(moved)
    }

    /// `nsenter` changes the network only; `ip netns exec` would also hide `/sys/fs/bpf`.
    fn enter(&self, name: &str) -> Command {
        let mut nsenter = command("nsenter");
        nsenter.arg(format!("--net=/run/netns/{name}"));
        nsenter
    }
}

/// Clients that are in another network.
pub(crate) struct Moved<'a> {
    network: &'a Network,
}

impl Drop for Moved<'_> {
    fn drop(&mut self) {
        let client = self.network.client.as_str();
        // What was never added cannot be removed.
        for arguments in [
            ["route", "del", SUBNET, "dev", CLIENT_INTERFACE],
            ["addr", "del", MOVED_ADDRESS, "dev", CLIENT_INTERFACE],
            ["addr", "add", &format!("{CLIENT_ADDRESS}/24"), "dev", CLIENT_INTERFACE],
        ] {
            output(command("ip").args(["-n", client]).args(arguments));
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in [&self.server, &self.client] {
            output(command("ip").args(["netns", "del", name]));
        }
    }
}

/// A veth interface holds 256 frames. While the server's end makes copies in one go, the clients' end has to
/// take them on another CPU; a network card would hold several times as many.
fn poll_in_a_thread(namespace: &str, interface: &str) -> Result<()> {
    let order = format!("echo 1 > /sys/class/net/{interface}/threaded");
    // `ip netns exec` shows the namespace's own interfaces below /sys.
    run(command("ip").args(["netns", "exec", namespace, "sh", "-c", &order]))
}

fn ip(arguments: &[&str]) -> Result<()> {
    run(command("ip").args(arguments))
}

/// A directory on a BPF file system of our own, where the server pins its maps; unmounted when dropped.
pub(crate) struct PinDirectory(PathBuf);

impl PinDirectory {
    pub(crate) fn mount() -> Result<Self> {
        let path = PathBuf::from(format!("/run/sft-test-{}", std::process::id()));
        fs::create_dir_all(&path).map_err(Failure::io(path.display()))?;
        run(command("mount").args(["-t", "bpf", "bpf"]).arg(&path))?;
        Ok(Self(path))
    }

    /// The pin directory of one scenario.
    pub(crate) fn of(&self, scenario: &str) -> PathBuf {
        self.0.join(scenario)
    }
}

impl Drop for PinDirectory {
    fn drop(&mut self) {
        output(command("umount").arg(&self.0));
        // What is left if this fails is an empty directory below /run.
        drop(fs::remove_dir(&self.0));
    }
}
