//! Commands and their options.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use clap::{Args, Parser, Subcommand};

use crate::{core::Blacklist, dataplane::lanes::Mode};

/// Conference server for group calls, with its media path in the Linux kernel.
#[derive(Debug, Parser)]
#[command(name = "sft", version, propagate_version = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the server
    Serve(Box<Serve>),
    /// What the server does, and since when
    Status(Ask),
    /// Conferences: participants, lane and why, copies
    Calls(Ask),
    /// Legs: who sends what, and who receives whom in which slot and layer
    Legs(Ask),
    /// Forwarding maps of the kernel, decoded; also those a dead server left pinned
    Maps(Maps),
    /// Remove the programs and maps that a dead server left pinned
    Detach(Detach),
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address of the join's HTTP listener
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8585")]
    pub(super) http: SocketAddr,
    /// Address of the metrics listener
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:49090")]
    pub(super) metrics: SocketAddr,
    /// Control socket that the other commands ask
    #[arg(long, value_name = "SOCKET", default_value_os_t = default_control())]
    pub(super) control: PathBuf,
    /// Address for media, and the one clients see if a NAT is in between; repeatable. Without it, all
    /// addresses of this machine that others can reach
    #[arg(long, value_name = "LOCAL[=PUBLIC]")]
    pub(super) media_addr: Vec<MediaArgument>,
    /// UDP port of all media
    #[arg(long, value_name = "PORT", default_value_t = 8586)]
    pub(super) media_port: u16,
    /// Interface for the kernel lane, of a VLAN its parent; without it, the one that has the media addresses
    #[arg(long, value_name = "IF")]
    pub(super) interface: Vec<String>,
    /// Lanes to use
    #[arg(long, value_enum, default_value_t)]
    pub(super) dataplane: Mode,
    /// Directory on a BPF file system where the kernel lane pins its maps; without it, one below
    /// /sys/fs/bpf/sft for this network namespace and port
    #[arg(long, value_name = "DIR")]
    pub(super) pin_dir: Option<PathBuf>,
    /// Memory for key stream that the kernel lane prepares ahead of media; 0: the programs compute it
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    pub(super) keystream_memory: u32,
    /// URL at which clients reach this server's HTTP listener; without it, http://ADDR
    #[arg(long, value_name = "URL")]
    pub(super) public_url: Option<String>,
    /// Serve a page at /try with which anybody who reaches the HTTP listener can make a call in the browser
    #[arg(long = "try")]
    pub(super) try_page: bool,
    #[command(flatten)]
    pub(super) admission: Admission,
    #[command(flatten)]
    pub(super) limits: Limits,
}

/// Who may join.
#[derive(Debug, Args)]
#[command(next_help_heading = "Admission")]
pub(super) struct Admission {
    /// File whose first word is the secret that tokens are signed with; with it, every join needs a valid token
    #[arg(long, value_name = "FILE")]
    pub(super) token_secret: Option<PathBuf>,
    /// Let clients without a token join conferences that run, as the original does
    #[arg(long)]
    pub(super) allow_tokenless_joins: bool,
    /// Legs at a time with the same token
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) max_token_legs: usize,
    /// Versions of clients that are told to update: X.Y.Z, or <X.Y.Z for all before it; commas in between
    #[arg(long, value_name = "LIST")]
    pub(super) blacklist: Option<Blacklist>,
}

/// Receivers that a source can have.
const MOST_LEGS: i64 = sft_common::list::MAX_LIST as i64;

/// Limits, each with a clear refusal behind it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct Limits {
    /// Conferences at a time
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(super) max_conferences: usize,
    /// Legs of all conferences together
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub(super) max_legs: usize,
    /// Legs of one conference
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=MOST_LEGS))]
    pub(super) max_conference_legs: u16,
    /// Data-channel messages per second and leg
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(super) max_messages: u32,
    /// Bytes of a request's body
    #[arg(long, value_name = "BYTES", default_value_t = 512 * 1024)]
    pub(super) max_body: usize,
    /// HTTP connections at a time
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub(super) max_connections: usize,
}

#[derive(Debug, Args)]
pub(super) struct Ask {
    /// Control socket of the server
    #[arg(long, value_name = "SOCKET", default_value_os_t = default_control())]
    pub(super) control: PathBuf,
    /// Print JSON instead of tables
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Maps {
    /// One map; without it, a list of all
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Pin directory; without it, that of the server at the control socket, or the only one there is
    #[arg(long, value_name = "DIR")]
    pub(super) pin_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(super) ask: Ask,
}

#[derive(Debug, Args)]
pub(super) struct Detach {
    /// Pin directory; without it, the only one there is
    #[arg(long, value_name = "DIR")]
    pub(super) pin_dir: Option<PathBuf>,
}

/// `LOCAL[=PUBLIC]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MediaArgument {
    pub(super) local: IpAddr,
    pub(super) public: IpAddr,
}

impl FromStr for MediaArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = |text: &str| text.parse::<IpAddr>().map_err(|_| format!("{text:?} is no IP address"));
        let (local, public) = text.split_once('=').unwrap_or((text, text));
        let (local, public) = (address(local)?, address(public)?);
        if local.is_unspecified() {
            return Err("a concrete address is needed, one --media-addr for each".into());
        }
        if local.is_ipv4() != public.is_ipv4() {
            return Err("both addresses must be of the same family".into());
        }
        Ok(MediaArgument { local, public })
    }
}

/// `/run/sft.sock` for root, else a socket of the user's own.
fn default_control() -> PathBuf {
    // SAFETY: geteuid has no preconditions and cannot fail.
    let user = unsafe { libc::geteuid() };
    if user == 0 {
        return PathBuf::from("/run/sft.sock");
    }
    let directory = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    directory.join(format!("sft-{user}.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn media_addresses_may_name_a_public_one() {
        let plain: MediaArgument = "192.0.2.1".parse().unwrap();
        assert_eq!(plain.local, plain.public);
        let nat: MediaArgument = "192.0.2.1=198.51.100.7".parse().unwrap();
        assert_eq!(nat.public, "198.51.100.7".parse::<IpAddr>().unwrap());
        for wrong in ["", "0.0.0.0", "::", "192.0.2.1=", "192.0.2.1=2001:db8::1", "host", "192.0.2.1:80"] {
            assert!(wrong.parse::<MediaArgument>().is_err(), "{wrong}");
        }
    }
}
