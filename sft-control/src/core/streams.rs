//! Which source and layer each video slot shows (sft-protocol.md 10.5), and when it switches.

use std::time::Duration;

use super::{
    Core, Step,
    conference::{Conference, LayerState, Member, Shown, VideoSlot},
    table::{ConferenceId, Layer, LegId},
};
use crate::econn::Quality;

/// A layer without packets for so long is given up for the other one: of a camera, of a shared screen, whose
/// frames are rare.
const CAMERA_IDLE: Duration = Duration::from_millis(800);
const SCREEN_IDLE: Duration = Duration::from_secs(3);

impl Core {
    /// Lets every slot follow its receiver's selection. Publishes if anything changed.
    pub(super) fn choose_streams(&mut self, step: &mut Step<'_>, conference: ConferenceId) {
        let Some(found) = self.conferences.get_mut(&conference) else { return };
        let mut changed = false;
        for receiver in 0..found.members.len() {
            let wanted = found.wanted(receiver);
            for (slot, wanted) in found.members[receiver].video_slots.iter_mut().zip(wanted) {
                changed |= slot.follow(wanted);
            }
        }
        if changed {
            self.republish(step, conference);
            self.keyframes_due(step, conference);
        }
    }

    pub(super) fn layer_learned(&mut self, step: &mut Step<'_>, leg: LegId, layer: Layer, ssrc: u32) {
        let Some((conference, place)) = self.find(leg) else { return };
        let known = conference.members[place].layer_mut(layer);
        // Once per layer: what follows under another SSRC is not believed.
        if known.is_some() {
            return;
        }
        *known = Some(LayerState { ssrc, idle: Duration::ZERO });
        let conference = conference.id;
        self.republish(step, conference);
        self.choose_streams(step, conference);
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
            self.choose_streams(step, conference);
        }
    }

    /// A slot has turned to a run.
    pub(super) fn slot_reached(&mut self, step: &mut Step<'_>, receiver: LegId, slot: u8, run: u32) {
        let Some((conference, place)) = self.find(receiver) else { return };
        let Some(slot) = conference.members[place].video_slots.get_mut(usize::from(slot)) else { return };
        if slot.reach(run) {
            let conference = conference.id;
            self.republish(step, conference);
            self.keyframes_due(step, conference);
        }
    }
}

impl Conference {
    /// What each video slot of a receiver should show.
    fn wanted(&self, receiver: usize) -> Vec<Option<(LegId, Layer)>> {
        let receiver = &self.members[receiver];
        let show = |place: usize| {
            let (user, quality) = receiver.selection.get(place)?;
            let source =
                self.established().find(|member| member.user == *user && member.leg != receiver.leg)?;
            if !receiver.is_established() || !receiver.sees(source) {
                return None;
            }
            Some((source.leg, source.choose_layer(*quality)?))
        };
        (0..receiver.video_slots.len()).map(show).collect()
    }
}

impl Member {
    fn idle_limit(&self) -> Duration {
        if self.has("screensend") { SCREEN_IDLE } else { CAMERA_IDLE }
    }

    /// The layer that this quality asks for, or the other one if it is not there. None that is not known.
    fn choose_layer(&self, quality: Quality) -> Option<Layer> {
        let (first, second) = match quality {
            Quality::Low => (Layer::Low, Layer::High),
            Quality::Any | Quality::High => (Layer::High, Layer::Low),
        };
        let alive = |layer| self.layer(layer).is_some_and(|state| state.idle < self.idle_limit());
        let known = |layer: &Layer| self.layer(*layer).is_some();
        [first, second].into_iter().find(|layer| alive(*layer)).or([first, second].into_iter().find(known))
    }

    /// A legacy client's one stream is both layers (sft-protocol.md 3.8).
    pub(super) fn take_legacy_video(&mut self, ssrc: Option<u32>) {
        self.high = ssrc.map(|ssrc| LayerState { ssrc, idle: Duration::ZERO });
        self.video_ssrc = ssrc.unwrap_or(self.video_ssrc);
    }
}

impl VideoSlot {
    /// Turns to what is wanted; `false` if it does already.
    fn follow(&mut self, wanted: Option<(LegId, Layer)>) -> bool {
        let latest = self.pending.or(self.current);
        if latest.map(|shown| (shown.leg, shown.layer)) == wanted {
            return false;
        }
        let Some((leg, layer)) = wanted else {
            (self.current, self.pending) = (None, None);
            return true;
        };
        let next = Shown { leg, layer, run: self.take_run() };
        match self.current {
            // The layer that is on shows on until the other one has a key frame.
            Some(current) if current.leg == leg && current.run <= self.reached => self.pending = Some(next),
            _ => (self.current, self.pending) = (Some(next), None),
        }
        true
    }

    /// Notes the run that the data plane is at; `true` if the subscriptions change by that.
    fn reach(&mut self, run: u32) -> bool {
        self.reached = run;
        if let Some(pending) = self.pending.filter(|pending| pending.run <= run) {
            (self.current, self.pending) = (Some(pending), None);
            return true;
        }
        match self.current {
            // It had turned to a layer before that was called off: only a newer run brings it back.
            Some(current) if current.run < run => {
                self.current = Some(Shown { run: self.take_run(), ..current });
                true
            }
            _ => false,
        }
    }
}
