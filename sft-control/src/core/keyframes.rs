//! Asking sources for key frames: when somebody starts to watch, when a receiver asks, never periodically, unless
//! the original is to be imitated.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{
    Core, Step, Timer,
    conference::{Asked, Conference, Member, Shown},
    event::Output,
    table::{ConferenceId, LegId},
};

/// Between two requests to one source.
const THROTTLE: Duration = Duration::from_millis(500);
/// Between two requests of the original to each source (sft-protocol.md 11).
const PERIOD: Duration = Duration::from_secs(1);

/// A leg and one of its SSRCs.
type Stream = (LegId, u32);

impl Core {
    /// A receiver lost its picture.
    pub(super) fn keyframe_wanted(&mut self, step: &mut Step<'_>, receiver: LegId, slot: u8) {
        if self.config.imitate_original {
            return;
        }
        let Some((conference, place)) = self.find(receiver) else { return };
        let slots = &conference.members[place].video_slots;
        let Some(shown) = slots.get(usize::from(slot)).and_then(|slot| slot.current) else { return };
        let Some(stream) = conference.stream_of(shown) else { return };
        conference.ask(step, stream, THROTTLE, true);
        let conference = conference.id;
        self.keyframes_due(step, conference);
    }

    /// Asks for the key frames that slots wait for or receivers asked for, and comes back while any is due.
    pub(super) fn keyframes_due(&mut self, step: &mut Step<'_>, conference: ConferenceId) {
        let Some(found) = self.conferences.get_mut(&conference) else { return };
        let (mut streams, pause) = match self.config.imitate_original {
            true => (found.video_streams(), PERIOD),
            false => (found.awaited_streams(), THROTTLE),
        };
        let again = found.asked.iter().filter(|(_, asked)| asked.again);
        streams.extend(again.map(|(stream, _)| *stream));
        let due = streams.iter().map(|stream| found.ask(step, *stream, pause, false)).min();
        match due {
            Some(due) => self.timers.set(Timer::Keyframes(conference), due),
            None => self.timers.remove(Timer::Keyframes(conference)),
        }
    }
}

impl Conference {
    fn stream_of(&self, shown: Shown) -> Option<Stream> {
        Some((shown.leg, self.member(shown.leg)?.layer(shown.layer)?.ssrc))
    }

    /// All of them, watched or not.
    fn video_streams(&self) -> BTreeSet<Stream> {
        let layers = |member: &Member| [member.low, member.high].map(|layer| Some((member.leg, layer?.ssrc)));
        self.established().flat_map(layers).flatten().collect()
    }

    /// The streams that slots wait for. One that sends nothing cannot be helped by asking it.
    fn awaited_streams(&self) -> BTreeSet<Stream> {
        let slots = self.established().flat_map(|member| &member.video_slots);
        let awaited: BTreeSet<(LegId, _)> =
            slots.filter_map(|slot| slot.awaited()).map(|shown| (shown.leg, shown.layer)).collect();
        let stream = |(leg, layer)| {
            let member = self.member(leg)?;
            member.is_alive(layer).then(|| Some((leg, member.layer(layer)?.ssrc))).flatten()
        };
        awaited.into_iter().filter_map(stream).collect()
    }

    /// Asks a source, unless it was just asked; then notes whether it has to be asked `again`. Returns when
    /// it may be asked next.
    fn ask(&mut self, step: &mut Step<'_>, stream: Stream, pause: Duration, again: bool) -> Instant {
        let now = step.now.instant;
        if let Some(asked) = self.asked.get_mut(&stream).filter(|asked| now < asked.at + pause) {
            asked.again |= again;
            return asked.at + pause;
        }
        self.asked.insert(stream, Asked { at: now, again: false });
        let (leg, ssrc) = stream;
        step.out.push(Output::RequestKeyframe { leg, ssrc });
        now + pause
    }
}
