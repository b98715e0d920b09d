//! What happens by the clock: feedback to senders, reports, readings of the lanes for the core, the lease.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{Engine, Time, memory, transports::LEARNING};
use crate::{
    core::{
        Input,
        event::AudioLevel,
        table::{ConferenceId, ConferenceTable, LegId, Media},
    },
    dataplane::{SourceReading, user::Outbox},
};

/// Transport-wide feedback: every so often it is another group's turn, which makes 64 ms between two packets of
/// a leg (sft-protocol.md 10.4). Of a thousand legs at the same instant they would fill the queues that the
/// copies of media need.
const FEEDBACK: Duration = Duration::from_millis(8);
const FEEDBACK_GROUPS: u32 = 8;
/// Between two readings of levels, slots and idle layers, and two renewals of the lease.
const READINGS: Duration = Duration::from_millis(100);
/// With each reading one group of legs gets its receiver report: a second between two reports of a leg.
const REPORT_GROUPS: u32 = 10;
/// Between two looks at paths and at what is still to be learned.
const SECOND: Duration = Duration::from_secs(1);

/// When each of them is due.
pub(super) struct Schedule {
    feedback: Instant,
    readings: Instant,
    second: Instant,
    /// `None` while nobody has joined.
    memory: Option<Instant>,
    /// Whose turn it is.
    feedback_group: u32,
    report_group: u32,
}

impl Schedule {
    pub(super) fn starting(now: Instant) -> Self {
        Schedule {
            feedback: now,
            readings: now,
            second: now,
            memory: None,
            feedback_group: 0,
            report_group: 0,
        }
    }

    pub(super) fn note_join(&mut self, now: Instant) {
        self.memory = Some(now + memory::QUIET);
    }

    pub(super) fn next(&self) -> Instant {
        self.feedback.min(self.readings).min(self.second)
    }
}

/// Moves on to the next of `groups`.
fn next_group(current: &mut u32, groups: u32) -> u32 {
    *current = (*current + 1) % groups;
    *current
}

/// `true` once per period; after a pause the missed ones are not made up for.
fn is_due(at: &mut Instant, period: Duration, now: Instant) -> bool {
    let due = now >= *at;
    if due {
        *at = (*at + period).max(now);
    }
    due
}

impl Engine {
    pub(super) fn run_schedule(&mut self, time: Time) {
        if is_due(&mut self.schedule.feedback, FEEDBACK, time.instant) {
            self.send_feedback();
            self.send_sender_reports(time);
        }
        if is_due(&mut self.schedule.readings, READINGS, time.instant) {
            self.read_lanes(time);
        }
        if is_due(&mut self.schedule.second, SECOND, time.instant) {
            self.renew();
        }
        if self.schedule.memory.take_if(|due| *due <= time.instant).is_some() {
            memory::trim();
        }
    }

    /// Transport-wide feedback: what makes a sender's bitrate rise.
    fn send_feedback(&mut self) {
        let group = next_group(&mut self.schedule.feedback_group, FEEDBACK_GROUPS);
        for peer in self.peers.values_mut().filter(|peer| peer.leg.0 % FEEDBACK_GROUPS == group) {
            let Some(media) = peer.media.as_mut() else { continue };
            self.lanes.take_arrivals(peer.leg, &mut media.rtcp.arrivals);
            if media.rtcp.arrivals.is_empty() {
                continue;
            }
            let media_ssrc = peer.media_ssrc;
            let packets = media.rtcp.feedback.packets(media_ssrc, &media.rtcp.arrivals);
            media.rtcp.arrivals.clear();
            for packet in packets {
                if let Some((tuple, datagram)) = peer.seal_rtcp(&packet) {
                    self.outgoing.push(tuple, &datagram);
                }
            }
        }
    }

    /// The kernel forwards nothing more when the lease is not renewed; routes and neighbours may have
    /// changed without notice.
    fn renew(&mut self) {
        let changed = self.network.changed();
        if let Some(kernel) = self.lanes.kernel_mut() {
            kernel.refresh_paths(changed);
        }
        for peer in self.peers.values() {
            if peer.wants_learning() {
                self.lanes.allow_learning(peer.leg, LEARNING);
            }
        }
    }

    fn send_reports(&mut self, readings: Vec<SourceReading>, time: Time) {
        for (leg, readings) in by_leg(readings) {
            let Some(peer) = self.peers.get_mut(&leg) else { continue };
            let Some(media) = peer.media.as_mut() else { continue };
            let Some(report) = media.rtcp.reporter.report(&readings, time.instant) else { continue };
            if let Some((tuple, datagram)) = peer.seal_rtcp(&report) {
                self.outgoing.push(tuple, &datagram);
            }
        }
    }

