//! From a conference's state to its forwarding table.

use super::{
    Core, Step,
    conference::{Conference, Member, Shown},
    event::Output,
    table::{ConferenceId, ConferenceTable, Layer, Media, Receiver, Source, Subscription},
};

impl Core {
    /// Makes the table and hands it out.
    pub(super) fn republish(&mut self, step: &mut Step<'_>, conference: ConferenceId) {
        let Some(conference) = self.conferences.get_mut(&conference) else { return };
        conference.choose_key_generator();
        step.out.push(Output::Publish(conference.table()));
    }
}

impl Conference {
    fn table(&self) -> ConferenceTable {
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
