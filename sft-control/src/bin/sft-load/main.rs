//! `sft-load`: joins any SFT as many clients, and checks every media copy.
//!
//! Independent of the server's own code: its media security, SDP and message codec are written a second time
//! here, so that one cannot share a mistake with the other.

mod answer;
mod arguments;
mod checker;
mod client_hello;
mod conference;
mod descriptor;
mod dtls;
mod fault;
mod http;
mod latency;
mod leg;
mod marker;
mod message;
mod offer;
mod plan;
mod report;
mod run;
mod signalling;
mod socket;
mod source;
mod verdict;

use std::{io::Write, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;

use crate::{
    arguments::Arguments,
    report::Report,
    run::{Run, say},
};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let run = match Run::new(&arguments).await {
        Ok(run) => Arc::new(run),
        Err(error) => {
            say(format_args!("{error}"));
            return ExitCode::FAILURE;
        }
    };
    let results = run::run(run.clone(), Duration::from_secs(arguments.seconds)).await;
    let report = Report::new(&arguments, &run, &results);
    let text = if arguments.json { serde_json::to_string(&report).ok() } else { Some(report.to_string()) };
    let printed = text.is_some_and(|text| writeln!(std::io::stdout(), "{text}").is_ok());
    if printed && report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
