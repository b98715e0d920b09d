//! What holds after every step, whatever came in.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Instant,
};

use serde_json::Value;
use sft_common::maps::AUDIO_SLOTS;
use sft_control::{
    core::{
        Input, Output,
        event::RequestId,
        table::{ConferenceId, ConferenceTable, Layer, LegId, Media, Subscription},
    },
    econn::{self, Body, Participant},
};

/// A model of what the core must remember, fed with what goes in and comes out.
#[derive(Default)]
pub(crate) struct Checks {
    /// Layers are switched without waiting for a key frame.
    at_once: bool,
    pub(crate) tables: BTreeMap<ConferenceId, ConferenceTable>,
    /// Requests without a reply.
    pub(crate) pending: BTreeSet<RequestId>,
    legs: BTreeMap<LegId, Leg>,
    forgotten: HashSet<ConferenceId>,
    /// Highest run that a slot was ever subscribed with, and the run that it is at.
    runs: HashMap<(LegId, u8), u32>,
    reached: HashMap<(LegId, u8), u32>,
    /// Sender of the request or message that is being handled.
    now: Option<Event>,
}

struct Leg {
    conference: ConferenceId,
    name: Name,
    started: bool,
    connected: bool,
    established: bool,
    grants: HashMap<LegId, Participant>,
    list: Value,
}

type Name = (String, String, String);

enum Event {
    Request(Name),
    Grants(LegId, Vec<Participant>),
    Reached((LegId, u8), u32),
}

impl Checks {
    pub(crate) fn new(at_once: bool) -> Self {
        Checks { at_once, ..Checks::default() }
    }

    pub(crate) fn list_of(&self, leg: LegId) -> Value {
        self.legs[&leg].list.clone()
    }

    pub(crate) fn user_of(&self, leg: LegId) -> &str {
        &self.legs[&leg].name.1
    }

    pub(crate) fn before(&mut self, input: &Input) {
        self.now = None;
        match input {
            Input::Request { id, group, body } => {
                assert!(self.pending.insert(*id));
                if let Ok(message) = econn::decode(body) {
                    self.now = Some(Event::Request((group.clone(), message.user, message.client)));
                }
            }
            Input::RequestGone { id } => drop(self.pending.remove(id)),
            Input::Connected { leg } => {
                if let Some(leg) = self.legs.get_mut(leg).filter(|leg| leg.started) {
                    leg.connected = true;
                }
            }
            Input::ChannelOpen { leg } => {
                if let Some(leg) = self.legs.get_mut(leg).filter(|leg| leg.connected) {
                    leg.established = true;
                }
            }
            Input::ChannelMessage { leg, data } => {
                let message = econn::decode(data).ok().filter(|message| message.response);
                if let Some(Body::Participants(entries)) = message.map(|message| message.body) {
                    self.now = Some(Event::Grants(*leg, entries));
                }
            }
            Input::SlotReached { receiver, slot, run } => {
                self.now = Some(Event::Reached((*receiver, *slot), *run));
            }
            _ => {}
        }
    }

    pub(crate) fn after(&mut self, out: &[Output], next: Option<Instant>, now: Instant) {
        let counted = out.iter().any(|output| matches!(output, Output::CountDrop(_)));
        match self.now.take() {
            Some(Event::Grants(leg, entries)) if !counted => self.grant(leg, entries),
            Some(Event::Reached(slot, run)) => self.reach(slot, run),
            event => self.now = event,
        }
        for output in out {
            self.output(output);
        }
        self.devices_have_one_leg();
        // A timeout that is due would be asked for again at once, for ever.
        assert!(next.is_none_or(|next| next > now) || !out.is_empty());
    }

    /// Besides a connected leg a device may have one with which it reconnects.
    fn devices_have_one_leg(&self) {
        let mut seen = HashSet::new();
        for leg in self.legs.values() {
            assert!(seen.insert((&leg.name, leg.connected)), "a device with too many legs");
        }
    }