    fn read_lanes(&mut self, time: Time) {
        if let Some(kernel) = self.lanes.kernel_mut() {
            kernel.renew_lease(time.monotonic_ns);
        }
        self.publish_again(time);
        let conferences: Vec<ConferenceId> = self.lanes.conferences().collect();
        let group = next_group(&mut self.schedule.report_group, REPORT_GROUPS);
        for conference in conferences {
            let mut readings = self.lanes.sources(conference);
            if let Some(table) = self.lanes.table(conference) {
                let (levels, layers) = read_sources(table, &readings, time.monotonic_ns);
                let speakers = self.lanes.speakers(conference);
                if self.sender_reports.note_speakers(conference, &speakers) {
                    let receivers = table.receivers.iter();
                    receivers.for_each(|receiver| self.sender_reports.hasten(receiver.leg, time.instant));
                }
                self.inputs.push_back(Input::AudioReading { conference, speakers, levels });
                self.inputs.extend(layers);
            }
            readings.retain(|reading| reading.leg.0 % REPORT_GROUPS == group);
            self.send_reports(readings, time);
        }
        self.read_slots(time.instant);
    }

    /// Tells the core which slots have reached a new run: a pending switch is done. Only those that a table
    /// gave a run they are not known to be at can have.
    fn read_slots(&mut self, now: Instant) {
        for (&receiver, peer) in &mut self.peers {
            let first = peer.offer.audio_slots.len();
            for (slot, run) in peer.runs.iter_mut().enumerate().filter(|(_, run)| run.known < run.published) {
                let Some(reading) = self.lanes.slot(receiver, first + slot) else { continue };
                if std::mem::replace(&mut run.known, reading.run) != reading.run {
                    self.sender_reports.hasten(receiver, now);
                    self.inputs.push_back(Input::SlotReached {
                        receiver,
                        slot: slot as u8,
                        run: reading.run,
                    });
                }
            }
        }
    }
}

fn by_leg(readings: Vec<SourceReading>) -> Vec<(LegId, Vec<SourceReading>)> {
    let mut readings = readings;
    readings.sort_by_key(|reading| reading.leg);
    readings.chunk_by(|a, b| a.leg == b.leg).map(|legs| (legs[0].leg, legs.to_vec())).collect()
}

/// Levels of the audio sources, and how long each video layer has been silent.
fn read_sources(
    table: &ConferenceTable,
    readings: &[SourceReading],
    now_ns: u64,
) -> (Vec<AudioLevel>, Vec<Input>) {
    let (mut levels, mut layers) = (Vec::new(), Vec::new());
    let readings: HashMap<_, _> =
        readings.iter().map(|reading| ((reading.leg, reading.ssrc), reading)).collect();
    for source in &table.sources {
        let Some(reading) = readings.get(&(source.leg, source.ssrc)) else { continue };
        let leg = source.leg;
        let idle = Duration::from_nanos(now_ns.saturating_sub(reading.stats.last_arrival_ns));
        match source.media {
            Media::Audio => {
                levels.push(AudioLevel { leg, level: reading.stats.level.min(127) as u8, idle });
            }
            // Nothing has arrived in this lane yet: as good as new, not idle since the clock began.
            Media::Video { .. } if reading.stats.last_arrival_ns == 0 => {}
            Media::Video { layer } => layers.push(Input::LayerReading { leg, layer, idle }),
        }
    }
    (levels, layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leg_has_a_turn_in_each_round() {
        let mut group = 0;
        let turns: Vec<u32> = (0..FEEDBACK_GROUPS).map(|_| next_group(&mut group, FEEDBACK_GROUPS)).collect();
        assert!((0..100).all(|leg| turns.iter().filter(|turn| leg % FEEDBACK_GROUPS == **turn).count() == 1));
    }

    #[test]
    fn a_late_tick_is_not_made_up_for() {
        let start = Instant::now();
        let mut at = start;
        assert!(is_due(&mut at, SECOND, start));
        assert!(!is_due(&mut at, SECOND, start + Duration::from_millis(999)));
        assert!(is_due(&mut at, SECOND, start + Duration::from_secs(5)));
        assert!(!is_due(&mut at, SECOND, start + Duration::from_millis(4999)));
    }
}
