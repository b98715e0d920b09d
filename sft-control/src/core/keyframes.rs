//! Asking sources for key frames: when somebody starts to watch, when a receiver asks, never periodically.

use std::time::{Duration, Instant};

use super::{
    Core, Step, Timer,
    conference::{Conference, Shown},
    event::Output,
    table::{ConferenceId, LegId},
};

/// Between two requests to one source.
const THROTTLE: Duration = Duration::from_millis(500);

impl Core {
    /// A receiver lost its picture.
    pub(super) fn keyframe_wanted(&mut self, step: &mut Step<'_>, receiver: LegId, slot: u8) {
        let Some((conference, place)) = self.find(receiver) else { return };
        let slots = &conference.members[place].video_slots;
        let Some(shown) = slots.get(usize::from(slot)).and_then(|slot| slot.current) else { return };
        if let Some(source) = conference.ssrc_of(shown) {
            conference.ask(step, source);
        }
    }

    /// Asks for the key frames that slots wait for, and comes back while any does.
    pub(super) fn keyframes_due(&mut self, step: &mut Step<'_>, conference: ConferenceId) {
        let Some(found) = self.conferences.get_mut(&conference) else { return };
        let slots = found.members.iter().flat_map(|member| &member.video_slots);
        let awaited: Vec<Shown> = slots.filter_map(|slot| slot.awaited()).collect();
        let mut sources: Vec<(LegId, u32)> =
            awaited.iter().filter_map(|shown| found.ssrc_of(*shown)).collect();
        sources.sort_unstable();
        sources.dedup();
        for source in &sources {
            found.ask(step, *source);
        }
        let next = sources.iter().filter_map(|source| found.asked.get(source)).min();
        if let Some(next) = next.map(|asked: &Instant| *asked + THROTTLE) {
            self.timers.set_earliest(Timer::Keyframes(conference), next.max(step.now.instant + THROTTLE / 5));
        }
    }
}

impl Conference {
    fn ssrc_of(&self, shown: Shown) -> Option<(LegId, u32)> {
        Some((shown.leg, self.member(shown.leg)?.layer(shown.layer)?.ssrc))
    }

    /// Asks a source unless it has just been asked.
    fn ask(&mut self, step: &mut Step<'_>, source: (LegId, u32)) {
        let now = step.now.instant;
        let recent = self.asked.get(&source).is_some_and(|asked| now.duration_since(*asked) < THROTTLE);
        if !recent {
            self.asked.insert(source, now);
            let (leg, ssrc) = source;
            step.out.push(Output::RequestKeyframe { leg, ssrc });
        }
    }
}
