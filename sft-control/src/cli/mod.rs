//! The command line of the `sft` binary.
//!
//! `serve` starts the server; the others ask a running one over its control socket, or read what it left
//! pinned. Nothing here knows how a call works.

mod arguments;
mod ask;
mod config;
mod detach;
mod maps;
mod original;
mod reload;
mod report;
mod secret;
mod serve;

use std::{ffi::OsString, process::ExitCode};

use arguments::{Arguments, Command};

/// Why a command failed, in words for the operator.
type CliError = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let (arguments, ignored) = match arguments(std::env::args_os().collect()) {
        Ok(found) => found,
        Err(error) => {
            report::complain(&*error);
            return ExitCode::FAILURE;
        }
    };
    let command = arguments.command;
    if !matches!(command, Command::Serve(_)) {
        end_with_reader();
    }
    let result = match command {
        Command::Serve(options) => serve::serve(&options, ignored.as_deref()),
        Command::Config => config::print(),
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

/// What was asked for on the command line and, behind it, in the configuration file; and which of the original's
/// flags have no effect. Wrong words end the process here, with clap's explanation.
fn arguments(given: Vec<OsString>) -> Result<(Arguments, Option<String>), CliError> {
    let translated = original::translate(given)?;
    if translated.version {
        eprintln!("sft {}", env!("CARGO_PKG_VERSION"));
        std::process::exit(0);
    }
    let ignored = translated.ignored();
    let words = config::merge(translated.arguments)?;
    let arguments = arguments::parse(words).unwrap_or_else(|error| error.exit());
    match &arguments.command {
        Command::Serve(options) if translated.asks_for_tokens && options.admission.token_secret.is_none() => {
            Err("-a needs the secret that tokens are signed with: -s FILE".into())
        }
        _ => Ok((arguments, ignored)),
    }
}

/// A table that is piped into `head` ends quietly when nobody reads on.
fn end_with_reader() {
    // SAFETY: no handler of ours is replaced, and no thread has been started.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn secret(line: &str) -> Result<Option<PathBuf>, CliError> {
        let (arguments, _) = arguments(line.split(' ').map(OsString::from).collect())?;
        match arguments.command {
            Command::Serve(options) => Ok(options.admission.token_secret),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_asks_for_tokens_says_where_the_secret_is() {
        for line in ["sftd -a -s one", "sftd -a --token-secret one", "sft serve -aqs one"] {
            assert_eq!(secret(line).unwrap(), Some("one".into()), "{line}");
        }
        for line in ["sftd -s one", "sftd"] {
            assert_eq!(secret(line).unwrap(), None, "{line}");
        }
        for line in ["sftd -a", "sft serve -qa"] {
            assert!(secret(line).unwrap_err().to_string().contains("-s FILE"), "{line}");
        }
    }
}
