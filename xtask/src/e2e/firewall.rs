//! What is between clients and server: nothing, or a firewall that lets media through a TURN server only.
//!
//! The TURN server (coturn) runs beside the clients under an address of its own.

use std::{
    fs::File,
    path::Path,
    process::{Child, Stdio},
};

use super::network::{CLIENT_INTERFACE, Network, SERVER_ADDRESS};
use crate::process::{Failure, Result, output, run};

/// Of the TURN server.
const TURN_ADDRESS: &str = "198.51.100.3";
/// Ports of its relayed addresses.
const FIRST_RELAYED: u16 = 49152;
const LAST_RELAYED: u16 = 49407;
/// Where the server takes media.
const MEDIA_PORT: u16 = 8586;

/// What gets through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Firewall {
    Open,
    /// Of media nothing but what goes through the TURN server: clients have relayed addresses.
    TurnForClients,
    /// Not even that: the server itself has to be relayed.
    TurnForServer,
}

/// A firewall with its TURN server; both gone when dropped.
pub(crate) struct Closed<'a> {
    network: &'a Network,
    turn: Child,
}

impl Firewall {
    /// `None` if nothing is in the way.
    pub(crate) fn close<'a>(self, network: &'a Network, directory: &Path) -> Result<Option<Closed<'a>>> {
        if self == Self::Open {
            return Ok(None);
        }
        let address = format!("{TURN_ADDRESS}/24");
        run(network.in_client().args(["ip", "addr", "add", &address, "dev", CLIENT_INTERFACE]))?;
        let closed = Closed { network, turn: start_turn(network, directory)? };
        run(network.in_client().arg("nft").arg(self.rules()))?;
        Ok(Some(closed))
    }

    /// For both directions, in the clients' namespace.
    fn rules(self) -> String {
        let relayed = format!("{FIRST_RELAYED}-{LAST_RELAYED}");
        let (leaving, arriving) = match self {
            Self::Open | Self::TurnForServer => (String::new(), String::new()),
            Self::TurnForClients => (
                format!("add rule inet sft out ip saddr {TURN_ADDRESS} udp sport {relayed} accept\n"),
                format!("add rule inet sft in ip daddr {TURN_ADDRESS} udp dport {relayed} accept\n"),
            ),
        };
        format!(
            "add table inet sft\n\
             add chain inet sft out {{ type filter hook output priority 0; }}\n\
             add chain inet sft in {{ type filter hook input priority 0; }}\n\
             {leaving}{arriving}\
             add rule inet sft out ip daddr {SERVER_ADDRESS} udp dport {MEDIA_PORT} drop\n\
             add rule inet sft in ip saddr {SERVER_ADDRESS} udp sport {MEDIA_PORT} drop\n"
        )
    }
}

fn start_turn(network: &Network, directory: &Path) -> Result<Child> {
    let log = directory.join("turn.log");
    let log = File::create(&log).map_err(Failure::io(log.display()))?;
    let errors = log.try_clone().map_err(Failure::io("sharing the log file"))?;
    let mut turn = network.in_client();
    turn.args([
        "turnserver",
        "-n",
        "--no-cli",
        "--no-tls",
        "--no-dtls",
        "--log-file=stdout",
        "--lt-cred-mech",
    ]);
    turn.args(["--realm=sft.test", "--user=user:secret"]);
    turn.arg(format!("--listening-ip={TURN_ADDRESS}")).arg(format!("--relay-ip={TURN_ADDRESS}"));
    turn.arg(format!("--min-port={FIRST_RELAYED}")).arg(format!("--max-port={LAST_RELAYED}"));
    turn.arg(format!("--pidfile={}", directory.join("turn.pid").display()));
    turn.stdin(Stdio::null()).stdout(log).stderr(errors);
    turn.spawn().map_err(Failure::io("starting turnserver"))
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.turn.kill().and_then(|()| self.turn.wait()));
        output(self.network.in_client().args(["nft", "delete", "table", "inet", "sft"]));
        let address = format!("{TURN_ADDRESS}/24");
        output(self.network.in_client().args(["ip", "addr", "del", &address, "dev", CLIENT_INTERFACE]));
    }
}
