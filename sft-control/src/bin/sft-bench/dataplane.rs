//! CPU time per forwarded copy: both lanes and what they are measured against, in one run.
//!
//! Rows are measured in rounds, one lane after the other, and the median of the rounds counts, since the load
//! that others put on the machine moves all figures. What is counted is said in [`crate::bursts`].

use std::collections::HashMap;

use clap::ValueEnum;
use serde::Serialize;
use sft_common::maps::Profile;

use crate::{
    Dataplane, Failure,
    bursts::{Case, Figures},
    floor, kernel_lane, rewrite,
    rig::Rig,
    user_lane,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum ProfileName {
    Gcm128,
    Gcm256,
    Cm,
}

impl ProfileName {
    pub(crate) fn profile(self) -> Profile {
        match self {
            ProfileName::Gcm128 => Profile::AeadAes128Gcm,
            ProfileName::Gcm256 => Profile::AeadAes256Gcm,
            ProfileName::Cm => Profile::Aes128CmHmacSha1_80,
        }
    }

    fn name(self) -> &'static str {
        match self {
            ProfileName::Gcm128 => "gcm128",
            ProfileName::Gcm256 => "gcm256",
            ProfileName::Cm => "cm",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum LaneName {
    Kernel,
    User,
    /// recvmmsg, the cipher, sendmmsg, and nothing else
    Floor,
    /// The same, with the packets for one receiver in one send
    FloorGso,
    /// XDP programs that copy and rewrite, without a cipher
    Rewrite,
}

impl LaneName {
    fn name(self) -> &'static str {
        match self {
            LaneName::Kernel => "kernel",
            LaneName::User => "user",
            LaneName::Floor => "floor",
            LaneName::FloorGso => "floor-gso",
            LaneName::Rewrite => "rewrite",
        }
    }

    fn measure(self, rig: &Rig, case: Case) -> Result<Figures, Failure> {
        match self {
            LaneName::Kernel => kernel_lane::measure(rig, case),
            LaneName::User => user_lane::measure(rig, case),
            LaneName::Floor => floor::measure(rig, case, false),
            LaneName::FloorGso => floor::measure(rig, case, true),
            LaneName::Rewrite => rewrite::measure(rig, case),
        }
    }
}

/// One lane at one case: medians of the rounds.
#[derive(Clone, Debug, Serialize)]
struct Row {
    lane: &'static str,
    profile: &'static str,
    /// RTP payload.
    bytes: usize,
    receivers: usize,
    /// Softirq, the lane's thread and the one that prepares key stream.
    ns_per_copy: f64,
    /// The last of these.
    ns_producer: f64,
    /// Part of the packets and copies whose key stream the XDP programs had to compute.
    computed: f64,
}

#[derive(Serialize)]
struct Report {
    rows: Vec<Row>,
    /// `None`: a row that it needs was not asked for.
    ratios: HashMap<&'static str, Option<f64>>,
}

/// What the project is held to: name, lane, lane that it is compared with, profile, bytes. At 20 receivers.
const RATIOS: [(&str, LaneName, LaneName, ProfileName, usize); 8] = {
    use LaneName::{Floor, FloorGso, Kernel, User};
    use ProfileName::{Cm, Gcm128, Gcm256};
    [
        ("kernel_vs_floor_160_gcm128", Kernel, Floor, Gcm128, 160),
        ("kernel_vs_floor_160_gcm256", Kernel, Floor, Gcm256, 160),
        ("kernel_vs_floor_1200_gcm128", Kernel, Floor, Gcm128, 1200),
        ("kernel_vs_floor_1200_gcm256", Kernel, Floor, Gcm256, 1200),
        ("kernel_vs_gso_160_gcm128", Kernel, FloorGso, Gcm128, 160),
        ("kernel_vs_floor_160_cm", Kernel, Floor, Cm, 160),
        ("user_vs_floor_160_gcm128", User, Floor, Gcm128, 160),
        ("user_vs_floor_1200_gcm128", User, Floor, Gcm128, 1200),
    ]
};
const RATIO_RECEIVERS: usize = 20;
/// Copies in a round at most: more would only take longer.
const MOST_COPIES: usize = 20_000;

pub(crate) fn run(options: &Dataplane) -> Result<(), Failure> {
    let rig = Rig::build()?;
    let mut rows = Vec::new();
    for &profile in &options.profiles {
        for &bytes in &options.bytes {
            for &receivers in &options.receivers {
                let most = (MOST_COPIES / receivers.max(1)).max(1);
                let case = Case {
                    profile,
                    bytes,
                    receivers,
                    packets: options.packets.div_ceil(options.rounds.into()).min(most),
                };
                eprintln!("{} {bytes} B, {receivers} receivers", profile.name());
                rows.extend(measure(&rig, case, options)?);
            }
        }
    }
    let ratios = RATIOS.map(|(name, lane, other, profile, bytes)| {
        let find = |lane: LaneName| {
            let wanted = (lane.name(), profile.name(), bytes, RATIO_RECEIVERS);
            let found = rows.iter().find(|row| (row.lane, row.profile, row.bytes, row.receivers) == wanted);
            found.map(|row| row.ns_per_copy)
        };
        (name, find(lane).zip(find(other)).map(|(this, other)| this / other))
    });
    let report = Report { rows, ratios: ratios.into() };
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

fn measure(rig: &Rig, case: Case, options: &Dataplane) -> Result<Vec<Row>, Failure> {
    let mut rounds = vec![Vec::new(); options.lanes.len()];
    for _ in 0..options.rounds {
        for (lane, figures) in options.lanes.iter().zip(&mut rounds) {
            figures.push(lane.measure(rig, case).map_err(|error| format!("{}: {error}", lane.name()))?);
        }
    }
    let rows = options.lanes.iter().zip(&rounds).map(|(lane, figures)| Row {
        lane: lane.name(),
        profile: case.profile.name(),
        bytes: case.bytes,
        receivers: case.receivers,
        ns_per_copy: median(figures, |figures| figures.per_copy(figures.spent + figures.producer)),
        ns_producer: median(figures, |figures| figures.per_copy(figures.producer)),
        computed: median(figures, |figures| figures.computed),
    });
    Ok(rows.collect())
}

fn median(figures: &[Figures], value: impl Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = figures.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn print(report: &Report) {
    println!(
        "{:9} {:8} {:>6} {:>10} {:>12} {:>14} {:>9}",
        "lane", "profile", "bytes", "receivers", "ns per copy", "of it producer", "computed"
    );
    for row in &report.rows {
        println!(
            "{:9} {:8} {:>6} {:>10} {:>12.0} {:>14.0} {:>8.1}%",
            row.lane,
            row.profile,
            row.bytes,
            row.receivers,
            row.ns_per_copy,
            row.ns_producer,
            100.0 * row.computed
        );
    }
    println!();
    for (name, ..) in RATIOS {
        if let Some(Some(ratio)) = report.ratios.get(name) {
            println!("{name:28} {ratio:.2}");
        }
    }
}
