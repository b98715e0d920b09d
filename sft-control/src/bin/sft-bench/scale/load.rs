//! The clients: `sft-load`, with its progress passed on.

use std::{
    io::{self, BufRead, BufReader},
    process::{Child, ChildStderr, Command, Stdio},
    thread,
};

use serde_json::Value;

use super::{
    network::{MANY_FILES, SERVER},
    server::{HTTP_PORT, program},
};
use crate::Failure;

/// Killed when dropped.
pub(super) struct Load {
    child: Child,
    progress: BufReader<ChildStderr>,
}

/// What the clients saw.
pub(super) struct Outcome {
    /// Legs that stayed to the end.
    pub(super) legs: u64,
    pub(super) missing: u64,
    pub(super) join_p99_ms: f64,
    pub(super) media_p99_ms: f64,
}

impl Load {
    pub(super) fn start(numbers: &[(&str, usize)], flags: &[&str]) -> Result<Self, Failure> {
        let [shell, rest @ ..] = MANY_FILES;
        let mut command = Command::new(shell);
        command.args(rest).arg(program("sft-load")?);
        command.arg("--url").arg(format!("http://{SERVER}:{HTTP_PORT}")).arg("--json").args(flags);
        for (option, value) in numbers {
            command.arg(option).arg(value.to_string());
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let progress = BufReader::new(child.stderr.take().ok_or("no progress")?);
        Ok(Load { child, progress })
    }

    /// Reads progress up to the line that says this.
    pub(super) fn wait_for(&mut self, what: &str) -> Result<(), Failure> {
        for line in (&mut self.progress).lines() {
            let line = line?;
            eprintln!("  {line}");
            if line.contains(what) {
                return Ok(());
            }
        }
        Err(format!("sft-load ended before {what:?}").into())
    }

    pub(super) fn finish(mut self) -> Result<Outcome, Failure> {
        // The report is longer than what a pipe holds, and so may the rest of the progress be.
        let stdout = self.child.stdout.take().ok_or("no report")?;
        let report = thread::spawn(move || io::read_to_string(stdout));
        io::copy(&mut self.progress, &mut io::sink())?;
        let text = report.join().map_err(|_| "reading the report")??;
        self.child.wait()?;
        let report: Value = serde_json::from_str(&text)?;
        let number = |value: &Value| value.as_f64().ok_or("sft-load's report lacks a number");
        let copies = report["copies"].as_object().into_iter().flatten();
        Ok(Outcome {
            legs: report["legs_to_the_end"].as_u64().unwrap_or(0),
            missing: copies.map(|(_, copies)| copies["missing"].as_u64().unwrap_or(0)).sum(),
            join_p99_ms: number(&report["join_ms"]["p99"])?,
            media_p99_ms: number(&report["media_ms"]["p99"])?,
        })
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}
