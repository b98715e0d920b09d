//! Which lane carries which conference: the kernel lane while it can, the userspace lane otherwise.
//!
//! A conference is in one lane at a time, since two lanes on one slot would repeat nonces. It moves once at
//! most, from the kernel to userspace, and exactly when the kernel lane answers [`LaneError::NotCarried`];
//! state moves with it. What is remembered here is what a lane needs to be told again, nothing that moves
//! with packets.

use std::collections::{BTreeMap, HashMap};

use super::{Arrival, Counters, Lane, LaneError, LegKeys, SlotReading, SourceReading, Tuple};
use crate::core::table::{ConferenceId, ConferenceTable, LegId, Speaker, Speakers};

/// Which lanes the operator wants.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The kernel lane where it can carry a conference, else the userspace lane.
    #[default]
    Auto,
    /// The kernel lane only: a leg it cannot carry is refused.
    Xdp,
    /// The userspace lane only: nothing is loaded into the kernel.
    Userspace,
}

impl Mode {
    /// Name on the command line and in the CLI.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Auto => "auto",
            Mode::Xdp => "xdp",
            Mode::Userspace => "userspace",
        }
    }
}

/// One of the two lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaneName {
    Kernel,
    User,
}

impl LaneName {
    /// Name in metrics and the CLI.
    pub const fn name(self) -> &'static str {
        match self {
            LaneName::Kernel => "kernel",
            LaneName::User => "user",
        }
    }
}

/// A lane and why it is this one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LaneStatus {
    pub lane: LaneName,
    /// Empty for the kernel lane, which needs no reason.
    pub reason: String,
}

impl std::fmt::Display for LaneStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.reason.as_str() {
            "" => f.write_str(self.lane.name()),
            reason => write!(f, "{}: {reason}", self.lane.name()),
        }
    }
}

/// The operator insists on the kernel lane and it cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernel lane cannot start: {reason}; use --dataplane auto to fall back to the userspace lane")]
pub struct NoKernelLane {
    pub reason: String,
}

/// Totals of both lanes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneCounters {
    /// `None`: there is no kernel lane.
    pub kernel: Option<Counters>,
    pub user: Counters,
}

/// Both lanes: `K` is the kernel's, `U` is userspace's.
pub struct Lanes<K, U> {
    mode: Mode,
    kernel: Option<K>,
    user: U,
    /// What a new conference gets.
    initial: LaneStatus,
    conferences: HashMap<ConferenceId, Carried>,
    /// Ordered, so that a migration replays legs in the order of their making.
    legs: BTreeMap<LegId, LegMemory>,
}

/// What is remembered of a conference.
struct Carried {
    status: LaneStatus,
    /// The last table that a lane accepted.
    table: Option<ConferenceTable>,
}

/// What is remembered of a leg, to install it in the other lane. The keys wipe themselves on drop.
struct LegMemory {
    conference: ConferenceId,
    keys: LegKeys,
    accepted: Vec<Tuple>,
    selected: Option<Tuple>,
    /// The last allowance of packets to learn from.
    learning: u32,
    /// Index of the packet that each source was learned from, by SSRC.
    learned: BTreeMap<u32, u64>,
}

impl LegMemory {
    /// Tell `lane` everything that is remembered. A lane that refuses one fact is still told the others.
    fn replay(&self, leg: LegId, lane: &mut dyn Lane) -> Result<(), LaneError> {
        let mut result = lane.install_leg(self.conference, leg, &self.keys);
        for &tuple in &self.accepted {
            result = result.and(lane.accept_tuple(leg, tuple));
        }
        if let Some(tuple) = self.selected {
            result = result.and(lane.select_tuple(leg, tuple));
        }
        for (&ssrc, &index) in &self.learned {
            lane.learned(leg, ssrc, index);
        }
        lane.allow_learning(leg, self.learning);
        result
    }
}

/// Whether a lane that merely passes a conference's packets up must know of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Carrier,
    CarrierAndPasser,
}

