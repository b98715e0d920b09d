//! Numbers of legs that have left while lists may still name them.
//!
//! A list names its receivers by number. When a leg is removed before the table without it is in force, which can
//! take a while in a large conference, its numbers must not become another leg's: that one would get the
//! conference's media. They go back, and begin to rest, with the next table.

use std::collections::HashSet;

use super::{KernelLane, Leg};
use crate::core::table::{ConferenceId, ConferenceTable, LegId};

/// What a conference's lists may name.
#[derive(Default)]
pub(super) struct Listed {
    legs: HashSet<LegId>,
    departed: Vec<Departed>,
}

/// First number and how many, of everything that a leg had.
pub(super) struct Departed {
    leg: u32,
    keys: (u32, u32),
    path: Option<u32>,
    slots: (u32, u32),
}

impl Departed {
    fn of(leg: &Leg) -> Departed {
        Departed {
            leg: leg.number,
            keys: (leg.receive_key, 2),
            path: leg.path.map(|(number, _)| number),
            slots: leg.slots.unwrap_or_default(),
        }
    }
}

impl KernelLane {
    /// From now on lists may name these receivers, too.
    pub(super) fn note_listed(&mut self, table: &ConferenceTable) {
        if let Some(found) = self.conferences.get_mut(&table.conference) {
            found.listed.legs.extend(table.receivers.iter().map(|receiver| receiver.leg));
        }
    }

    /// This table is in force; `None`: no list is.
    pub(super) fn note_in_force(&mut self, conference: ConferenceId, table: Option<&ConferenceTable>) {
        let Some(found) = self.conferences.get_mut(&conference) else { return };
        let receivers = table.into_iter().flat_map(|table| &table.receivers);
        found.listed.legs = receivers.map(|receiver| receiver.leg).collect();
        let departed = std::mem::take(&mut found.listed.departed);
        departed.into_iter().for_each(|leg| self.free(&leg));
    }

    /// Gives the numbers of a leg back, now or when no list names it any more.
    pub(super) fn depart(&mut self, leg: LegId, state: &Leg) {
        let departed = Departed::of(state);
        match self.conferences.get_mut(&state.conference) {
            Some(found) if found.listed.legs.contains(&leg) => found.listed.departed.push(departed),
            _ => self.free(&departed),
        }
    }

    fn free(&mut self, departed: &Departed) {
        let numbers = &mut self.numbers;
        numbers.legs.give_back(departed.leg, 1);
        numbers.keys.give_back(departed.keys.0, departed.keys.1);
        departed.path.into_iter().for_each(|path| numbers.paths.give_back(path, 1));
        numbers.slots.give_back(departed.slots.0, departed.slots.1);
    }
}
