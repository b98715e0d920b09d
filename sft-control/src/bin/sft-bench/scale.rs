//! The whole server with conferences of different sizes: what a copy costs, how much memory a leg takes, how
//! long a join lasts.
//!
//! Every row has the same number of legs on the server, in as many conferences of the row's size as that makes,
//! and the same media: each leg sends one video and watches nine others, so that every packet has nine copies.
//! Only the size of the conferences differs, and what differs between the rows' figures is what it costs. Legs
//! authorise circles of a hundred: each authorisation is a message, and in a large row they would be a million.
//!
//! What is counted is the server's threads (signalling, RTCP and the preparation of key stream are in it) and
//! the kernel thread that polls its interface, in which the XDP programs run. The clients are not counted.

mod load;
mod network;
mod server;

use std::{
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use self::{load::Load, network::Network, server::Server};
use crate::{Failure, Scale};

/// Videos that each leg watches: the slots of stock clients.
const WATCHED: usize = 9;
/// Legs that authorise each other.
const CIRCLE: usize = 100;
/// Between two pictures of a leg, in ms. The clients and the server share the CPUs, and a second of a thousand
/// legs at 25 pictures is more than two CPUs can receive.
const FRAME_INTERVAL: usize = 500;
/// Legs that join at the same time in the measurement of joins.
const JOINING: usize = 100;
/// Legs in the measurement of memory.
const IDLE: usize = 500;

/// One size of conference.
#[derive(Clone, Debug, Serialize)]
struct Row {
    legs: usize,
    conferences: usize,
    copies: u64,
    copies_per_second: f64,
    ns_per_copy: f64,
    /// Of that, the thread that polls the interface.
    softirq_ns_per_copy: f64,
    /// Anonymous memory of the process, for each leg, while media flows. All legs share the sockets.
    user_bytes_per_leg: u64,
    /// The same of maps in the kernel, without the rings of prepared key stream.
    map_bytes_per_leg: u64,
    /// Copies that did not reach their client in the whole measuring window, and those that the server counted
    /// as not taken by the interface in its part that the costs are of.
    lost: u64,
    lost_counted: u64,
    /// From the first request to the participant list, with [`Scale::joining`] legs at a time.
    join_p99_ms: f64,
}

#[derive(Serialize)]
struct Report {
    rows: Vec<Row>,
    /// `None` if one of the sizes was not measured.
    cost_ratio_1000_vs_10: Option<f64>,
    /// Process and maps, of legs that have joined and send nothing, without the rings of prepared key stream.
    bytes_per_leg: Option<u64>,
    /// From the first request to the first copy of media, 100 legs joining at the same instant.
    join_p99_ms: Option<f64>,
}

impl Row {
    fn bytes_per_leg(&self) -> u64 {
        self.user_bytes_per_leg + self.map_bytes_per_leg
    }
}

pub(crate) fn run(options: &Scale) -> Result<(), Failure> {
    let network = Network::build()?;
    let total = options.sizes.iter().copied().max().unwrap_or(0);
    let rows = options.sizes.iter().map(|size| measure(&network, options, *size, total));
    let rows = rows.collect::<Result<Vec<Row>, Failure>>()?;
    let cost = |legs| rows.iter().find(|row| row.legs == legs).map(|row| row.ns_per_copy);
    let report = Report {
        cost_ratio_1000_vs_10: cost(1000).zip(cost(10)).map(|(large, small)| large / small),
        bytes_per_leg: options.idle.then(|| idle(&network)).transpose()?,
        join_p99_ms: options.join.then(|| joins(&network)).transpose()?,
        rows,
    };
    if options.json {
        println!("{}", serde_json::to_string(&report)?)
    } else {
        print(&report)
    }
    Ok(())
}

fn measure(network: &Network, options: &Scale, size: usize, total: usize) -> Result<Row, Failure> {
    let conferences = total / size;
    let legs = (conferences * size) as u64;
    eprintln!("{conferences} conferences of {size} legs");
    let server = Server::start(network, total)?;
    let empty = server.private_bytes()?;
    let numbers = [
        ("--legs", size),
        ("--conferences", conferences),
        ("--circle", CIRCLE),
        ("--joining", options.joining),
        ("--watch", WATCHED),
        ("--frame-interval", FRAME_INTERVAL),
        ("--talking", 0),
        ("--seconds", options.seconds + 2),
    ];
    let mut load = Load::start(&numbers, &["--idle", "--video", "--low"])?;
    load.wait_for("measuring")?;
    let user = server.private_bytes()?.saturating_sub(empty);
    // Asking the server costs it time, which must not be in between.
    let totals = server.totals()?;
    let (began, spent) = (Instant::now(), server.spent(network)?);
    thread::sleep(Duration::from_secs(options.seconds as u64));
    let (time, spent) = (began.elapsed(), server.spent(network)? - spent);
    let totals = server.totals()? - totals;
    let outcome = load.finish()?;
    check_stayed(&outcome, legs)?;
    let per_copy = |spent: Duration| spent.as_nanos() as f64 / totals.copies as f64;
    let row = Row {
        legs: size,
        conferences,
        copies: totals.copies,
        copies_per_second: totals.copies as f64 / time.as_secs_f64(),
        ns_per_copy: per_copy(spent.process + spent.softirq),
        softirq_ns_per_copy: per_copy(spent.softirq),
        user_bytes_per_leg: user / legs,
        map_bytes_per_leg: server.map_bytes()? / total as u64,
        lost: outcome.missing,
        lost_counted: totals.transmit_full,
        join_p99_ms: outcome.join_p99_ms,
    };
    eprintln!("  {:.0} ns per copy, {} bytes per leg", row.ns_per_copy, row.bytes_per_leg());
    Ok(row)
}

/// Clients and server share the CPUs; single clients give up.
fn check_stayed(outcome: &load::Outcome, legs: u64) -> Result<(), Failure> {
    let stayed = outcome.legs;
    if stayed < legs {
        eprintln!("  {stayed} of {legs} legs stayed to the end");
    }
    if stayed < legs - legs / 20 {
        return Err("this machine is too busy for so many clients".into());
    }
    Ok(())
}

/// What a leg takes that has joined and sends nothing.
fn idle(network: &Network) -> Result<u64, Failure> {
    let (conferences, size) = (IDLE / JOINING, JOINING);
    eprintln!("{IDLE} idle legs");
    let server = Server::start(network, IDLE)?;
    let empty = server.private_bytes()?;
    let numbers = [("--legs", size), ("--conferences", conferences), ("--talking", 0), ("--seconds", 10)];
    let mut load = Load::start(&numbers, &["--idle"])?;
    load.wait_for("measuring")?;
    // What joining took for moments has been given back by then.
    thread::sleep(Duration::from_secs(7));
    let user = server.private_bytes()?.saturating_sub(empty);
    let maps = server.map_bytes()? / IDLE as u64;
    check_stayed(&load.finish()?, IDLE as u64)?;
    eprintln!("  {} bytes per leg in the process, {maps} in maps", user / IDLE as u64);
    Ok(user / IDLE as u64 + maps)
}

/// One conference in which all join at the same instant.
fn joins(network: &Network) -> Result<f64, Failure> {
    eprintln!("{JOINING} legs join at once");
    let _server = Server::start(network, JOINING)?;
    let numbers = [("--legs", JOINING), ("--joining", JOINING), ("--talking", 2), ("--seconds", 1)];
    Ok(Load::start(&numbers, &["--idle"])?.finish()?.media_p99_ms)
}

fn print(report: &Report) {
    println!(
        "{:>5} {:>11} {:>9} {:>11} {:>11} {:>13} {:>12} {:>6} {:>12}",
        "legs",
        "conferences",
        "copies/s",
        "ns per copy",
        "in softirq",
        "user B/leg",
        "maps B/leg",
        "lost",
        "join p99 ms"
    );
    for row in &report.rows {
        println!(
            "{:>5} {:>11} {:>9.0} {:>11.0} {:>11.0} {:>13} {:>12} {:>6} {:>12.0}",
            row.legs,
            row.conferences,
            row.copies_per_second,
            row.ns_per_copy,
            row.softirq_ns_per_copy,
            row.user_bytes_per_leg,
            row.map_bytes_per_leg,
            row.lost,
            row.join_p99_ms
        );
    }
    println!();
    let lines = [
        ("cost of a copy, 1000 legs / 10 legs", report.cost_ratio_1000_vs_10),
        ("bytes per idle leg", report.bytes_per_leg.map(|bytes| bytes as f64)),
        ("ms to the first copy, p99, 100 legs at once", report.join_p99_ms),
    ];
    for (name, value) in lines {
        println!("{name:44} {}", value.map_or("not measured".into(), |value| format!("{value:.2}")));
    }
}