impl<K: Lane, U: Lane> Lanes<K, U> {
    /// Start with the lanes that `mode` asks for; `load` makes the kernel lane and is not called in
    /// userspace mode.
    ///
    /// # Errors
    /// In `xdp` mode, if `load` fails.
    pub fn start<E: std::fmt::Display>(
        mode: Mode,
        user: U,
        load: impl FnOnce() -> Result<K, E>,
    ) -> Result<Self, NoKernelLane> {
        let (kernel, initial) = match mode {
            Mode::Userspace => (None, user_lane("asked for with --dataplane userspace".into())),
            Mode::Auto | Mode::Xdp => match load() {
                Ok(kernel) => (Some(kernel), LaneStatus { lane: LaneName::Kernel, reason: String::new() }),
                Err(error) if mode == Mode::Xdp => return Err(NoKernelLane { reason: error.to_string() }),
                Err(error) => (None, user_lane(error.to_string())),
            },
        };
        Ok(Lanes { mode, kernel, user, initial, conferences: HashMap::new(), legs: BTreeMap::new() })
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The lane a new conference gets, and why.
    pub fn initial(&self) -> &LaneStatus {
        &self.initial
    }

    /// The lane of a conference that has at least one leg or table.
    pub fn status(&self, conference: ConferenceId) -> Option<&LaneStatus> {
        self.conferences.get(&conference).map(|carried| &carried.status)
    }

    /// All conferences that have at least one leg or table.
    pub fn conferences(&self) -> impl Iterator<Item = ConferenceId> + '_ {
        self.conferences.keys().copied()
    }

    /// The table that the conference's lane carries.
    pub fn table(&self, conference: ConferenceId) -> Option<&ConferenceTable> {
        self.conferences.get(&conference)?.table.as_ref()
    }

    /// The kernel lane itself, to look at.
    pub fn kernel(&self) -> Option<&K> {
        self.kernel.as_ref()
    }

    /// The kernel lane itself, for what only it has: lease, interfaces, neighbours.
    pub fn kernel_mut(&mut self) -> Option<&mut K> {
        self.kernel.as_mut()
    }

    /// The userspace lane itself, for what only it has: the packets that arrive on sockets.
    pub fn user_mut(&mut self) -> &mut U {
        &mut self.user
    }

    pub fn counters(&self) -> LaneCounters {
        LaneCounters { kernel: self.kernel.as_ref().map(Lane::counters), user: self.user.counters() }
    }

    /// See [`Lane::install_leg`].
    ///
    /// # Errors
    /// The lane's. The leg has then no place in any lane: close it with [`Self::remove_leg`].
    pub fn install_leg(
        &mut self,
        conference: ConferenceId,
        leg: LegId,
        keys: &LegKeys,
    ) -> Result<(), LaneError> {
        self.legs.insert(
            leg,
            LegMemory {
                conference,
                keys: keys.clone(),
                accepted: Vec::new(),
                selected: None,
                learning: 0,
                learned: BTreeMap::new(),
            },
        );
        self.carry(conference, Audience::CarrierAndPasser, |lane| lane.install_leg(conference, leg, keys))
    }

    /// See [`Lane::accept_tuple`]. Of a leg that was never installed nothing is accepted.
    ///
    /// # Errors
    /// The lane's; close the leg.
    pub fn accept_tuple(&mut self, leg: LegId, tuple: Tuple) -> Result<(), LaneError> {
        let Some(memory) = self.legs.get_mut(&leg) else { return Ok(()) };
        if !memory.accepted.contains(&tuple) {
            memory.accepted.push(tuple);
        }
        let conference = memory.conference;
        self.carry(conference, Audience::CarrierAndPasser, |lane| lane.accept_tuple(leg, tuple))
    }

