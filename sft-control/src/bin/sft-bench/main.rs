//! Measurements of the data plane: `cargo xtask bench`.
//!
//! Figures are CPU time per copy, taken from the scheduler's own account of the threads that do the work, so
//! that another load on the machine changes them little. Compare rows of one run only.
#![allow(clippy::print_stdout, reason = "the results")]

mod bursts;
mod cpu;
mod dataplane;
mod floor;
mod generator;
mod kernel_lane;
mod lanes;
mod rewrite;
mod rig;
mod scale;
mod user_lane;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, builder::TypedValueParser};

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
    /// CPU time per forwarded copy, softirq included, of both lanes and of the least that userspace can do
    Dataplane(Dataplane),
    /// Cost of a copy, memory of a leg and time of a join with conferences of up to a thousand legs
    Scale(Scale),
}

#[derive(Debug, Args)]
struct Dataplane {
    /// Receivers of each packet
    #[arg(long, value_name = "N", default_value = "5,20,50,200", value_delimiter = ',')]
    receivers: Vec<usize>,
    /// Bytes of RTP payload
    #[arg(long, value_name = "BYTES", default_value = "160,600,1200", value_delimiter = ',')]
    bytes: Vec<usize>,
    /// SRTP profiles: gcm128, gcm256, cm
    #[arg(long, value_name = "PROFILE", default_value = "gcm128,gcm256,cm", value_delimiter = ',')]
    profiles: Vec<dataplane::ProfileName>,
    /// Lanes, and what they are compared with
    #[arg(
        long,
        value_name = "LANE",
        default_value = "kernel,user,floor,floor-gso,rewrite",
        value_delimiter = ','
    )]
    lanes: Vec<dataplane::LaneName>,
    /// Packets per row; fewer where that makes a great many copies
    #[arg(long, value_name = "N", default_value_t = 5000)]
    packets: usize,
    /// Turns in which they are sent; the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Scale {
    /// Legs of a conference, a row for each
    #[arg(long, value_name = "N", default_value = "10,1000", value_delimiter = ',', value_parser = sizes())]
    sizes: Vec<usize>,
    /// Length of each row's measurement
    #[arg(long, value_name = "S", default_value_t = 8)]
    seconds: usize,
    /// Legs that join at the same time in each row
    #[arg(long, value_name = "N", default_value_t = 64)]
    joining: usize,
    /// Measure how long 100 legs take that join at once, too
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    join: bool,
    /// Measure how much memory idle legs take, too
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    idle: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A leg watches nine others.
fn sizes() -> impl TypedValueParser<Value = usize> {
    clap::value_parser!(u16).range(10..=1000).map(usize::from)
}

fn main() -> ExitCode {
    let result = match Arguments::parse().benchmark {
        Benchmark::Dataplane(options) => dataplane::run(&options),
        Benchmark::Scale(options) => scale::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