    fn grant(&mut self, leg: LegId, entries: Vec<Participant>) {
        let Some(from) = self.legs.get(&leg).filter(|leg| leg.established) else { return };
        let conference = from.conference;
        let named = |entry: &Participant| {
            let same = |other: &Leg| {
                other.established
                    && other.conference == conference
                    && (&other.name.1, &other.name.2) == (&entry.user, &entry.client)
            };
            self.legs.iter().find(|(_, other)| same(other)).map(|(leg, _)| *leg)
        };
        let grants = entries.into_iter().filter_map(|entry| Some((named(&entry)?, entry))).collect();
        self.legs.get_mut(&leg).unwrap().grants = grants;
    }

    fn reach(&mut self, slot: (LegId, u8), run: u32) {
        let highest = self.runs.get(&slot).copied().unwrap_or(0);
        let reached = self.reached.entry(slot).or_default();
        if run > *reached && run <= highest {
            *reached = run;
        }
    }

    fn output(&mut self, output: &Output) {
        match output {
            Output::Reply { id, .. } => assert!(self.pending.remove(id), "a second reply"),
            Output::Open { leg, conference, offer, .. } => {
                let Some(Event::Request(name)) = &self.now else { panic!("a transport without a request") };
                let ssrcs = offer.audio_slots.iter().chain(&offer.video_slots);
                assert_distinct(ssrcs.chain([&offer.local_video_ssrc]).copied());
                let leg_state = Leg {
                    conference: *conference,
                    name: name.clone(),
                    started: false,
                    connected: false,
                    established: false,
                    grants: HashMap::new(),
                    list: Value::Null,
                };
                assert!(self.legs.insert(*leg, leg_state).is_none(), "a leg opened twice");
            }
            Output::Start { leg, .. } => {
                let leg = self.leg(*leg);
                assert!(!std::mem::replace(&mut leg.started, true), "a transport started twice");
            }
            Output::Send { leg, message } => {
                let leg = self.leg(*leg);
                assert!(leg.established, "a message before the channel is open");
                let message: Value = serde_json::from_str(message).unwrap();
                if message["type"] == "CONFPART" {
                    leg.list = message;
                }
            }
            Output::Close { leg } => {
                assert!(self.legs.remove(leg).is_some(), "a leg closed twice");
                for other in self.legs.values_mut() {
                    other.grants.remove(leg);
                }
            }
            Output::Publish(table) => self.table(table),
            Output::Forget(conference) => {
                assert!(self.legs.values().all(|leg| leg.conference != *conference));
                assert!(self.forgotten.insert(*conference), "a conference forgotten twice");
                self.tables.remove(conference);
            }
            Output::RequestKeyframe { leg, .. } => assert!(self.leg(*leg).established),
            Output::ReplaceSpeaker { slot, next, .. } => {
                assert!(usize::from(*slot) < AUDIO_SLOTS);
                assert!(next.is_none_or(|next| self.leg(next).established));
            }
            Output::CountDrop(_) => {}
        }
    }

    fn leg(&mut self, leg: LegId) -> &mut Leg {
        self.legs.get_mut(&leg).expect("a command for a leg that does not exist")
    }

    fn table(&mut self, table: &ConferenceTable) {
        assert!(!self.forgotten.contains(&table.conference), "a table of a forgotten conference");
        let members = self.legs.iter().filter(|(_, leg)| leg.conference == table.conference);
        let established: Vec<LegId> =
            members.filter(|(_, leg)| leg.established).map(|(leg, _)| *leg).collect();
        // A leg that this step ends has left the table and is closed right after.
        let receivers: Vec<LegId> = table.receivers.iter().map(|receiver| receiver.leg).collect();
        assert!(receivers.iter().all(|leg| established.contains(leg)));
        assert!(receivers.len() + 1 >= established.len() && receivers.is_sorted());
        let slots = table.receivers.iter().flat_map(|receiver| receiver.audio.iter().chain(&receiver.video));
        let names: HashSet<(LegId, u32)> =
            table.sources.iter().map(|source| (source.leg, source.csrc)).collect();
        assert_distinct(slots.clone().map(|slot| slot.ssrc).chain(names.into_iter().map(|(_, csrc)| csrc)));
        assert!(slots.clone().all(|slot| (1..1 << 15).contains(&slot.index)));
        self.subscriptions(table, &receivers);
        self.tables.insert(table.conference, table.clone());
    }

