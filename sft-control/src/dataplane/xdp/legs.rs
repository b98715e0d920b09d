//! Legs: keys, address pairs, paths.

use std::sync::Arc;

use sft_common::{
    frame::Family,
    maps::{
        ARRIVALS, ArrivalRing, KeyRecord, LEG_PASS, LegControl, LegRecord, NO_EGRESS, PathRecord, TupleKey,
        name,
    },
};

use super::{
    KernelLane, LaneError, Leg, Tuple, kernel,
    keystream::{Place, StreamKey},
    ports::{local_key, octets},
    readings,
};
use crate::{
    core::table::{ConferenceId, LegId},
    dataplane::{LegKeys, SessionKey},
    srtp::Keystream,
};

/// Words of `LegControl`.
const EGRESS: usize = 0;
const FLAGS: usize = 1;
const LEARNING: usize = 2;

impl KernelLane {
    pub(super) fn add_leg(
        &mut self,
        conference: ConferenceId,
        leg: LegId,
        keys: &LegKeys,
    ) -> Result<(), LaneError> {
        let (mut receive, mut transmit) = (expand(&keys.receive)?, expand(&keys.transmit)?);
        let streams = [Keystream::new(&keys.receive)?, Keystream::new(&keys.transmit)?];
        let number = self.numbers.legs.take(1)?;
        let [receive_stream, transmit_stream] = streams.map(|keystream| {
            self.keys = self.keys.wrapping_add(1);
            StreamKey {
                epoch: u64::from(number) << 32 | u64::from(self.keys),
                keystream: Arc::new(keystream),
            }
        });
        (receive.epoch, transmit.epoch) = (receive_stream.epoch, transmit_stream.epoch);
        let receive_key =
            self.numbers.keys.take(2).inspect_err(|_| self.numbers.legs.give_back(number, 1))?;
        let transmit_key = receive_key + 1;
        self.maps.keys.set(receive_key, receive, 0).map_err(|error| kernel("writing a key", error))?;
        self.maps.keys.set(transmit_key, transmit, 0).map_err(|error| kernel("writing a key", error))?;
        let record = LegRecord { receive_key, conference: conference.0 };
        self.maps.legs.set(number, record, 0).map_err(|error| kernel("writing a leg", error))?;
        let flags = if self.passing.contains(&conference) { LEG_PASS } else { 0 };
        self.maps.leg_control.write(number, LegControl { egress: NO_EGRESS, flags, learning: 0 });
        // What an earlier leg of this number received is not this one's.
        self.maps.arrivals.write(number, ArrivalRing { cells: [0; ARRIVALS] });
        let state = Leg {
            number,
            conference,
            receive_key,
            transmit_key,
            receive: receive_stream,
            transmit: transmit_stream,
            tuples: Vec::new(),
            selected: None,
            path: None,
            slots: None,
            made: 0,
            sources: Vec::new(),
            traffic: readings::Traffic::default(),
            last_arrival: None,
        };
        self.legs.insert(leg, state);
        Ok(())
    }

    pub(super) fn add_tuple(&mut self, leg: LegId, tuple: Tuple) -> Result<(), LaneError> {
        let number = self.leg(leg)?.number;
        let inserted = self.maps.tuples.insert(tuple_key(tuple), number, 0);
        inserted.map_err(|_| LaneError::Full { map: name::TUPLES, limit: self.tuples_limit as usize })?;
        if let Some(leg) = self.legs.get_mut(&leg)
            && !leg.tuples.contains(&tuple)
        {
            leg.tuples.push(tuple);
        }
        Ok(())
    }

