//! The server under measurement, and what it uses.

use std::{
    fs,
    ops::Sub,
    os::fd::{AsFd, AsRawFd},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use aya::maps::MapData;
use serde_json::Value;
use sft_common::maps::name;

use super::network::{Network, SERVER};
use crate::{Failure, cpu, rig::PINS};

pub(super) const HTTP_PORT: u16 = 8585;
/// Longest start.
const PATIENCE: Duration = Duration::from_secs(20);

/// Killed when dropped.
pub(super) struct Server {
    child: Child,
    control: PathBuf,
    pins: PathBuf,
}

/// CPU time.
#[derive(Clone, Copy)]
pub(super) struct Spent {
    pub(super) process: Duration,
    pub(super) softirq: Duration,
}

impl Sub for Spent {
    type Output = Spent;
    fn sub(self, before: Spent) -> Spent {
        Spent { process: self.process - before.process, softirq: self.softirq - before.softirq }
    }
}

/// What the kernel lane has counted.
#[derive(Clone, Copy)]
pub(super) struct Totals {
    pub(super) copies: u64,
    pub(super) transmit_full: u64,
}

impl Sub for Totals {
    type Output = Totals;
    fn sub(self, before: Totals) -> Totals {
        Totals {
            copies: self.copies - before.copies,
            transmit_full: self.transmit_full - before.transmit_full,
        }
    }
}

impl Server {
    /// One for so many legs. Returns when it can be asked.
    pub(super) fn start(network: &Network, legs: usize) -> Result<Self, Failure> {
        let id = std::process::id();
        let control = std::env::temp_dir().join(format!("sft-bench-{id}.sock"));
        let pins = Path::new(PINS).join("scale");
        let legs = legs.to_string();
        let mut command = network.in_server(program("sft")?);
        command.args(["serve", "--media-addr", SERVER, "--interface", &network.interface]);
        command.args(["--dataplane", "xdp", "--max-legs", &legs, "--max-conference-legs", &legs]);
        command.arg("--http").arg(format!("{SERVER}:{HTTP_PORT}"));
        command.arg("--metrics").arg(format!("{SERVER}:49090"));
        command.arg("--control").arg(&control).arg("--pin-dir").arg(&pins);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server { child: command.spawn()?, control, pins };
        let began = Instant::now();
        while server.status().is_err() {
            if began.elapsed() > PATIENCE {
                return Err("the server does not start; `sft serve --dataplane xdp` says why".into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    fn status(&self) -> Result<Value, Failure> {
        let mut sft = Command::new(program("sft")?);
        let output = sft.args(["status", "--json", "--control"]).arg(&self.control).output()?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    pub(super) fn totals(&self) -> Result<Totals, Failure> {
        let status = self.status()?;
        let lane = &status["lanes"][0];
        let number = |value: &Value| value.as_u64().ok_or("the server's status lacks a number");
        let drops = lane["drops"].as_array().into_iter().flatten();
        let full = drops.into_iter().find(|drop| drop["reason"] == "transmit_full");
        Ok(Totals {
            copies: number(&lane["video_copies"])?,
            transmit_full: number(full.map_or(&Value::Null, |drop| &drop["count"]))?,
        })
    }

    /// CPU time so far of all its threads, and of the one that polls its interface.
    pub(super) fn spent(&self, network: &Network) -> Result<Spent, Failure> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()))?;
        let process = tasks.map(|task| cpu::of_task(&task?.path())).sum::<Result<Duration, Failure>>()?;
        Ok(Spent { process, softirq: network.poller.time()? })
    }

    /// Anonymous memory of the process in bytes.
    pub(super) fn private_bytes(&self) -> Result<u64, Failure> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        kilobytes(&rollup, "Anonymous:").ok_or_else(|| "no figure of anonymous memory".into())
    }

    /// Memory of its maps in the kernel in bytes, without the rings of prepared key stream.
    pub(super) fn map_bytes(&self) -> Result<u64, Failure> {
        let mut sum = 0;
        for pin in fs::read_dir(&self.pins)?.flatten() {
            let file = pin.file_name();
            if [name::KEYSTREAM_SHORT, name::KEYSTREAM_LONG].iter().any(|ring| file == *ring) {
                continue;
            }
            let Ok(map) = MapData::from_pin(pin.path()) else { continue };
            let descriptor = map.fd().as_fd().as_raw_fd();
            let text = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}"))?;
            // Links are pinned beside the maps, and take none.
            sum += number(&text, "memlock:").unwrap_or(0);
        }
        Ok(sum)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill().and_then(|()| self.child.wait());
        if let Ok(program) = program("sft") {
            let _ = Command::new(program).args(["detach", "--pin-dir"]).arg(&self.pins).output();
        }
        let _ = fs::remove_file(&self.control);
    }
}

/// A binary that was built together with this one.
pub(super) fn program(name: &str) -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() { Ok(path) } else { Err(format!("{} is not built", path.display()).into()) }
}

fn number(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    number(text, name).map(|number| number * 1024)
}
