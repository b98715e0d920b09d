//! What is between clients and server: nothing, a firewall that lets media through a TURN server only, or a
//! translation of the server's address.
//!
//! The TURN server (coturn) runs beside the clients under an address of its own.

use std::{
    fs::File,
    path::Path,
    process::{Child, Stdio},
};

use super::{
    network::{CLIENT_INTERFACE, Network, SERVER_ADDRESS},
    server::{HTTP_PORT, MEDIA_PORT, PUBLIC_ADDRESS},
};
use crate::process::{Failure, Result, output, run};

/// Of the TURN server.
const TURN_ADDRESS: &str = "198.51.100.3";
/// Ports of its relayed addresses.
const FIRST_RELAYED: u16 = 49152;
const LAST_RELAYED: u16 = 49407;

/// What gets through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Firewall {
    Open,
    /// Of media nothing but what goes through the TURN server: clients have relayed addresses.
    TurnForClients,
    /// Not even that: the server itself has to be relayed.
    TurnForServer,
    /// Nothing but what goes to the server's public address.
    Nat,
}

/// A firewall, perhaps with a TURN server; both gone when dropped.
pub(crate) struct Closed<'a> {
    network: &'a Network,
    turn: Option<Child>,
}

impl Firewall {
    /// `None` if nothing is in the way.
    pub(crate) fn close<'a>(self, network: &'a Network, directory: &Path) -> Result<Option<Closed<'a>>> {
        let rules = match self {
            Self::Open => return Ok(None),
            Self::TurnForClients => relayed_only(true),
            Self::TurnForServer => relayed_only(false),
            Self::Nat => translation(),
        };
        let mut closed = Closed { network, turn: None };
        if self == Self::Nat {
            run(network.in_client().args(["ip", "route", "add", PUBLIC_ADDRESS, "dev", CLIENT_INTERFACE]))?;
        } else {
            let address = format!("{TURN_ADDRESS}/24");
            run(network.in_client().args(["ip", "addr", "add", &address, "dev", CLIENT_INTERFACE]))?;
            closed.turn = Some(start_turn(network, directory)?);
        }
        run(network.in_client().arg("nft").arg(rules))?;
        Ok(Some(closed))
    }
}

/// For both directions, in the clients' namespace. `client` says whether relayed addresses get through.
fn relayed_only(client: bool) -> String {
    let relayed = format!("{FIRST_RELAYED}-{LAST_RELAYED}");
    let (leaving, arriving) = if client {
        (
            format!("add rule inet sft out ip saddr {TURN_ADDRESS} udp sport {relayed} accept\n"),
            format!("add rule inet sft in ip daddr {TURN_ADDRESS} udp dport {relayed} accept\n"),
        )
    } else {
        Default::default()
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

/// Leads what goes to the public address to the server; join and media get there in no other way.
fn translation() -> String {
    format!(
        "add table inet sft\n\
         add chain inet sft direct {{ type filter hook output priority -150; }}\n\
         add rule inet sft direct ip daddr {SERVER_ADDRESS} udp dport {MEDIA_PORT} drop\n\
         add rule inet sft direct ip daddr {SERVER_ADDRESS} tcp dport {HTTP_PORT} drop\n\
         add chain inet sft public {{ type nat hook output priority -100; }}\n\
         add rule inet sft public ip daddr {PUBLIC_ADDRESS} dnat ip to {SERVER_ADDRESS}\n"
    )
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
        output(self.network.in_client().args(["nft", "delete", "table", "inet", "sft"]));
        let Some(turn) = &mut self.turn else {
            output(self.network.in_client().args(["ip", "route", "del", PUBLIC_ADDRESS]));
            return;
        };
        // It may have ended by itself.
        drop(turn.kill().and_then(|()| turn.wait()));
        let address = format!("{TURN_ADDRESS}/24");
        output(self.network.in_client().args(["ip", "addr", "del", &address, "dev", CLIENT_INTERFACE]));
    }
}