    fn subscriptions(&mut self, table: &ConferenceTable, receivers: &[LegId]) {
        let before = self.tables.get(&table.conference);
        let old: HashSet<(LegId, u8, LegId, Layer, u32)> = before.into_iter().flat_map(shown).collect();
        let mut by_slot: BTreeMap<(LegId, u8), Vec<(LegId, Layer)>> = BTreeMap::new();
        for (receiver, slot, leg, layer, run) in shown(table) {
            let highest = self.runs.entry((receiver, slot)).or_default();
            assert!(
                old.contains(&(receiver, slot, leg, layer, run)) || run > *highest,
                "a run that is not new"
            );
            *highest = run.max(*highest);
            by_slot.entry((receiver, slot)).or_default().push((leg, layer));
        }
        for sources in by_slot.values() {
            let one_source = sources.iter().all(|(leg, _)| *leg == sources[0].0);
            let layers: HashSet<Layer> = sources.iter().map(|(_, layer)| *layer).collect();
            assert!(one_source && layers.len() == sources.len(), "a slot with two sources");
        }
        for source in &table.sources {
            assert!(receivers.contains(&source.leg));
            let receivers: HashSet<_> = source.subscribers.iter().map(|s| (s.receiver, s.slot)).collect();
            assert_eq!(receivers.len(), source.subscribers.len());
            for subscription in source.reaches() {
                self.mutual(table, source.leg, source.csrc, source.media, subscription);
            }
        }
    }

    fn mutual(&self, table: &ConferenceTable, leg: LegId, csrc: u32, media: Media, to: &Subscription) {
        let receiver = table.receivers.iter().find(|receiver| receiver.leg == to.receiver).unwrap();
        let accepted = &self.legs[&to.receiver].grants[&leg];
        let named = match media {
            Media::Audio => accepted.audio_ssrc,
            Media::Video { .. } => {
                assert!(
                    usize::from(to.slot) < receiver.slots().count() - receiver.audio.len()
                        && to.from_keyframe != self.at_once
                        && to.run > 0
                );
                accepted.video_ssrc
            }
        };
        assert!(accepted.authorised && named == csrc, "not authorised by the receiver");
        assert!(self.legs[&leg].grants[&to.receiver].authorised, "not authorised by the sender");
        assert_ne!(leg, to.receiver);
    }

    /// A slot that is beyond all its subscriptions shows nothing ever again. Holds when no table is due.
    pub(crate) fn no_slot_is_left_behind(&self) {
        let mut newest: HashMap<(LegId, u8), u32> = HashMap::new();
        for (receiver, slot, _, _, run) in self.tables.values().flat_map(shown) {
            let newest = newest.entry((receiver, slot)).or_default();
            *newest = run.max(*newest);
        }
        for (slot, newest) in newest {
            assert!(self.reached.get(&slot).is_none_or(|reached| *reached <= newest), "a slot left behind");
        }
    }
}

/// Video subscriptions: receiver, slot, source, layer, run.
fn shown(table: &ConferenceTable) -> Vec<(LegId, u8, LegId, Layer, u32)> {
    let mut shown = Vec::new();
    for source in &table.sources {
        let Media::Video { layer } = source.media else { continue };
        let of_source = source.subscribers.iter();
        shown.extend(of_source.map(|s| (s.receiver, s.slot, source.leg, layer, s.run)));
    }
    shown
}

fn assert_distinct(ssrcs: impl Iterator<Item = u32>) {
    let ssrcs: Vec<u32> = ssrcs.collect();
    assert!(!ssrcs.contains(&0), "an SSRC of 0");
    assert_eq!(ssrcs.iter().collect::<HashSet<_>>().len(), ssrcs.len(), "an SSRC twice");
}
