//! Messages on the data channel (sft-protocol.md 9).

use std::{collections::HashMap, sync::Arc, time::Duration};

use sft_common::drops::DropReason;

use super::{
    Core, Step, Timer,
    conference::{Conference, Member},
    event::Output,
    lifecycle::SILENCE,
    seats::Seats,
    table::LegId,
};
use crate::{
    econn::{self, Address, Body, Participant, Properties, Selection},
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
            Body::Streams(selection) => self.take_selection(step, leg, selection),
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
        self.end_both(step, leg, "the client hung up");
    }

    /// Stores the properties and tells everybody whom the member authorises. They speak for the member
    /// itself, whatever ids the message claims.
    fn take_properties(&mut self, step: &mut Step<'_>, leg: LegId, properties: Properties) {
        let Some((conference, place)) = self.find(leg) else { return };
        conference.members[place].properties = properties;
        if conference.members[place].has("muted") {
            step.out.extend(conference.give_up_slot(leg));
        }
        let member = &conference.members[place];
        if let Some(message) = member.announcement() {
            let peers = conference.established().filter(|peer| member.granted.contains(peer.seat));
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
        let before = conference.members[place].granted.clone();
        conference.authorise(place, &entries);
        let member = &conference.members[place];
        let is_new = |peer: &&Member| {
            peer.leg != leg && !before.contains(peer.seat) && member.granted.contains(peer.seat)
        };
        let announcement = member.announcement();
        for peer in conference.established().filter(is_new) {
            let message = announcement.clone();
            step.out.extend(message.map(|message| Output::Send { leg: peer.leg, message }));
            if peer.granted.contains(member.seat) {
                step.out.extend(peer.announcement().map(|message| Output::Send { leg, message }));
            }
        }
        let conference = conference.id;
        self.settle_soon(step, conference);
    }

    fn take_selection(&mut self, step: &mut Step<'_>, leg: LegId, mut selection: Selection) {
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &mut conference.members[place];
        if let Selection::List(entries) = &mut selection {
            entries.truncate(member.receiver.video.len());
        }
        member.selection = selection;
        let conference = conference.id;
        self.settle_soon(step, conference);
    }
}

impl Conference {
    /// Makes these, the last one for each member, all that the member at `place` authorises.
    fn authorise(&mut self, place: usize, entries: &[Participant]) {
        let named: HashMap<(&str, &str), &Participant> =
            entries.iter().map(|entry| ((entry.user.as_str(), entry.client.as_str()), entry)).collect();
        let (seat, mut granted) = (self.members[place].seat, Seats::default());
        for member in self.members.iter_mut().filter(|member| member.is_established()) {
            let entry = named.get(&(member.user.as_str(), member.client.as_str()));
            let entry = entry.filter(|entry| entry.authorised);
            granted.set(member.seat, entry.is_some());
            let heard = entry.is_some_and(|entry| Some(entry.audio_ssrc) == member.audio_ssrc);
            member.heard_by.set(seat, heard);
            member.seen_by.set(seat, entry.is_some_and(|entry| entry.video_ssrc == member.video_ssrc));
        }
        self.members[place].granted = granted;
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
