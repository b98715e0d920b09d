//! Handing tables to the lanes, again if need be.
//!
//! Lists of the kernel lane that were replaced rest for a moment before their place is used again. When very
//! much changes within it there may be no place. Nothing is wrong with the table then: the
//! one before stays in force, and the newest is handed over again.
//!
//! While many join a large conference at once its table changes more often than it could be handed over, each
//! time for all who are there. It then is, at most, as often as readings are made.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sft_common::maps::name;

use super::{Engine, Time, peer::SlotRun};
use crate::{
    core::table::{ConferenceId, ConferenceTable, Media, Source},
    dataplane::LaneError,
};

/// How long a table may wait for places: longer than they rest.
const PATIENCE: Duration = Duration::from_secs(4);

/// Receivers from which on a conference is large.
const LARGE: usize = 32;
/// From one table of a large conference to the next, at least.
const PAUSE: Duration = Duration::from_millis(50);

/// Tables that wait.
#[derive(Default)]
pub(super) struct Waiting {
    tables: HashMap<ConferenceId, (ConferenceTable, Instant)>,
    /// When large conferences had their last table.
    published: HashMap<ConferenceId, Instant>,
}

impl Waiting {
    /// Keeps the table in place of one that waits already; `false` if its conference has waited long enough.
    fn keep(&mut self, table: &ConferenceTable, now: Instant) -> bool {
        let waiting = self.tables.entry(table.conference).or_insert_with(|| (table.clone(), now));
        waiting.0.clone_from(table);
        now.saturating_duration_since(waiting.1) < PATIENCE
    }

    /// Whether the conference has had a table just now, and is too large to get another at once.
    fn is_early(&self, table: &ConferenceTable, now: Instant) -> bool {
        let last = self.published.get(&table.conference);
        table.receivers.len() >= LARGE
            && last.is_some_and(|last| now.saturating_duration_since(*last) < PAUSE)
    }

    fn note(&mut self, table: &ConferenceTable, now: Instant) {
        self.tables.remove(&table.conference);
        if table.receivers.len() >= LARGE {
            self.published.insert(table.conference, now);
        }
    }

    pub(super) fn forget(&mut self, conference: ConferenceId) {
        self.tables.remove(&conference);
        self.published.remove(&conference);
    }
}

impl Engine {
    /// A table that no lane can carry fails with the leg that joined last.
    pub(super) fn publish(&mut self, table: &ConferenceTable, time: Time) {
        self.note_runs(table);
        if self.unpublished.is_early(table, time.instant) && self.unpublished.keep(table, time.instant) {
            return;
        }
        let error = match self.lanes.publish(table) {
            Ok(()) => return self.unpublished.note(table, time.instant),
            Err(error) => error,
        };
        if is_momentary(&error) && self.unpublished.keep(table, time.instant) {
            return;
        }
        self.unpublished.forget(table.conference);
        tracing::warn!(conference = table.conference.0, %error, "table not published");
        if let Some(last) = table.receivers.last() {
            self.fail(last.leg, error.to_string());
        }
    }

    pub(super) fn publish_again(&mut self, time: Time) {
        let waiting = self.unpublished.tables.values();
        let waiting: Vec<ConferenceTable> = waiting.map(|(table, _)| table.clone()).collect();
        waiting.iter().for_each(|table| self.publish(table, time));
    }

    fn note_runs(&mut self, table: &ConferenceTable) {
        for receiver in &table.receivers {
            let runs = self.peers.get_mut(&receiver.leg).into_iter().flat_map(|peer| &mut peer.runs);
            runs.for_each(|slot| slot.streams.clear());
        }
        let is_video = |source: &&Source| matches!(source.media, Media::Video { .. });
        let videos = table.sources.iter().filter(is_video);
        for (source, shown) in videos.flat_map(|source| source.subscribers.iter().map(move |s| (source, s))) {
            let Some(peer) = self.peers.get_mut(&shown.receiver) else { continue };
            let slot = usize::from(shown.slot);
            if peer.runs.len() <= slot {
                peer.runs.resize_with(slot + 1, SlotRun::default);
            }
            let slot = &mut peer.runs[slot];
            slot.published = slot.published.max(shown.run);
            slot.streams.push((shown.run, source.leg, source.ssrc));
        }
    }
}

fn is_momentary(error: &LaneError) -> bool {
    matches!(error, LaneError::Full { map: name::ENTRIES, .. })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::table::{LegId, Receiver};

    fn table(conference: u32) -> ConferenceTable {
        let (receivers, sources) = (Vec::new(), Vec::new());
        ConferenceTable { conference: ConferenceId(conference), receivers, sources }
    }

    #[test]
    fn a_conference_waits_from_its_first_table_on_and_not_for_ever() {
        let (mut waiting, start) = (Waiting::default(), Instant::now());
        assert!(waiting.keep(&table(1), start));
        assert!(waiting.keep(&table(1), start + PATIENCE / 2));
        assert!(waiting.keep(&table(2), start + PATIENCE / 2));
        assert!(!waiting.keep(&table(1), start + PATIENCE));
        waiting.forget(ConferenceId(1));
        assert!(waiting.keep(&table(1), start + PATIENCE));
    }

    #[test]
    fn large_conferences_get_their_tables_one_by_one() {
        let (mut waiting, start) = (Waiting::default(), Instant::now());
        let receiver =
            Arc::new(Receiver { leg: LegId(1), audio: Vec::new(), video: Vec::new(), named: Vec::new() });
        let large = ConferenceTable { receivers: vec![receiver; LARGE], ..table(1) };
        assert!(!waiting.is_early(&large, start), "the first one");
        waiting.note(&large, start);
        assert!(waiting.is_early(&large, start + PAUSE / 2));
        assert!(!waiting.is_early(&large, start + PAUSE));
        assert!(!waiting.is_early(&ConferenceTable { receivers: Vec::new(), ..large }, start), "nobody left");
    }

    #[test]
    fn only_lists_become_free_by_themselves() {
        let full = |map| LaneError::Full { map, limit: 1 };
        assert!(is_momentary(&full(name::ENTRIES)) && !is_momentary(&full(name::SLOTS)));
    }
}
