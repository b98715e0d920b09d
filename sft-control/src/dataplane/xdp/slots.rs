//! The slots in the kernel: written one by one, read in stretches, each under its own lock.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use aya::maps::{Array, Map, MapData, MapError};
use sft_common::{
    maps::{bpf_spin_lock, name},
    slot::{LockedSlot, SlotState},
};

use super::{KernelLane, LaneError, LoadError, batch, kernel, tables::LOCKED};
use crate::{
    core::table::{ConferenceId, LegId},
    dataplane::SlotReading,
};

/// The map `SLOTS`.
pub(super) struct Slots {
    records: Array<MapData, LockedSlot>,
    /// Of the same map.
    descriptor: OwnedFd,
}

impl Slots {
    pub(super) fn of(map: Map) -> Result<Self, LoadError> {
        let Map::Array(data) = &map else { return Err(LoadError::Object("SLOTS is no array".into())) };
        let descriptor = data.fd().as_fd().try_clone_to_owned().map_err(LoadError::Memory)?;
        let records = map.try_into().map_err(|reason| LoadError::Map { map: name::SLOTS, reason })?;
        Ok(Slots { records, descriptor })
    }

    fn set(&mut self, number: u32, state: SlotState) -> Result<(), MapError> {
        let record = LockedSlot { lock: bpf_spin_lock::default(), pad: 0, state };
        self.records.set(number, record, LOCKED)
    }

    fn get(&self, number: u32) -> Result<SlotState, MapError> {
        Ok(self.records.get(&number, LOCKED)?.state)
    }

    /// `count` slots from number `first` on, in one system call.
    fn read(&self, first: u32, count: u32) -> io::Result<Vec<LockedSlot>> {
        batch::lookup(self.descriptor.as_fd(), first, count, LOCKED)
    }
}

impl KernelLane {
    pub(super) fn write_slot(&mut self, number: u32, state: SlotState) -> Result<(), LaneError> {
        self.maps.slots.set(number, state).map_err(|error| kernel("writing a slot", error))
    }

    pub(super) fn read_slot(&self, receiver: LegId, place: usize) -> Option<SlotReading> {
        let leg = self.legs.get(&receiver)?;
        let (first, _) = leg.slots.filter(|_| place < leg.made)?;
        let number = first + place as u32;
        Some(SlotReading::of(receiver, &self.maps.slots.get(number).ok()?))
    }

    pub(super) fn read_slots_of(&self, receiver: LegId) -> Vec<SlotReading> {
        self.states_of(receiver).map(|state| SlotReading::of(receiver, &state)).collect()
    }

    pub(super) fn read_slots(&self, conference: ConferenceId) -> Vec<SlotReading> {
        let states = self.slot_states(conference).into_iter();
        states.map(|(receiver, state)| SlotReading::of(receiver, &state)).collect()
    }

    /// Of all receivers in the table.
    pub(super) fn slot_states(&self, conference: ConferenceId) -> Vec<(LegId, SlotState)> {
        let receivers = self.conferences.get(&conference).into_iter().flat_map(|found| &found.receivers);
        receivers
            .flat_map(|receiver| self.states_of(receiver.leg).map(|state| (receiver.leg, state)))
            .collect()
    }

    fn states_of(&self, receiver: LegId) -> impl Iterator<Item = SlotState> + use<> {
        let leg = self.legs.get(&receiver).filter(|leg| leg.made > 0);
        let slots = leg.and_then(|leg| Some((leg.slots?.0, leg.made as u32)));
        let read = slots.map(|(first, made)| self.maps.slots.read(first, made));
        let records = read.transpose().unwrap_or_else(|error| {
            tracing::warn!(leg = receiver.0, %error, "slots not read");
            None
        });
        records.unwrap_or_default().into_iter().map(|record| record.state)
    }
}
