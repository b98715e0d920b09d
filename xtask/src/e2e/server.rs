//! The server under test: `target/release/sft serve` in its namespace, killed when dropped.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::network::{Network, SERVER_ADDRESS, SERVER_ADDRESS_V6, SERVER_INTERFACE};
use crate::process::{Failure, Result, output};

pub(crate) const HTTP_PORT: u16 = 8585;
const METRICS_PORT: u16 = 49090;
/// Where the server takes media.
pub(crate) const MEDIA_PORT: u16 = 8586;
/// What clients have for [`SERVER_ADDRESS`] behind [`Address::BehindNat`].
pub(crate) const PUBLIC_ADDRESS: &str = "203.0.113.1";

/// Which user the server runs as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    Root,
    /// `nobody`, without any capability.
    Nobody,
}

/// Where clients find the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    V4,
    V6,
    /// Under another address than it has itself, of which it has been told.
    BehindNat,
    /// Over TLS.
    Https,
}

impl Address {
    /// URL of the join as clients have it.
    pub(crate) fn url(self, ports: Ports) -> String {
        let port = ports.http();
        match self {
            Self::V4 => format!("http://{SERVER_ADDRESS}:{port}"),
            Self::V6 => format!("http://[{SERVER_ADDRESS_V6}]:{port}"),
            Self::BehindNat => format!("http://{PUBLIC_ADDRESS}:{port}"),
            Self::Https => format!("https://{SERVER_ADDRESS}:{port}"),
        }
    }

    /// Of the join listener, as the server has it.
    fn host(self) -> String {
        match self {
            Self::V6 => format!("[{SERVER_ADDRESS_V6}]"),
            _ => SERVER_ADDRESS.into(),
        }
    }

    /// Value of `--media-addr`.
    fn media(self) -> String {
        match self {
            Self::V6 => SERVER_ADDRESS_V6.into(),
            Self::BehindNat => format!("{SERVER_ADDRESS}={PUBLIC_ADDRESS}"),
            Self::V4 | Self::Https => SERVER_ADDRESS.into(),
        }
    }
}

/// Where one of the servers of a scenario listens; the first is where [`super::firewall`] expects it.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    /// Of the server, from 0 on.
    pub(crate) server: u16,
}

impl Ports {
    pub(crate) fn http(self) -> u16 {
        HTTP_PORT + 10 * self.server
    }

    pub(crate) fn media(self) -> u16 {
        MEDIA_PORT + 10 * self.server
    }

    pub(crate) fn metrics(self) -> u16 {
        METRICS_PORT + 10 * self.server
    }
}

/// How to start a server of one scenario.
pub(crate) struct Setup<'a> {
    pub(crate) network: &'a Network,
    /// The binary.
    pub(crate) program: &'a Path,
    /// Where the log and the control socket go; every user may write there.
    pub(crate) directory: PathBuf,
    pub(crate) pins: PathBuf,
    pub(crate) dataplane: &'static str,
    pub(crate) address: Address,
    pub(crate) ports: Ports,
    /// Further options of `sft serve`.
    pub(crate) options: Vec<String>,
    pub(crate) user: User,
}

pub(crate) struct Server<'a> {
    setup: Setup<'a>,
    child: Child,
}

impl<'a> Server<'a> {
    pub(crate) fn start(setup: Setup<'a>) -> Result<Self> {
        fs::create_dir_all(&setup.directory).map_err(Failure::io(setup.directory.display()))?;
        let everybody = fs::Permissions::from_mode(0o777);
        fs::set_permissions(&setup.directory, everybody).map_err(Failure::io(setup.directory.display()))?;
        let child = setup.spawn()?;
        Ok(Self { setup, child })
    }

    /// Kills the server as a crash would, without a chance to clean up, and starts it again.
    pub(crate) fn crash_and_restart(&mut self) -> Result<()> {
        self.kill()?;
        self.child = self.setup.spawn()?;
        Ok(())
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.setup.log_file()
    }

    fn kill(&mut self) -> Result<()> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map(drop)
            .map_err(Failure::io("killing the server"))
    }
}

impl Setup<'_> {
    fn log_file(&self) -> PathBuf {
        self.directory.join("sft.log")
    }

    fn spawn(&self) -> Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file());
        let log = log.map_err(Failure::io(self.log_file().display()))?;
        let errors = log.try_clone().map_err(Failure::io("sharing the log file"))?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        command.spawn().map_err(Failure::io(self.program.display()))
    }

    fn command(&self) -> Command {
        let mut command = self.network.in_server();
        if self.user == User::Nobody {
            command.args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
            command.args(["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]);
        }
        command.arg(self.program).arg("serve");
        command.arg("--http").arg(format!("{}:{}", self.address.host(), self.ports.http()));
        command.arg("--metrics").arg(format!("{SERVER_ADDRESS}:{}", self.ports.metrics()));
        command.arg("--public-url").arg(self.address.url(self.ports));
        command.arg("--control").arg(self.directory.join("control.sock"));
        command.arg("--media-addr").arg(self.address.media());
        command.args(["--media-port", &self.ports.media().to_string(), "--interface", SERVER_INTERFACE]);
        command.args(["--dataplane", self.dataplane]).arg("--pin-dir").arg(&self.pins);
        command.args(&self.options);
        command
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // The server may have ended by itself; then there is nothing to kill.
        drop(self.kill());
        if self.setup.user == User::Root {
            let mut detach = self.setup.network.in_server();
            output(detach.arg(self.setup.program).args(["detach", "--pin-dir"]).arg(&self.setup.pins));
        }
    }
}
