//! From a conference's state to its forwarding table.

use std::{collections::HashMap, time::Duration};

use super::{
    Core, Step, Timer,
    conference::{Conference, Member},
    event::Output,
    table::{ConferenceId, ConferenceTable, Layer, LegId, Media, Source, Subscription},
};

/// Between two tables, except when legs come and go: authorisations, selections and switches come from many
/// members at once, and one table takes in all of them. It also bounds what a busy client costs.
const PAUSE: Duration = Duration::from_millis(20);

impl Core {
    /// Decides anew what follows from the state: what every slot shows, who hears whom, the table. Hands the
    /// table out if it changed, and asks for the key frames that it needs.
    pub(super) fn settle(&mut self, step: &mut Step<'_>, conference: ConferenceId) {
        let Some(found) = self.conferences.get_mut(&conference) else { return };
        self.timers.remove(Timer::Table(conference));
        found.settled = Some(step.now.instant);
        found.choose_audiences();
        found.name_slots(&mut self.rng);
        found.choose_streams(self.config.imitate_original);
        let table = found.compile(!self.config.imitate_original);
        if table != found.table {
            found.table.clone_from(&table);
            step.out.push(Output::Publish(table));
        }
        self.keyframes_due(step, conference);
    }

    /// [`Self::settle`], unless that was just done; then a little later.
    pub(super) fn settle_soon(&mut self, step: &mut Step<'_>, conference: ConferenceId) {
        let settled = self.conferences.get(&conference).and_then(|found| found.settled);
        match settled.map(|settled| settled + PAUSE) {
            Some(due) if due > step.now.instant => self.timers.set_earliest(Timer::Table(conference), due),
            _ => self.settle(step, conference),
        }
    }
}

/// Who watches each layer of each leg.
type Watchers = HashMap<(LegId, Layer), Vec<Subscription>>;

impl Conference {
    fn compile(&self, from_keyframe: bool) -> ConferenceTable {
        let mut watchers = self.watchers(from_keyframe);
        let audio = self.established().filter_map(|member| self.audio_source(member));
        let video = self.established().flat_map(|member| {
            [Layer::Low, Layer::High].map(|layer| {
                let watchers = watchers.remove(&(member.leg, layer)).unwrap_or_default();
                member.video_source(layer, watchers)
            })
        });
        ConferenceTable {
            conference: self.id,
            receivers: self.established().map(|member| member.receiver.clone()).collect(),
            sources: audio.chain(video.flatten()).collect(),
        }
    }

    /// One pass over all slots, since a conference has many more sources than a slot shows.
    fn watchers(&self, from_keyframe: bool) -> Watchers {
        let mut watchers = Watchers::new();
        for member in self.established() {
            for (slot, state) in (0u8..).zip(&member.video_slots) {
                for shown in [state.current, state.pending].into_iter().flatten() {
                    let (receiver, run) = (member.leg, shown.run);
                    let subscription = Subscription { receiver, slot, run, from_keyframe };
                    watchers.entry((shown.leg, shown.layer)).or_default().push(subscription);
                }
            }
        }
        watchers
    }

    fn audio_source(&self, member: &Member) -> Option<Source> {
        let ssrc = member.audio_ssrc?;
        Some(Source {
            leg: member.leg,
            ssrc,
            csrc: ssrc,
            media: Media::Audio,
            subscribers: self.with_named(member, self.audiences.of(member)),
        })
    }
}

impl Member {
    fn video_source(&self, layer: Layer, subscribers: Vec<Subscription>) -> Option<Source> {
        let ssrc = self.layer(layer)?.ssrc;
        let media = Media::Video { layer };
        Some(Source { leg: self.leg, ssrc, csrc: self.video_ssrc, media, subscribers: subscribers.into() })
    }
}
