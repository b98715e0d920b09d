//! Which source and layer each video slot shows (sft-protocol.md 10.5), and when it switches.

use std::{collections::HashMap, time::Duration};

use super::{
    Core, Step,
    conference::{Conference, LayerState, Member, Shown, State, VideoSlot},
    table::{Layer, LegId},
};
use crate::econn::{Quality, Selection, StreamSelection};

/// A layer without packets for so long is given up for the other one: of a camera, of a shared screen, whose
/// frames are rare.
const CAMERA_IDLE: Duration = Duration::from_millis(800);
const SCREEN_IDLE: Duration = Duration::from_secs(3);

impl Core {
    pub(super) fn layer_learned(&mut self, step: &mut Step<'_>, leg: LegId, layer: Layer, ssrc: u32) {
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &mut conference.members[place];
        if member.learn(layer, ssrc) && member.is_established() {
            let conference = conference.id;
            self.settle_soon(step, conference);
        }
    }

    pub(super) fn layer_reading(&mut self, step: &mut Step<'_>, leg: LegId, layer: Layer, idle: Duration) {
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &mut conference.members[place];
        let limit = member.idle_limit();
        let Some(state) = member.layer_mut(layer) else { return };
        let switched = (state.idle < limit) != (idle < limit);
        state.idle = idle;
        if switched {
            let conference = conference.id;
            self.settle_soon(step, conference);
        }
    }

    /// A slot has turned to a run.
    pub(super) fn slot_reached(&mut self, step: &mut Step<'_>, receiver: LegId, slot: u8, run: u32) {
        let Some((conference, place)) = self.find(receiver) else { return };
        let Some(slot) = conference.members[place].video_slots.get_mut(usize::from(slot)) else { return };
        if slot.reach(run) {
            let conference = conference.id;
            self.settle_soon(step, conference);
        }
    }
}

/// Speakers that are remembered: as many as a client may have video slots.
const FLOOR: usize = 32;

/// A slot's source, and the layer it should show.
type Wanted = Option<(LegId, Layer)>;

impl Conference {
    /// Lets every slot follow its receiver's selection: to another layer `at_once`, or when that has a key frame.
    pub(super) fn choose_streams(&mut self, at_once: bool) {
        let wanted = self.wanted();
        for (member, wanted) in self.members.iter_mut().zip(wanted) {
            for (slot, wanted) in member.video_slots.iter_mut().zip(wanted) {
                slot.follow(wanted, at_once);
            }
        }
    }

    /// What each slot of each member should show.
    fn wanted(&self) -> Vec<Vec<Wanted>> {
        let mut by_user = HashMap::new();
        for member in self.established() {
            by_user.entry(member.user.as_str()).or_insert(member);
        }
        let wanted = |member: &Member| match &member.selection {
            _ if member.receiver.video.is_empty() => self.wanted_of_all(member),
            Selection::List(entries) => member.wanted_of_list(entries, &by_user),
            Selection::Level => self.wanted_of_speakers(member),
        };
        self.members.iter().map(wanted).collect()
    }

    /// Everybody, each in the slot with its name.
    fn wanted_of_all(&self, member: &Member) -> Vec<Wanted> {
        let slots = member.video_slots.iter().enumerate();
        slots.map(|(place, slot)| slot.wanted(self.named_video(member, place)?, Quality::Any)).collect()
    }

    /// Those who spoke last. Who is shown already stays in its place.
    fn wanted_of_speakers(&self, member: &Member) -> Vec<Wanted> {
        let speakers = self.floor.iter().filter_map(|leg| self.member(*leg));
        let seen = speakers.filter(|source| source.leg != member.leg && member.sees(source));
        let mut rest: Vec<&Member> = seen.take(member.video_slots.len()).collect();
        let shown = member.video_slots.iter().map(|slot| slot.shown());
        let mut kept: Vec<Option<&Member>> = shown
            .map(|shown| {
                let place =
                    rest.iter().position(|source| Some(source.leg) == shown.map(|shown| shown.leg))?;
                Some(rest.remove(place))
            })
            .collect();
        for (free, source) in kept.iter_mut().filter(|kept| kept.is_none()).zip(rest) {
            *free = Some(source);
        }
        let slots = kept.iter().zip(&member.video_slots);
        slots.map(|(source, slot)| slot.wanted((*source)?, Quality::Any)).collect()
    }

    /// Notes who has begun to speak; `true` if that is news to slots.
    pub(super) fn note_speakers(&mut self, begun: &[LegId]) -> bool {
        self.floor.retain(|leg| !begun.contains(leg));
        self.floor.splice(0..0, begun.iter().copied());
        self.floor.truncate(FLOOR);
        !begun.is_empty() && self.members.iter().any(|member| member.selection == Selection::Level)
    }
}

