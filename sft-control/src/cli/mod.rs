//! The command line of the `sft` binary.
//!
//! `serve` starts the server; the others ask a running one over its control socket, or read what it left
//! pinned. Nothing here knows how a call works.

mod arguments;
mod ask;
mod detach;
mod maps;
mod reload;
mod report;
mod secret;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

/// Why a command failed, in words for the operator.
type CliError = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let command = Arguments::parse().command;
    if !matches!(command, Command::Serve(_)) {
        end_with_reader();
    }
    let result = match command {
        Command::Serve(options) => serve::serve(&options),
        Command::Status(options) => report::status(&options),
        Command::Calls(options) => report::calls(&options),
        Command::Legs(options) => report::legs(&options),
        Command::Maps(options) => maps::maps(&options),
        Command::Detach(options) => detach::detach(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::complain(&*error);
            ExitCode::FAILURE
        }
    }
}

/// A table that is piped into `head` ends quietly when nobody reads on.
fn end_with_reader() {
    // SAFETY: no handler of ours is replaced, and no thread has been started.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}
