//! Messages on the data channel (sft-protocol.md 9).

use std::{collections::HashMap, sync::Arc, time::Duration};

use sft_common::drops::DropReason;

use super::{
    Core, Step, Timer,
    conference::{Authorisation, Conference, Member},
    event::Output,
    lifecycle::SILENCE,
    table::LegId,
};
use crate::{
    econn::{self, Address, Body, Participant, Properties, StreamSelection},
    transport::MAX_MESSAGE,
};

impl Core {
    /// A message that is none, or one too many, is counted and has no effect.
    pub(super) fn message(&mut self, step: &mut Step<'_>, leg: LegId, data: &[u8]) {
        let limit = self.config.max_messages_per_second;
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &mut conference.members[place];
        if !member.is_established() {
            return;
        }
        if !member.may_send(step, limit) || data.len() > MAX_MESSAGE {
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
            Body::Hangup => self.hangup(step, leg, &message.session, message.response),
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
        step.out.push(Output::Send { leg, message: message(to).into() });
    }

    /// Of another session it is not for this leg (sft-protocol.md 9.7).
    fn hangup(&mut self, step: &mut Step<'_>, leg: LegId, session: &str, response: bool) {
        let Some((conference, _)) = self.find(leg) else { return };
        if !session.eq_ignore_ascii_case(&conference.group) {
            return step.out.push(Output::CountDrop(DropReason::BadMessage));
        }
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
        if let Some(message) = member.announcement() {
            let peers = conference.established().filter(|peer| member.accepts(peer, |_| true));
            step.out.extend(peers.map(|peer| Output::Send { leg: peer.leg, message: message.clone() }));
        }
        let conference = conference.id;
        self.settle_soon(step, conference);
    }

    /// Replaces whom the member authorises. Those that it did not authorise before learn its properties, and
    /// it learns theirs once more if they had told it before it knew them. All others have heard of every
    /// change already, so nothing is repeated to them as the original does.
    fn take_authorisations(&mut self, step: &mut Step<'_>, leg: LegId, entries: Vec<Participant>) {
        let Some((conference, place)) = self.find(leg) else { return };
        let grants = conference.grants(entries);
        let before = std::mem::replace(&mut conference.members[place].authorised, grants);
        let member = &conference.members[place];
        let is_new = |peer: &&Member| {
            let known = before.get(&peer.leg).is_some_and(|entry| entry.granted);
            peer.leg != leg && !known && member.accepts(peer, |_| true)
        };
        let announcement = member.announcement();
        for peer in conference.established().filter(is_new) {
            let message = announcement.clone();
            step.out.extend(message.map(|message| Output::Send { leg: peer.leg, message }));
            if peer.accepts(member, |_| true) {
                step.out.extend(peer.announcement().map(|message| Output::Send { leg, message }));
            }
        }
        let conference = conference.id;
        self.settle_soon(step, conference);
    }

    fn take_selection(&mut self, step: &mut Step<'_>, leg: LegId, streams: &[StreamSelection]) {
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &mut conference.members[place];
        let entries = streams.iter().take(member.video_slots.len());
        member.selection = entries.map(|entry| (entry.user.clone(), entry.quality)).collect();
        let conference = conference.id;
        self.settle_soon(step, conference);
    }
}

impl Conference {
    /// The entries of an authorisation that name a member.
    fn grants(&self, entries: Vec<Participant>) -> HashMap<LegId, Authorisation> {
        let name = |member: &Member| ((member.user.clone(), member.client.clone()), member.leg);
        let legs: HashMap<_, _> = self.members.iter().map(name).collect();
        let grant = |entry: Participant| {
            let leg = *legs.get(&(entry.user, entry.client))?;
            let (granted, audio_ssrc, video_ssrc) = (entry.authorised, entry.audio_ssrc, entry.video_ssrc);
            Some((leg, Authorisation { granted, audio_ssrc, video_ssrc }))
        };
        entries.into_iter().filter_map(grant).collect()
    }
}

impl Member {
    /// Its properties, once it has told them.
    fn announcement(&self) -> Option<Arc<str>> {
        let told = !self.properties.is_empty();
        told.then(|| econn::properties(&self.user, &self.client, &self.properties).into())
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
