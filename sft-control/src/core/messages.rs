//! Messages on the data channel (sft-protocol.md 9).

use std::time::Duration;

use sft_common::drops::DropReason;

use super::{
    Core, Step, Timer,
    conference::{Authorisation, Member},
    event::Output,
    lifecycle::SILENCE,
    table::LegId,
};
use crate::econn::{self, Address, Body, Participant, Properties, StreamSelection};

impl Core {
    /// A message that is none, or one too many, is counted and has no effect.
    pub(super) fn message(&mut self, step: &mut Step<'_>, leg: LegId, data: &[u8]) {
        let limit = self.config.max_messages_per_second;
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &mut conference.members[place];
        if !member.is_established() {
            return;
        }
        if !member.may_send(step, limit) {
            return step.out.push(Output::CountDrop(DropReason::BadMessage));
        }
        let message = match econn::decode(data) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(leg = leg.0, %error, "message dropped");
                return step.out.push(Output::CountDrop(DropReason::BadMessage));
            }
        };
        self.timers.set(Timer::Leg(leg), step.now.instant + SILENCE);
        match message.body {
            Body::Ping if !message.response => self.answer(step, leg, econn::ping_reply),
            Body::Hangup => self.hangup(step, leg, message.response),
            Body::Properties(properties) => self.take_properties(step, leg, properties),
            Body::Participants(entries) if message.response => {
                self.take_authorisations(step, leg, entries);
            }
            Body::Streams(streams) => self.take_selection(step, leg, &streams),
            _ => {}
        }
    }

    fn answer(&mut self, step: &mut Step<'_>, leg: LegId, message: impl Fn(Address<'_>) -> String) {
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &conference.members[place];
        let to = Address { session: &conference.group, user: &member.user, client: &member.client };
        step.out.push(Output::Send { leg, message: message(to) });
    }

    fn hangup(&mut self, step: &mut Step<'_>, leg: LegId, response: bool) {
        if !response {
            self.answer(step, leg, |to| econn::hangup(to, true));
        }
        self.end_leg(step, leg, "the client hung up");
    }

    /// Stores the properties and tells everybody whom the member authorises. They speak for the member
    /// itself, whatever ids the message claims.
    fn take_properties(&mut self, step: &mut Step<'_>, leg: LegId, properties: Properties) {
        let Some((conference, place)) = self.find(leg) else { return };
        conference.members[place].properties = properties;
        let member = &conference.members[place];
        let message = member.announcement();
        let peers = conference.established().filter(|peer| member.authorised.contains_key(&peer.key()));
        let sends = peers.map(|peer| Output::Send { leg: peer.leg, message: message.clone() });
        step.out.extend(sends);
        let conference = conference.id;
        self.choose_streams(step, conference);
    }

    /// Replaces whom the member authorises; each of those learns the member's properties.
    fn take_authorisations(&mut self, step: &mut Step<'_>, leg: LegId, entries: Vec<Participant>) {
        let Some((conference, place)) = self.find(leg) else { return };
        let present =
            entries.into_iter().filter(|entry| conference.named(&entry.user, &entry.client).is_some());
        let authorised = present.map(|entry| {
            let authorisation = Authorisation {
                granted: entry.authorised,
                audio_ssrc: entry.audio_ssrc,
                video_ssrc: entry.video_ssrc,
            };
            ((entry.user, entry.client), authorisation)
        });
        let authorised = authorised.collect();
        conference.members[place].authorised = authorised;
        let member = &conference.members[place];
        if !member.properties.is_empty() {
            let message = member.announcement();
            let peers = conference
                .established()
                .filter(|peer| peer.leg != leg && member.authorised.contains_key(&peer.key()));
            step.out.extend(peers.map(|peer| Output::Send { leg: peer.leg, message: message.clone() }));
        }
        let conference = conference.id;
        self.choose_streams(step, conference);
        self.republish(step, conference);
    }

    fn take_selection(&mut self, step: &mut Step<'_>, leg: LegId, streams: &[StreamSelection]) {
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &mut conference.members[place];
        let entries = streams.iter().take(member.video_slots.len());
        member.selection = entries.map(|entry| (entry.user.clone(), entry.quality)).collect();
        let conference = conference.id;
        self.choose_streams(step, conference);
    }
}

impl Member {
    fn announcement(&self) -> String {
        econn::properties(&self.user, &self.client, &self.properties)
    }

    /// Counts a message; `false` if it is one too many in this second.
    fn may_send(&mut self, step: &Step<'_>, limit: u32) -> bool {
        let budget = &mut self.messages;
        if step.now.instant.duration_since(budget.since) >= Duration::from_secs(1) {
            budget.since = step.now.instant;
            budget.used = 0;
        }
        budget.used += 1;
        budget.used <= limit
    }
}