    /// See [`Lane::select_tuple`].
    ///
    /// # Errors
    /// The lane's; close the leg.
    pub fn select_tuple(&mut self, leg: LegId, tuple: Tuple) -> Result<(), LaneError> {
        let Some(memory) = self.legs.get_mut(&leg) else { return Ok(()) };
        memory.selected = Some(tuple);
        let conference = memory.conference;
        self.carry(conference, Audience::Carrier, |lane| lane.select_tuple(leg, tuple))
    }

    /// The kernel cannot carry a leg, for a reason that it does not know itself: what its conference has goes to
    /// the userspace lane.
    ///
    /// # Errors
    /// `NotCarried` if the operator insists on the kernel lane, else that lane's; close the leg.
    pub fn leave_kernel(&mut self, conference: ConferenceId, reason: String) -> Result<(), LaneError> {
        match (self.lane_of(conference), self.mode) {
            (LaneName::User, _) => Ok(()),
            (LaneName::Kernel, Mode::Auto) => self.migrate(conference, reason),
            (LaneName::Kernel, _) => Err(LaneError::NotCarried { conference, reason }),
        }
    }

    /// See [`Lane::remove_leg`].
    pub fn remove_leg(&mut self, leg: LegId) {
        self.legs.remove(&leg);
        if let Some(kernel) = &mut self.kernel {
            kernel.remove_leg(leg);
        }
        self.user.remove_leg(leg);
    }

    /// See [`Lane::allow_learning`].
    pub fn allow_learning(&mut self, leg: LegId, packets: u32) {
        let Some(memory) = self.legs.get_mut(&leg) else { return };
        memory.learning = packets;
        let conference = memory.conference;
        self.carrier_mut(conference).allow_learning(leg, packets);
    }

    /// See [`Lane::learned`].
    pub fn learned(&mut self, leg: LegId, ssrc: u32, index: u64) {
        let Some(memory) = self.legs.get_mut(&leg) else { return };
        memory.learned.insert(ssrc, index);
        let conference = memory.conference;
        self.carrier_mut(conference).learned(leg, ssrc, index);
    }

    /// See [`Lane::publish`].
    ///
    /// # Errors
    /// The lane's. The table published before stays in force.
    pub fn publish(&mut self, table: &ConferenceTable) -> Result<(), LaneError> {
        let conference = table.conference;
        let before = self.carried(conference).table.replace(table.clone());
        let result = self.carry(conference, Audience::Carrier, |lane| lane.publish(table));
        if result.is_err() {
            self.carried(conference).table = before;
        }
        result
    }

    /// See [`Lane::remove_conference`]. Takes its remaining legs along.
    pub fn remove_conference(&mut self, conference: ConferenceId) {
        for leg in self.legs_of(conference) {
            self.remove_leg(leg);
        }
        self.conferences.remove(&conference);
        if let Some(kernel) = &mut self.kernel {
            kernel.remove_conference(conference);
        }
        self.user.remove_conference(conference);
    }

    /// See [`Lane::speakers`].
    pub fn speakers(&self, conference: ConferenceId) -> Speakers {
        self.carrier(conference).speakers(conference)
    }

    /// See [`Lane::replace_speaker`].
    pub fn replace_speaker(
        &mut self,
        conference: ConferenceId,
        slot: u8,
        holder: Option<Speaker>,
        next: Option<LegId>,
    ) -> bool {
        self.carrier_mut(conference).replace_speaker(conference, slot, holder, next)
    }

    /// See [`Lane::sources`].
    pub fn sources(&self, conference: ConferenceId) -> Vec<SourceReading> {
        self.carrier(conference).sources(conference)
    }

    /// See [`Lane::slots`].
    pub fn slots(&self, conference: ConferenceId) -> Vec<SlotReading> {
        self.carrier(conference).slots(conference)
    }

    /// See [`Lane::slot`].
    pub fn slot(&self, receiver: LegId, place: usize) -> Option<SlotReading> {
        self.carrier(self.legs.get(&receiver)?.conference).slot(receiver, place)
    }

