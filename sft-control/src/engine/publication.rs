//! Handing tables to the lanes, again if need be.
//!
//! Lists of the kernel lane that were replaced rest for a second before their place is used again. When very
//! much changes within a second there may be no place for a moment. Nothing is wrong with the table then: the
//! one before stays in force, and the newest is handed over again.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sft_common::maps::name;

use super::{Engine, Time};
use crate::{
    core::table::{ConferenceId, ConferenceTable, Media, Source},
    dataplane::LaneError,
};

/// How long a table may wait for places: longer than they rest.
const PATIENCE: Duration = Duration::from_secs(4);

/// Tables that wait, and since when their conferences have had none newer than the one in force.
#[derive(Default)]
pub(super) struct Waiting(HashMap<ConferenceId, (ConferenceTable, Instant)>);

impl Waiting {
    /// Keeps the table in place of one that waits already; `false` if its conference has waited long enough.
    fn keep(&mut self, table: &ConferenceTable, now: Instant) -> bool {
        let waiting = self.0.entry(table.conference).or_insert_with(|| (table.clone(), now));
        waiting.0.clone_from(table);
        now.saturating_duration_since(waiting.1) < PATIENCE
    }

    pub(super) fn forget(&mut self, conference: ConferenceId) {
        self.0.remove(&conference);
    }
}

impl Engine {
    /// A table that no lane can carry fails with the leg that joined last.
    pub(super) fn publish(&mut self, table: &ConferenceTable, time: Time) {
        self.note_runs(table);
        let error = match self.lanes.publish(table) {
            Ok(()) => return self.unpublished.forget(table.conference),
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
        let waiting: Vec<ConferenceTable> =
            self.unpublished.0.values().map(|(table, _)| table.clone()).collect();
        waiting.iter().for_each(|table| self.publish(table, time));
    }

    fn note_runs(&mut self, table: &ConferenceTable) {
        let is_video = |source: &&Source| matches!(source.media, Media::Video { .. });
        for subscription in table.sources.iter().filter(is_video).flat_map(|source| &*source.subscribers) {
            let peer = self.peers.get_mut(&subscription.receiver);
            if let Some(slot) = peer.and_then(|peer| peer.runs.get_mut(usize::from(subscription.slot))) {
                slot.published = slot.published.max(subscription.run);
            }
        }
    }
}

fn is_momentary(error: &LaneError) -> bool {
    matches!(error, LaneError::Full { map: name::ENTRIES, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn only_lists_become_free_by_themselves() {
        let full = |map| LaneError::Full { map, limit: 1 };
        assert!(is_momentary(&full(name::ENTRIES)) && !is_momentary(&full(name::SLOTS)));
    }
}
