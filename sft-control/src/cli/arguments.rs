//! Commands and their options.

use std::{
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use ipnet::IpNet;

use crate::{core::Blacklist, dataplane::lanes::Mode, http::Origin, url::Place};

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
    /// Print a configuration file with every option of `serve`, its meaning and its default
    Config,
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
    /// File with options, as `sft config` prints it; what the command line says counts more
    #[arg(long, value_name = "FILE", env = "SFT_CONFIG")]
    pub(super) config: Option<PathBuf>,
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
    /// URL at which clients reach this server's HTTP listener; without it, http://ADDR, or https://ADDR, where a
    /// media address stands for all addresses
    #[arg(long, value_name = "URL", value_parser = public_url)]
    pub(super) public_url: Option<String>,
    /// Use the TURN servers that clients name, to be reached by those that nothing else reaches
    #[arg(long)]
    pub(super) relay: bool,
    /// Network in which such a server may be, besides the public ones; repeatable
    #[arg(long, value_name = "CIDR")]
    pub(super) relay_allow: Vec<IpNet>,
    /// Log warnings and errors only, unless SFT_LOG says otherwise
    #[arg(long)]
    pub(super) quiet: bool,
    /// Ask every source for a key frame each second and switch layers at once, as the original does; to compare
    #[arg(long)]
    pub(super) imitate_original: bool,
    /// Serve a page at /try with which anybody who reaches the HTTP listener can make a call in the browser
    #[arg(long = "try")]
    pub(super) try_page: bool,
    #[command(flatten)]
    pub(super) web: Web,
    #[command(flatten)]
    pub(super) admission: Admission,
    #[command(flatten)]
    pub(super) limits: Limits,
}

/// How clients reach the join.
#[derive(Debug, Args)]
#[command(next_help_heading = "HTTPS and browsers")]
pub(super) struct Web {
    /// Serve the join over HTTPS with this certificate chain, PEM; read again when it changes and at SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Private key of that certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// Origin whose pages may join, or * for all; repeatable. Without it, no CORS headers are sent
    #[arg(long, value_name = "ORIGIN")]
    pub(super) cors_origin: Vec<Origin>,
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

/// The one definition of all commands and options.
pub(super) fn command() -> clap::Command {
    Arguments::command().mut_subcommand("serve", |serve| serve.mut_args(with_value))
}

/// A switch may be said to be on or off: a file states what holds anyway, and the command line turns off what the
/// file turns on.
fn with_value(option: Arg) -> Arg {
    if !matches!(option.get_action(), ArgAction::SetTrue) {
        return option;
    }
    option
        .action(ArgAction::Set)
        .value_name("BOOL")
        .num_args(0..=1)
        .require_equals(true)
        .default_value("false")
        .default_missing_value("true")
}

/// What was asked for.
///
/// # Errors
/// clap's, which can explain itself and end the process.
pub(super) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let matches = command().try_get_matches_from(words)?;
    Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command()))
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

/// Clients add a path to it, and conferences are told to be ours by it.
fn public_url(text: &str) -> Result<String, &'static str> {
    let is_web =
        |place: &Place| matches!(place.scheme.as_str(), "http" | "https") && !place.path.contains('?');
    let is_public = Place::of(text).is_some_and(|place| is_web(&place));
    is_public.then(|| text.to_owned()).ok_or("an absolute http or https URL is needed")
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
        command().debug_assert();
    }

    #[test]
    fn switches_are_off_or_on_as_they_are_said_to_be() {
        let relay = |words: &[&str]| {
            let words = ["sft", "serve"].iter().chain(words).map(OsString::from);
            match parse(words)?.command {
                Command::Serve(options) => Ok::<_, clap::Error>(options.relay),
                other => panic!("{other:?}"),
            }
        };
        for (words, expected) in [(&[][..], false), (&["--relay"], true), (&["--relay=false"], false)] {
            assert_eq!(relay(words).unwrap(), expected, "{words:?}");
        }
        for wrong in [&["--relay", "true"][..], &["--relay=yes"], &["--relay", "--relay"]] {
            assert!(relay(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_public_url_is_one_that_clients_can_post_to() {
        for good in
            ["https://sft.example.com", "http://192.0.2.1:8585", "https://sft.example.com/sfts/sftd-0/"]
        {
            assert_eq!(public_url(good).as_deref(), Ok(good));
        }
        for bad in ["", "sft.example.com", "/sfts/sftd-0", "ftp://sft.example.com", "https://a.example/?x"] {
            assert!(public_url(bad).is_err(), "{bad}");
        }
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
