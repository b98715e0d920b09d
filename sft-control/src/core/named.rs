//! Clients that asked for no slots (sft-protocol.md 10.3): they receive each stream under its own name, those of
//! whoever speaks and the video of everybody.
//!
//! A copy cannot keep the sender's sequence number, since a name may come back with another leg that counts from
//! elsewhere, and no index may be used twice. So each name gets a slot, when it is first needed, for the
//! receiver's life.

use std::sync::Arc;

use rand::rngs::StdRng;
use sft_common::maps::Kind;

use super::{
    conference::{Conference, Member, VideoSlot},
    table::{LegId, MOST_NAMED, SlotStart, Subscription},
};

impl Conference {
    /// Gives every receiver without slots one for each stream that it may receive.
    pub(super) fn name_slots(&mut self, rng: &mut StdRng) {
        for place in 0..self.members.len() {
            let wanted = self.unnamed(&self.members[place]);
            let member = &mut self.members[place];
            let room = MOST_NAMED.saturating_sub(member.receiver.named.len());
            if wanted.is_empty() || room == 0 {
                continue;
            }
            let named = wanted.into_iter().take(room);
            let named = named.map(|(kind, ssrc)| (kind, SlotStart::at_random(ssrc, rng)));
            Arc::make_mut(&mut member.receiver).named.extend(named);
            let slots = member.receiver.slots().count() - member.receiver.audio.len();
            member.video_slots.resize_with(slots, VideoSlot::default);
        }
    }

    /// Streams without a slot that the member may receive, and has no other slots for.
    fn unnamed(&self, member: &Member) -> Vec<(Kind, u32)> {
        if member.receiver.is_selective() || !member.is_established() {
            return Vec::new();
        }
        let streams = self.established().filter(|source| source.leg != member.leg).flat_map(|source| {
            let audio =
                source.audio_ssrc.filter(|_| member.receiver.audio.is_empty() && source.hears(member));
            let sends = source.low.is_some() || source.high.is_some();
            let seen = member.receiver.video.is_empty() && sends && member.sees(source);
            let video = seen.then_some(source.video_ssrc);
            audio.map(|ssrc| (Kind::Audio, ssrc)).into_iter().chain(video.map(|ssrc| (Kind::Video, ssrc)))
        });
        streams.filter(|(_, ssrc)| member.receiver.slot_of(*ssrc).is_none()).collect()
    }

    /// The audience of a member, and the named slots for it. The run is the leg's, which only grows.
    pub(super) fn with_named(&self, source: &Member, audience: Arc<[Subscription]>) -> Arc<[Subscription]> {
        let named = self.established().filter(|member| source.audience.contains(member.seat));
        let named: Vec<Subscription> = named.filter_map(|member| member.named_audio(source)).collect();
        if named.is_empty() {
            return audience;
        }
        let has_named =
            |subscription: &&Subscription| named.iter().any(|other| other.receiver == subscription.receiver);
        audience.iter().filter(|subscription| !has_named(subscription)).chain(&named).copied().collect()
    }

    /// Whose video goes to each slot of a receiver without video slots: that of the name.
    pub(super) fn named_video(&self, member: &Member, place: usize) -> Option<&Member> {
        let (kind, start) = member.receiver.named.get(place.checked_sub(member.receiver.video.len())?)?;
        let mut sources = self.established();
        let source = sources.find(|source| *kind == Kind::Video && source.video_ssrc == start.ssrc)?;
        (source.leg != member.leg && member.sees(source)).then_some(source)
    }
}

impl Member {
    /// Whether the other may hear this one.
    fn hears(&self, other: &Member) -> bool {
        self.hearers().contains(other.seat)
    }

    fn named_audio(&self, source: &Member) -> Option<Subscription> {
        let slot = source.audio_ssrc.filter(|_| self.receiver.audio.is_empty())?;
        let (slot, LegId(run)) = (self.receiver.slot_of(slot)?, source.leg);
        Some(Subscription { receiver: self.leg, slot, run, from_keyframe: false })
    }
}