impl Member {
    /// What it has selected for a slot by name.
    pub(super) fn selected(&self, place: usize) -> Option<&StreamSelection> {
        match &self.selection {
            Selection::List(entries) => entries.get(place),
            Selection::Level => None,
        }
    }

    /// What each slot should show. A source is in one slot at a time: the first that names it.
    fn wanted_of_list(&self, entries: &[StreamSelection], by_user: &HashMap<&str, &Member>) -> Vec<Wanted> {
        let mut taken = Vec::new();
        let show = |(place, slot): (usize, &VideoSlot)| {
            let entry = entries.get(place)?;
            let source = *by_user.get(entry.user.as_str())?;
            if source.leg == self.leg || taken.contains(&source.leg) || !self.sees(source) {
                return None;
            }
            taken.push(source.leg);
            slot.wanted(source, entry.quality)
        };
        self.video_slots.iter().enumerate().map(show).collect()
    }

    /// Takes in the SSRC of a layer, once: what follows under another SSRC is not believed.
    fn learn(&mut self, layer: Layer, ssrc: u32) -> bool {
        let answered = matches!(self.state, State::Answered | State::Connected | State::Established);
        let known = [self.audio_ssrc, self.low.map(|low| low.ssrc), self.high.map(|high| high.ssrc)];
        let believed = answered && self.simulcast && !known.contains(&Some(ssrc));
        let state = self.layer_mut(layer);
        if !believed || state.is_some() {
            return false;
        }
        *state = Some(LayerState { ssrc, idle: Duration::ZERO });
        true
    }

    fn idle_limit(&self) -> Duration {
        if self.has("screensend") { SCREEN_IDLE } else { CAMERA_IDLE }
    }

    /// Whether packets of a layer have come lately.
    pub(super) fn is_alive(&self, layer: Layer) -> bool {
        self.layer(layer).is_some_and(|state| state.idle < self.idle_limit())
    }

    /// The layer that this quality asks for, or the other one if it is not there. While neither is, what is
    /// shown stays. None that is not known.
    fn choose_layer(&self, quality: Quality, shown: Option<Layer>) -> Option<Layer> {
        let preferred = match quality {
            Quality::Low => [Layer::Low, Layer::High],
            Quality::Any | Quality::High => [Layer::High, Layer::Low],
        };
        let alive = preferred.into_iter().find(|layer| self.is_alive(*layer));
        let known = preferred.into_iter().find(|layer| self.layer(*layer).is_some());
        alive.or(shown).or(known)
    }

    /// A legacy client's one stream is both layers (sft-protocol.md 3.8).
    pub(super) fn take_legacy_video(&mut self, ssrc: Option<u32>) {
        self.high = ssrc.map(|ssrc| LayerState { ssrc, idle: Duration::ZERO });
        self.video_ssrc = ssrc.unwrap_or(self.video_ssrc);
    }
}

impl VideoSlot {
    /// What it shows, or turns to.
    fn shown(&self) -> Option<Shown> {
        self.pending.or(self.current)
    }

    fn wanted(&self, source: &Member, quality: Quality) -> Wanted {
        let shown = self.shown().filter(|shown| shown.leg == source.leg);
        Some((source.leg, source.choose_layer(quality, shown.map(|shown| shown.layer))?))
    }

    /// Turns to what is wanted.
    fn follow(&mut self, wanted: Wanted, at_once: bool) {
        let shows = |shown: Option<Shown>| shown.map(|shown| (shown.leg, shown.layer)) == wanted;
        if shows(self.shown()) {
            return;
        }
        if shows(self.current) {
            // The switch is called off. Should the slot have turned meanwhile, `reach` brings it back.
            self.pending = None;
            return;
        }
        let next = wanted.and_then(|(leg, layer)| self.subscribe(leg, layer));
        match (self.current, next) {
            // The layer that is on shows on until the other one has a key frame.
            (Some(current), Some(next))
                if !at_once && current.leg == next.leg && current.run <= self.reached =>
            {
                self.pending = Some(next);
            }
            _ => (self.current, self.pending) = (next, None),
        }
    }

    /// A new subscription; none once the slot has used up its runs.
    fn subscribe(&mut self, leg: LegId, layer: Layer) -> Option<Shown> {
        self.last_run = self.last_run.checked_add(1)?;
        Some(Shown { leg, layer, run: self.last_run })
    }

    /// Notes the run that the data plane is at; `true` if the subscriptions change by that. A run that no
    /// subscription ever had is not believed.
    fn reach(&mut self, run: u32) -> bool {
        if run <= self.reached || run > self.last_run {
            return false;
        }
        self.reached = run;
        match (self.current, self.pending) {
            (_, Some(pending)) if pending.run <= run => {
                (self.current, self.pending) = (Some(pending), None);
                true
            }
            // It had turned to a layer before that was called off: only a newer run brings it back.
            (Some(current), None) if current.run < run => {
                self.current = self.subscribe(current.leg, current.layer);
                true
            }
            _ => false,
        }
    }
}
