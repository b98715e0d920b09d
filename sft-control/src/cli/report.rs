//! `sft status`, `calls` and `legs`: tables for people, JSON for machines.
#![allow(clippy::print_stdout, reason = "the results of the commands")]

use std::time::Duration;

use comfy_table::{Table, presets};
use serde::Serialize;

use super::{CliError, arguments::Ask, ask};
use crate::engine::snapshot::{
    KeystreamStatus, LaneTotals, LegStatus, RefusalTotal, ServerStatus, SlotStatus, Snapshot, SourceStatus,
};

/// Says why a command failed.
pub(super) fn complain(error: &dyn std::error::Error) {
    eprintln!("sft: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
}

pub(super) fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints rows under their headings, in columns, without lines around them.
pub(super) fn print_table(
    headings: impl IntoIterator<Item = impl Into<String>>,
    rows: impl IntoIterator<Item = Vec<String>>,
) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(headings.into_iter().map(|heading| heading.into().to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    println!("{}", table.trim_fmt());
}

pub(super) fn status(options: &Ask) -> Result<(), CliError> {
    let snapshot = ask::snapshot(&options.control)?;
    if options.json {
        return print_json(&snapshot.server);
    }
    print_server(&snapshot.server);
    print_refusals(&snapshot.server.refused_joins);
    println!();
    print_lanes(&snapshot.server.lanes);
    Ok(())
}

fn print_server(server: &ServerStatus) {
    let ratio =
        server.fast_path_ratio.map_or("no media yet".into(), |ratio| format!("{:.2} %", ratio * 100.0));
    let totals = &server.totals;
    let lines = [
        ("version", server.version.clone()),
        ("process", server.pid.to_string()),
        ("uptime", uptime(Duration::from_secs(server.uptime_seconds))),
        ("url", server.public_url.clone()),
        ("media", server.media.join(", ")),
        ("dataplane", server.dataplane.clone()),
        (
            "new conferences",
            if server.draining { "refused: draining".into() } else { server.lane.to_string() },
        ),
        ("pinned maps", server.pin_dir.clone().unwrap_or("none".into())),
        ("conferences", format!("{} now, {} since start", totals.calls, totals.calls_since_start)),
        (
            "participants",
            format!("{} now, {} since start", totals.participants, totals.participants_since_start),
        ),
        ("fast path", ratio),
        ("key stream", server.keystream.map_or("computed in userspace".into(), keystream)),
    ];
    for (name, value) in lines {
        println!("{name:16} {value}");
    }
}

fn keystream(status: KeystreamStatus) -> String {
    let all = status.used + status.computed;
    let share = if all == 0 { 100.0 } else { status.used as f64 * 100.0 / all as f64 };
    let mib = status.reading.bytes as f64 / f64::from(1 << 20);
    format!("{share:.2} % prepared, {} streams, {mib:.0} MiB", status.reading.rings)
}

fn print_refusals(refusals: &[RefusalTotal]) {
    let refused: Vec<_> = refusals.iter().filter(|refusal| refusal.count > 0).collect();
    if !refused.is_empty() {
        println!();
        let row = |refusal: &&RefusalTotal| vec![refusal.reason.clone(), refusal.count.to_string()];
        print_table(["joins refused because", "count"], refused.iter().map(row));
    }
}

/// Lanes with their copies, and the reasons for which something was dropped.
fn print_lanes(lanes: &[LaneTotals]) {
    print_table(
        ["lane", "rtp received", "audio copies", "video copies", "audio bytes", "video bytes"],
        lanes.iter().map(|lane| {
            let numbers =
                [lane.rtp_received, lane.audio_copies, lane.video_copies, lane.audio_bytes, lane.video_bytes];
            [lane.lane.name().to_owned()]
                .into_iter()
                .chain(numbers.map(|number| number.to_string()))
                .collect()
        }),
    );
    let dropped = lanes.iter().flat_map(|lane| lane.drops.iter().map(move |drop| (lane.lane.name(), drop)));
    let dropped: Vec<_> = dropped.filter(|(_, drop)| drop.count > 0).collect();
    if !dropped.is_empty() {
        println!();
        print_table(
            ["lane", "dropped because", "count"],
            dropped
                .iter()
                .map(|(lane, drop)| vec![(*lane).into(), drop.reason.clone(), drop.count.to_string()]),
        );
    }
}

fn uptime(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours) = (seconds / 86400, seconds / 3600 % 24);
    format!("{days} d {hours:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60)
}

pub(super) fn calls(options: &Ask) -> Result<(), CliError> {
    let Snapshot { calls, .. } = ask::snapshot(&options.control)?;
    if options.json {
        return print_json(&calls);
    }
    print_table(
        ["call", "group", "legs", "established", "sources", "copies", "bytes", "lane"],
        calls.iter().map(|call| {
            vec![
                call.call.0.to_string(),
                call.group.clone(),
                call.legs.to_string(),
                call.established.to_string(),
                call.sources.to_string(),
                call.copies.to_string(),
                call.bytes.to_string(),
                call.lane.to_string(),
            ]
        }),
    );
    Ok(())
}

pub(super) fn legs(options: &Ask) -> Result<(), CliError> {
    let Snapshot { legs, .. } = ask::snapshot(&options.control)?;
    if options.json {
        return print_json(&legs);
    }
    print_table(
        ["leg", "call", "user", "state", "remote", "rtt", "profile"],
        legs.iter().map(|leg| {
            vec![
                leg.leg.0.to_string(),
                leg.call.0.to_string(),
                leg.user.clone(),
                leg.state.clone(),
                leg.remote.clone().unwrap_or_default(),
                leg.round_trip_ms.map(|time| format!("{time:.1} ms")).unwrap_or_default(),
                leg.profile.clone().unwrap_or_default(),
            ]
        }),
    );
    println!();
    print_table(
        ["leg", "sends", "ssrc", "receivers", "packets", "bytes", "level", "key frames"],
        legs.iter().flat_map(|leg| leg.sends.iter().map(|source| source_row(leg, source))),
    );
    println!();
    print_table(
        ["leg", "slot", "ssrc", "from", "layer", "packets", "bytes", "dropped"],
        legs.iter().flat_map(|leg| leg.receives.iter().map(|slot| slot_row(leg, slot))),
    );
    Ok(())
}

fn source_row(leg: &LegStatus, source: &SourceStatus) -> Vec<String> {
    let layer = source.layer.map(|layer| format!(" {}", crate::dataplane::layer_name(layer)));
    vec![
        leg.leg.0.to_string(),
        format!("{}{}", source.kind, layer.unwrap_or_default()),
        source.ssrc.to_string(),
        source.receivers.to_string(),
        source.packets.to_string(),
        source.bytes.to_string(),
        source.level.map(|level| format!("-{level} dBov")).unwrap_or_default(),
        source.keyframes.to_string(),
    ]
}

fn slot_row(leg: &LegStatus, slot: &SlotStatus) -> Vec<String> {
    let waiting = if slot.pending { ", waits for its key frame" } else { "" };
    vec![
        leg.leg.0.to_string(),
        format!("{} {}", slot.kind, slot.slot),
        slot.ssrc.to_string(),
        slot.from.clone().unwrap_or_default(),
        slot.layer
            .map(|layer| format!("{}{waiting}", crate::dataplane::layer_name(layer)))
            .unwrap_or_default(),
        slot.packets.to_string(),
        slot.bytes.to_string(),
        slot.dropped.to_string(),
    ]
}
