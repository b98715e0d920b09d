//! The result of a run, for people and for machines.

use std::{collections::BTreeMap, fmt, time::Duration};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::{
    arguments::Arguments,
    dtls::PROFILES,
    fault::Fault,
    latency::Histogram,
    marker::{LegId, Stream},
    run::{Results, Run},
    verdict::{Copies, Verdict, judge},
};

/// Reasons and described faults that are printed; JSON has them all.
const SHOWN: usize = 30;

/// Everything that is reported.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) passed: bool,
    conferences: u16,
    legs_per_conference: u16,
    talking: u16,
    watched: u16,
    seconds: u64,
    legs_to_the_end: usize,
    /// Handshakes by SRTP profile.
    profiles: BTreeMap<&'static str, usize>,
    copies: BTreeMap<&'static str, Copies>,
    /// Milliseconds from the first request to the participant list.
    join_ms: Quantiles,
    /// Milliseconds from the first request to the first copy, of legs that got any.
    media_ms: Quantiles,
    /// Milliseconds from sender to receiver, of the measured copies.
    latency_ms: Quantiles,
    key_frames_requested: u64,
    /// Connections that the server ended without an answer to HANGUP.
    hang_ups_unanswered: usize,
    faults: BTreeMap<Fault, u64>,
    /// Why the run failed.
    reasons: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Quantiles {
    p50: f64,
    p99: f64,
    max: f64,
}

impl Quantiles {
    fn of(histogram: &Histogram) -> Self {
        Self::by(|fraction| histogram.quantile(fraction))
    }

    fn of_all(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let last = durations.len().saturating_sub(1);
        let at = |fraction: f64| durations.get((last as f64 * fraction).ceil() as usize).copied();
        Self::by(|fraction| at(fraction).unwrap_or_default())
    }

    fn by(at: impl Fn(f64) -> Duration) -> Self {
        // Microseconds are all that is known.
        let milliseconds = |fraction| at(fraction).as_micros() as f64 / 1e3;
        Quantiles { p50: milliseconds(0.5), p99: milliseconds(0.99), max: milliseconds(1.0) }
    }
}

impl Report {
    pub(crate) fn new(arguments: &Arguments, run: &Run, results: &Results) -> Self {
        let Results { outcomes, failures } = results;
        let mut verdict = Verdict { reasons: failures.clone(), ..Verdict::default() };
        for conference in outcomes.chunk_by(|a, b| a.leg.conference == b.leg.conference) {
            verdict.add(judge(&run.plan, conference));
        }
        let mut latency = Histogram::default();
        let mut faults = BTreeMap::<Fault, u64>::new();
        for outcome in outcomes {
            latency.merge(&outcome.checker.latency);
            let LegId { conference, index } = outcome.leg;
            for (fault, count, described) in outcome.checker.faults.iter() {
                *faults.entry(fault).or_default() += count;
                let cases = described.join("; ");
                verdict
                    .reasons
                    .push(format!("conference {conference}: leg {index}: {count} x {fault:?}: {cases}"));
            }
        }
        let negotiated = PROFILES.iter().zip(run.security.negotiated()).filter(|(_, count)| *count > 0);
        for (profile, _) in negotiated.clone() {
            if !run.security.is_wanted(*profile) {
                verdict.reasons.push(format!("the server chose {}, which was not offered", profile.name));
            }
        }
        Report {
            passed: verdict.reasons.is_empty(),
            conferences: arguments.conferences,
            legs_per_conference: run.plan.legs,
            talking: run.plan.talking,
            watched: run.plan.watched,
            seconds: arguments.seconds,
            legs_to_the_end: outcomes.len(),
            profiles: negotiated.map(|(profile, count)| (profile.name, count)).collect(),
            copies: Stream::ALL.map(|stream| (stream.name(), verdict.copies[stream.index()])).into(),
            join_ms: Quantiles::of_all(outcomes.iter().map(|outcome| outcome.joined_after).collect()),
            media_ms: Quantiles::of_all(outcomes.iter().filter_map(|outcome| outcome.media_after).collect()),
            latency_ms: Quantiles::of(&latency),
            key_frames_requested: outcomes.iter().map(|outcome| outcome.key_frames_requested).sum(),
            hang_ups_unanswered: outcomes.iter().filter(|outcome| !outcome.hang_up_answered).count(),
            faults,
            reasons: verdict.reasons,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { conferences, legs_per_conference, talking, watched, seconds, .. } = self;
        writeln!(
            f,
            "{conferences} conferences of {legs_per_conference} legs: {talking} talk, each watches {watched} \
             videos; measured for {seconds} s"
        )?;
        let profiles: Vec<String> =
            self.profiles.iter().map(|(name, count)| format!("{name} x {count}")).collect();
        writeln!(f, "{}", table(&profiles.join(", "), &self.copies))?;
        writeln!(f, "join     {} (to the participant list)", self.join_ms)?;
        writeln!(f, "media    {} (to the first copy)", self.media_ms)?;
        writeln!(f, "latency  {}", self.latency_ms)?;
        writeln!(
            f,
            "key frames requested: {}; HANGUPs without an answer: {}",
            self.key_frames_requested, self.hang_ups_unanswered
        )?;
        for reason in self.reasons.iter().take(SHOWN) {
            writeln!(f, "  {reason}")?;
        }
        if self.reasons.len() > SHOWN {
            writeln!(f, "  and {} more reasons", self.reasons.len() - SHOWN)?;
        }
        write!(f, "{}", if self.passed { "PASSED" } else { "FAILED" })
    }
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", self.p50, self.p99, self.max)
    }
}

fn table(profiles: &str, copies: &BTreeMap<&'static str, Copies>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header([
        profiles,
        "sent",
        "expected",
        "received",
        "missing",
        "duplicate",
        "misordered",
        "wrong",
        "unwanted",
    ]);
    for (stream, row) in copies {
        let numbers = [
            row.sent,
            row.expected,
            row.received,
            row.missing,
            row.duplicate,
            row.misordered,
            row.wrong,
            row.unwanted,
        ];
        table.add_row(std::iter::once((*stream).to_owned()).chain(numbers.map(|number| number.to_string())));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_few_durations_are_exact() {
        let durations = (1..=5).rev().map(Duration::from_millis).collect();
        let Quantiles { p50, p99, max } = Quantiles::of_all(durations);
        assert_eq!((p50, p99, max), (3.0, 5.0, 5.0));
        assert_eq!(Quantiles::of_all(Vec::new()).max, 0.0);
    }

    #[test]
    fn the_table_has_a_line_for_each_kind() {
        let copies = Copies { sent: 30, expected: 1234, ..Copies::default() };
        let text = table("AEAD_AES_128_GCM x 3", &BTreeMap::from([("audio", copies)])).to_string();
        assert!(text.contains("AEAD_AES_128_GCM x 3") && text.contains("1234"), "{text}");
    }
}
