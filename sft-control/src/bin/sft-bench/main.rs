//! Measurements of the data plane: `cargo xtask bench`.
//!
//! Figures are CPU time per copy, taken from the scheduler's own account of the threads that do the work, so
//! that another load on the machine changes them little. Compare rows of one run only.
#![allow(clippy::print_stdout, reason = "the results")]

mod cpu;
mod dataplane;
mod generator;
mod lanes;
mod rig;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Why a measurement failed, in words.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    /// CPU time per forwarded copy, softirq included, of both lanes
    Dataplane(Dataplane),
}

#[derive(Debug, Args)]
struct Dataplane {
    /// Receivers of each packet
    #[arg(long, value_name = "N", default_value = "20", value_delimiter = ',')]
    receivers: Vec<usize>,
    /// Bytes of RTP payload
    #[arg(long, value_name = "BYTES", default_value = "160,1200", value_delimiter = ',')]
    bytes: Vec<usize>,
    /// SRTP profiles: gcm128, gcm256, cm
    #[arg(long, value_name = "PROFILE", default_value = "gcm128,gcm256,cm", value_delimiter = ',')]
    profiles: Vec<dataplane::ProfileName>,
    /// Packets per row
    #[arg(long, value_name = "N", default_value_t = 4000)]
    packets: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let Benchmark::Dataplane(options) = Arguments::parse().benchmark;
    match dataplane::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
