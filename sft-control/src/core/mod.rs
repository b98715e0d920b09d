//! The conference core, sans-IO: groups, legs, authorisation, slots, roster and timers.
//!
//! Events in ([`Input`]), commands out ([`Output`]), time and randomness passed in. It opens no socket,
//! reads no clock, and sees no packet; forwarding state changes only through [`table`].

mod admission;
mod audience;
mod audio;
mod blacklist;
mod compile;
mod conference;
pub mod deadlines;
pub mod event;
mod join;
mod keyframes;
mod lifecycle;
mod messages;
mod named;
mod roster;
mod seats;
mod streams;
pub mod table;
mod tokens;
mod view;

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use rand::{Rng, rngs::StdRng};

use self::{
    conference::Conference,
    deadlines::Deadlines,
    table::{ConferenceId, LegId},
};
pub use admission::{Policy, Refusal};
pub use blacklist::{Blacklist, BlacklistError};
pub use event::{Input, Output};
pub use tokens::{Secret, SecretError};
pub use view::{ConferenceView, LayerView, LegView, ShownView, SlotView, Totals};

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients post their answers (sft-protocol.md 3.6).
    pub public_url: String,
    pub max_conferences: usize,
    /// Of all conferences together.
    pub max_legs: usize,
    pub max_conference_legs: usize,
    /// Data-channel messages of one leg; more are dropped.
    pub max_messages_per_second: u32,
    /// Ask for key frames and switch slots as the original does, to compare (sft-protocol.md 10.5, 11).
    pub imitate_original: bool,
    pub admission: Policy,
}

/// The clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    pub instant: Instant,
    /// Wall clock, since the epoch.
    pub unix: Duration,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Timer {
    /// A leg has to be further by now.
    Leg(LegId),
    /// Slots wait for key frames, or receivers do.
    Keyframes(ConferenceId),
    /// Authorisations have changed since the last table.
    Table(ConferenceId),
    /// The participant list has changed since it was sent.
    List(ConferenceId),
}

/// All conferences.
pub struct Core {
    config: Config,
    rng: StdRng,
    /// Ordered, so that a replay of the same events gives the same commands.
    conferences: BTreeMap<ConferenceId, Conference>,
    by_group: HashMap<String, ConferenceId>,
    by_leg: HashMap<LegId, ConferenceId>,
    timers: Deadlines<Timer>,
    next_conference: u32,
    next_leg: u32,
    /// Of the last participant list that was written.
    list_number: u32,
    draining: bool,
    conferences_total: u64,
    participants_total: u64,
    /// In the order of [`Refusal::ALL`].
    refusals: [u64; Refusal::ALL.len()],
}

/// One event's time and commands.
struct Step<'a> {
    now: Now,
    out: &'a mut Vec<Output>,
}

impl Core {
    pub fn new(config: Config, rng: StdRng) -> Self {
        Core {
            config,
            rng,
            conferences: BTreeMap::new(),
            by_group: HashMap::new(),
            by_leg: HashMap::new(),
            timers: Deadlines::default(),
            next_conference: 1,
            next_leg: 1,
            list_number: 0,
            draining: false,
            conferences_total: 0,
            participants_total: 0,
            refusals: [0; Refusal::ALL.len()],
        }
    }

    /// The conference that runs under a group id.
    pub fn conference(&self, group: &str) -> Option<ConferenceId> {
        self.by_group.get(group).copied()
    }

    /// When [`Input::Timeout`] is wanted.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Takes in one event and appends what is to be done. Events of legs that have ended are ignored.
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        let step = &mut Step { now, out };
        match input {
            Input::Request { id, group, body } => self.request(step, id, &group, &body),
            Input::RequestGone { id } => self.request_gone(id),
            Input::OfferReady { leg, sdp } => self.offer_ready(step, leg, &sdp),
            Input::TransportFailed { leg, reason } => self.end_leg(step, leg, &reason),
            Input::Connected { leg } => self.connected(step, leg),
            Input::ChannelOpen { leg } => self.channel_open(step, leg),
            Input::ChannelMessage { leg, data } => self.message(step, leg, &data),
            Input::ChannelClosed { leg } => self.end_leg(step, leg, "data channel closed"),
            Input::LayerLearned { leg, layer, ssrc } => self.layer_learned(step, leg, layer, ssrc),
            Input::AudioReading { conference, speakers, levels } => {
                self.audio_reading(step, conference, &speakers, &levels);
            }
            Input::LayerReading { leg, layer, idle } => self.layer_reading(step, leg, layer, idle),
            Input::SlotReached { receiver, slot, run } => self.slot_reached(step, receiver, slot, run),
            Input::KeyframeWanted { receiver, slot } => self.keyframe_wanted(step, receiver, slot),
            Input::TokenSecret(secret) => self.config.admission.secret = Some(secret),
            Input::Drain => self.draining = true,
            Input::Timeout => self.timeout(step),
        }
    }

    /// The conference of a leg, and the leg's place in it.
    fn find(&mut self, leg: LegId) -> Option<(&mut Conference, usize)> {
        let conference = self.conferences.get_mut(self.by_leg.get(&leg)?)?;
        let place = conference.place(leg)?;
        Some((conference, place))
    }

    /// A random number that is not 0 and not in `others`.
    fn new_ssrc(rng: &mut StdRng, others: &[u32]) -> u32 {
        loop {
            let ssrc = rng.random();
            if ssrc != 0 && !others.contains(&ssrc) {
                return ssrc;
            }
        }
    }
}
