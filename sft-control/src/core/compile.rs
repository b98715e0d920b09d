//! From a conference's state to its forwarding table.

use std::time::Duration;

use super::{
    Core, Step, Timer,
    conference::{Conference, Member, Shown},
    event::Output,
    table::{ConferenceId, ConferenceTable, Layer, Media, Receiver, Source, Subscription},
};

/// Between two tables for authorisations, which come from all members at once after each change of the list:
/// one table takes in many of them.
const PAUSE: Duration = Duration::from_millis(20);

impl Core {
    /// Decides anew what follows from the state: the key generator, what every slot shows, the table. Hands
    /// the table out if it changed, and asks for the key frames that it needs.
    pub(super) fn settle(&mut self, step: &mut Step<'_>, conference: ConferenceId) {
        let Some(found) = self.conferences.get_mut(&conference) else { return };
        self.timers.remove(Timer::Table(conference));
        found.settled = Some(step.now.instant);
        found.choose_key_generator();
        found.choose_streams();
        let table = found.compile();
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

impl Conference {
    fn compile(&self) -> ConferenceTable {
        let audio = self.established().filter_map(|member| self.audio_source(member));
        let video = self.established().flat_map(|member| {
            let layers = [Layer::Low, Layer::High].into_iter();
            layers.filter_map(|layer| self.video_source(member, layer))
        });
        ConferenceTable {
            conference: self.id,
            receivers: self.established().map(Member::receiver).collect(),
            sources: audio.chain(video).collect(),
        }
    }

    fn audio_source(&self, member: &Member) -> Option<Source> {
        let ssrc = member.audio_ssrc?;
        let hearers = self.established().filter(|peer| peer.leg != member.leg && peer.hears(member));
        let subscription =
            |peer: &Member| Subscription { receiver: peer.leg, slot: 0, run: 0, from_keyframe: false };
        let reserved_run = (self.key_generator == Some(member.leg)).then_some(self.reserved_run);
        Some(Source {
            leg: member.leg,
            ssrc,
            csrc: ssrc,
            media: Media::Audio { reserved_run },
            subscribers: hearers.map(subscription).collect(),
        })
    }

    fn video_source(&self, member: &Member, layer: Layer) -> Option<Source> {
        let ssrc = member.layer(layer)?.ssrc;
        let mut subscribers = Vec::new();
        for peer in self.established() {
            for (place, slot) in peer.video_slots.iter().enumerate() {
                let shown = [slot.current, slot.pending].into_iter().flatten();
                let of_source = |shown: &Shown| shown.leg == member.leg && shown.layer == layer;
                subscribers.extend(shown.filter(of_source).map(|shown| Subscription {
                    receiver: peer.leg,
                    slot: place as u8,
                    run: shown.run,
                    from_keyframe: true,
                }));
            }
        }
        Some(Source {
            leg: member.leg,
            ssrc,
            csrc: member.video_ssrc,
            media: Media::Video { layer },
            subscribers,
        })
    }
}

impl Member {
    fn receiver(&self) -> Receiver {
        Receiver {
            leg: self.leg,
            audio: self.audio_slots.clone(),
            video: self.video_slots.iter().map(|slot| slot.start).collect(),
        }
    }
}