    pub(super) fn select(&mut self, leg: LegId, tuple: Tuple) -> Result<(), LaneError> {
        let conference = self.leg(leg)?.conference;
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.selected = Some(tuple);
        }
        match self.path(conference, tuple)? {
            Some(path) => self.switch_path(leg, path),
            // The next refresh finds the neighbour's address.
            None => Ok(()),
        }
    }

    /// The way to a leg; `None` while the neighbour's address is not known.
    fn path(&mut self, conference: ConferenceId, tuple: Tuple) -> Result<Option<PathRecord>, LaneError> {
        let not_carried = |reason: String| LaneError::NotCarried { conference, reason };
        let route = self.resolver.resolve(tuple.remote.ip(), tuple.local.ip());
        let route = route.map_err(|error| not_carried(error.to_string()))?;
        if route.interface != self.egress.index {
            let reason = format!(
                "{} is reached through {}, the kernel lane sends through {}",
                tuple.remote.ip(),
                route.name,
                self.egress.name
            );
            return Err(not_carried(reason));
        }
        if !self.local.contains(&local_key(tuple.local, route.vlan)) {
            let reason = format!(
                "{} is reached through {}, where the kernel lane takes no media for {}",
                tuple.remote.ip(),
                route.name,
                tuple.local.ip()
            );
            return Err(not_carried(reason));
        }
        Ok(route.destination_mac.map(|destination_mac| PathRecord {
            local: octets(tuple.local),
            remote: octets(tuple.remote),
            local_port: tuple.local.port().to_be_bytes(),
            remote_port: tuple.remote.port().to_be_bytes(),
            source_mac: route.source_mac,
            destination_mac,
            family: if tuple.remote.is_ipv4() { Family::V4 as u32 } else { Family::V6 as u32 },
            interface: route.interface,
            mtu: route.mtu,
            vlan: route.vlan.into(),
        }))
    }

    /// Writes a new path and refers to it; the old one rests.
    fn switch_path(&mut self, leg: LegId, record: PathRecord) -> Result<(), LaneError> {
        let Some(state) = self.legs.get_mut(&leg) else { return Ok(()) };
        if state.path.is_some_and(|(_, known)| known == record) {
            return Ok(());
        }
        let number = self.numbers.paths.take(1)?;
        self.maps.paths.set(number, record, 0).map_err(|error| kernel("writing a path", error))?;
        let egress = u64::from(number) << 32 | u64::from(state.transmit_key);
        self.maps.leg_control.store(state.number, EGRESS, egress);
        if let Some((old, _)) = state.path.replace((number, record)) {
            self.numbers.paths.give_back(old, 1);
        }
        Ok(())
    }

    /// Follows routes and neighbours. `changed`: the kernel announced something; without, only legs that
    /// have no path yet are looked at.
    pub fn refresh_paths(&mut self, changed: bool) {
        if changed {
            self.resolver.forget();
        }
        let legs = self.legs.iter().filter(|(_, leg)| changed || leg.path.is_none());
        let selected = legs.filter_map(|(id, leg)| Some((*id, leg.conference, leg.selected?)));
        let selected: Vec<_> = selected.collect();
        for (leg, conference, tuple) in selected {
            let result = match self.path(conference, tuple) {
                Ok(Some(path)) => self.switch_path(leg, path),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                tracing::warn!(leg = leg.0, %error, "the way to a leg is lost");
            }
        }
    }

    pub(super) fn set_learning(&mut self, leg: LegId, packets: u32) {
        if let Some(leg) = self.legs.get(&leg) {
            self.maps.leg_control.store(leg.number, LEARNING, packets.into());
        }
    }

    pub(super) fn set_passing(&mut self, leg: LegId) {
        if let Some(leg) = self.legs.get(&leg) {
            self.maps.leg_control.store(leg.number, FLAGS, LEG_PASS);
        }
    }

    pub(super) fn drop_leg(&mut self, leg: LegId) {
        let Some(state) = self.legs.get(&leg) else { return };
        self.maps.leg_control.store(state.number, EGRESS, NO_EGRESS);
        let conference = state.conference;
        self.drop_sources(conference, |(holder, _)| *holder == leg);
        self.learned.retain(|(holder, _), _| *holder != leg);
        self.parked.retain(|(holder, _), _| *holder != leg);
        let Some(state) = self.legs.remove(&leg) else { return };
        for tuple in &state.tuples {
            // The pair may belong to another leg by now.
            let key = tuple_key(*tuple);
            if self.maps.tuples.get(&key, 0).is_ok_and(|number| number == state.number) {
                let _ = self.maps.tuples.remove(&key);
            }
        }
        if let Some((first, len)) = state.slots {
            (first..first + len).for_each(|slot| self.maps.keystream.remove(Place::Slot(slot)));
        }
        self.depart(leg, &state);
    }
}

fn expand(key: &SessionKey) -> Result<KeyRecord, LaneError> {
    KeyRecord::expand(key.profile, &key.encryption, &key.authentication, &key.salt)
        .map_err(|error| kernel("expanding a key", error))
}

fn tuple_key(tuple: Tuple) -> TupleKey {
    TupleKey {
        local: octets(tuple.local),
        remote: octets(tuple.remote),
        local_port: tuple.local.port().to_be_bytes(),
        remote_port: tuple.remote.port().to_be_bytes(),
    }
}
