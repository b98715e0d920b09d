//! The kernel lane as a lane.

use super::KernelLane;
use crate::{
    core::table::{ConferenceId, ConferenceTable, LegId, Speaker, Speakers},
    dataplane::{
        Arrival, ConferenceState, Counters, Lane, LaneError, LegKeys, SlotReading, SourceReading, Tuple,
    },
};

impl Lane for KernelLane {
    fn install_leg(&mut self, conference: ConferenceId, leg: LegId, keys: &LegKeys) -> Result<(), LaneError> {
        self.add_leg(conference, leg, keys)
    }

    fn accept_tuple(&mut self, leg: LegId, tuple: Tuple) -> Result<(), LaneError> {
        self.add_tuple(leg, tuple)
    }

    fn select_tuple(&mut self, leg: LegId, tuple: Tuple) -> Result<(), LaneError> {
        self.select(leg, tuple)
    }

    fn remove_leg(&mut self, leg: LegId) {
        self.drop_leg(leg);
    }

    fn allow_learning(&mut self, leg: LegId, packets: u32) {
        self.set_learning(leg, packets);
    }

    fn publish(&mut self, table: &ConferenceTable) -> Result<(), LaneError> {
        self.take_table(table)
    }

    fn remove_conference(&mut self, conference: ConferenceId) {
        self.drop_conference(conference);
    }

    fn learned(&mut self, leg: LegId, ssrc: u32, index: u64) {
        self.learned.insert((leg, ssrc), index);
    }

    fn speakers(&self, conference: ConferenceId) -> Speakers {
        self.read_speakers(conference)
    }

    fn replace_speaker(
        &mut self,
        conference: ConferenceId,
        slot: u8,
        holder: Option<Speaker>,
        next: Option<LegId>,
    ) -> bool {
        self.exchange_speaker(conference, slot, holder, next).is_some()
    }

    fn sources(&self, conference: ConferenceId) -> Vec<SourceReading> {
        self.read_sources(conference)
    }

    fn slots(&self, conference: ConferenceId) -> Vec<SlotReading> {
        self.read_slots(conference)
    }

    fn slot(&self, receiver: LegId, place: usize) -> Option<SlotReading> {
        self.read_slot(receiver, place)
    }

    fn slots_of(&self, receiver: LegId) -> Vec<SlotReading> {
        self.read_slots_of(receiver)
    }

    fn take_arrivals(&mut self, leg: LegId, into: &mut Vec<Arrival>) {
        self.read_arrivals(leg, into);
    }

    fn export(&mut self, conference: ConferenceId) -> Option<ConferenceState> {
        self.hand_over(conference)
    }

    fn import(&mut self, conference: ConferenceId, state: ConferenceState) {
        self.take_over(conference, &state);
    }

    fn counters(&self) -> Counters {
        self.read_counters()
    }
}