    /// See [`Lane::slots_of`].
    pub fn slots_of(&self, receiver: LegId) -> Vec<SlotReading> {
        let conference = self.legs.get(&receiver).map(|memory| memory.conference);
        conference.map(|conference| self.carrier(conference).slots_of(receiver)).unwrap_or_default()
    }

    /// See [`Lane::take_arrivals`].
    pub fn take_arrivals(&mut self, leg: LegId, into: &mut Vec<Arrival>) {
        if let Some(conference) = self.legs.get(&leg).map(|memory| memory.conference) {
            self.carrier_mut(conference).take_arrivals(leg, into);
        }
    }

    /// Make one call in the lane of `conference`, and move the conference if that is what the call needs.
    /// What the call tells must be remembered already: a migration replays it.
    fn carry(
        &mut self,
        conference: ConferenceId,
        audience: Audience,
        call: impl Fn(&mut dyn Lane) -> Result<(), LaneError>,
    ) -> Result<(), LaneError> {
        if self.carried(conference).status.lane == LaneName::User {
            self.tell_passer(audience, &call)?;
            return call(&mut self.user);
        }
        match (call(self.carrier_mut(conference)), self.mode) {
            (Err(LaneError::NotCarried { reason, .. }), Mode::Auto) => {
                let migrated = self.migrate(conference, reason);
                self.tell_passer(audience, &call).and(migrated)
            }
            (result, _) => result,
        }
    }

    /// Tell the kernel lane of a leg or pair whose packets it has to pass up. What it cannot carry does not
    /// reach its programs, so there is nothing to pass.
    fn tell_passer(
        &mut self,
        audience: Audience,
        call: impl Fn(&mut dyn Lane) -> Result<(), LaneError>,
    ) -> Result<(), LaneError> {
        match (&mut self.kernel, audience) {
            (Some(kernel), Audience::CarrierAndPasser) => match call(kernel) {
                Err(LaneError::NotCarried { .. }) => Ok(()),
                result => result,
            },
            _ => Ok(()),
        }
    }

    /// Move a conference from the kernel to the userspace lane: stop it there, build it here, continue.
    fn migrate(&mut self, conference: ConferenceId, reason: String) -> Result<(), LaneError> {
        tracing::info!(conference = conference.0, reason, "conference moves to the userspace lane");
        let state = self.kernel.as_mut().and_then(|kernel| kernel.export(conference));
        self.carried(conference).status = user_lane(reason);
        let mut result = Ok(());
        for (&leg, memory) in self.legs.iter().filter(|(_, memory)| memory.conference == conference) {
            result = result.and(memory.replay(leg, &mut self.user));
        }
        if let Some(table) = self.conferences.get(&conference).and_then(|carried| carried.table.as_ref()) {
            result = result.and(self.user.publish(table));
        }
        if let Some(state) = state {
            self.user.import(conference, state);
        }
        result
    }

    fn carried(&mut self, conference: ConferenceId) -> &mut Carried {
        self.conferences
            .entry(conference)
            .or_insert_with(|| Carried { status: self.initial.clone(), table: None })
    }

    fn lane_of(&self, conference: ConferenceId) -> LaneName {
        self.status(conference).unwrap_or(&self.initial).lane
    }

    fn carrier(&self, conference: ConferenceId) -> &dyn Lane {
        match (&self.kernel, self.lane_of(conference)) {
            (Some(kernel), LaneName::Kernel) => kernel,
            _ => &self.user,
        }
    }

    fn carrier_mut(&mut self, conference: ConferenceId) -> &mut dyn Lane {
        match (self.lane_of(conference), &mut self.kernel) {
            (LaneName::Kernel, Some(kernel)) => kernel,
            _ => &mut self.user,
        }
    }

    fn legs_of(&self, conference: ConferenceId) -> Vec<LegId> {
        self.legs.iter().filter(|(_, memory)| memory.conference == conference).map(|(&leg, _)| leg).collect()
    }
}

fn user_lane(reason: String) -> LaneStatus {
    LaneStatus { lane: LaneName::User, reason }
}

#[cfg(test)]
mod tests;
