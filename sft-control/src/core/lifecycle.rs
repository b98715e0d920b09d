//! How legs get established and end, and conferences with them.

use std::time::Duration;

use super::{
    Core, Step, Timer,
    conference::{Member, State},
    event::{Output, Reply},
    table::LegId,
};
use crate::econn::{self, Address};

/// Without any message a leg ends (sft-protocol.md 9.5).
pub(super) const SILENCE: Duration = Duration::from_secs(45);

const FAILED: Reply = Reply::Refuse { status: 500, reason: "Internal error" };
const SUPERSEDED: Reply = Reply::Refuse { status: 400, reason: "Bad request: another one came after it" };

impl Core {
    /// Only now a reconnecting device gives up the transport that it had: until DTLS has shown that it is there,
    /// anybody who knows its name may have asked for another one.
    pub(super) fn connected(&mut self, step: &mut Step<'_>, leg: LegId) {
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &mut conference.members[place];
        if member.state != State::Answered {
            return;
        }
        member.state = State::Connected;
        if let Some(old) = conference.twin(place) {
            self.end_leg(step, old, "the client has reconnected");
        }
    }

    pub(super) fn channel_open(&mut self, step: &mut Step<'_>, leg: LegId) {
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &mut conference.members[place];
        if member.state != State::Connected {
            return;
        }
        member.state = State::Established;
        tracing::info!(leg = leg.0, conference = conference.id.0, "leg established");
        let to = Address { session: &conference.group, user: &member.user, client: &member.client };
        step.out.push(Output::Send { leg, message: econn::greeting(to).into() });
        let conference = conference.id;
        self.timers.set(Timer::Leg(leg), step.now.instant + SILENCE);
        self.settle(step, conference);
        self.list_changed(step, conference);
    }

    pub(super) fn timeout(&mut self, step: &mut Step<'_>) {
        while let Some(timer) = self.timers.pop(step.now.instant) {
            match timer {
                Timer::Leg(leg) => self.leg_timeout(step, leg),
                Timer::Keyframes(conference) => self.keyframes_due(step, conference),
                Timer::Table(conference) => self.settle(step, conference),
                Timer::List(conference) => self.send_lists(step, conference),
            }
        }
    }

    fn leg_timeout(&mut self, step: &mut Step<'_>, leg: LegId) {
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &conference.members[place];
        let reason = match member.state {
            State::Offering { .. } | State::Offered => "no answer was posted",
            State::Answered | State::Connected => "ICE, DTLS or SCTP took too long",
            State::Established => {
                let to = Address { session: &conference.group, user: &member.user, client: &member.client };
                step.out.push(Output::Send { leg, message: econn::hangup(to, false).into() });
                "the client has fallen silent"
            }
        };
        self.end_leg(step, leg, reason);
    }

    /// Ends the leg, and with it the one with which the client may be reconnecting.
    pub(super) fn end_both(&mut self, step: &mut Step<'_>, leg: LegId, reason: &str) {
        let twin = self.find(leg).and_then(|(conference, place)| conference.twin(place));
        self.end_leg(step, leg, reason);
        if let Some(twin) = twin {
            self.end_leg(step, twin, reason);
        }
    }

    /// Ends a leg; the others learn it, unless its device has another leg, and the conference ends with its
    /// last leg.
    pub(super) fn end_leg(&mut self, step: &mut Step<'_>, leg: LegId, reason: &str) {
        let Some((conference, place)) = self.find(leg) else { return };
        tracing::info!(leg = leg.0, conference = conference.id.0, reason, "leg ended");
        let member = conference.members.remove(place);
        conference.forget(leg, member.seat);
        let (id, group) = (conference.id, conference.group.clone());
        let empty = conference.members.is_empty();
        let heir = conference.named(&member.user, &member.client);
        if let Some(heir) = heir.map(|place| &mut conference.members[place]) {
            heir.succeed(&member);
        }
        if let State::Offering { request: id, .. } = member.state {
            let reply = if heir.is_some() { SUPERSEDED } else { FAILED };
            step.out.push(Output::Reply { id, reply });
        }
        self.by_leg.remove(&leg);
        self.timers.remove(Timer::Leg(leg));
        self.settle(step, id);
        step.out.push(Output::Close { leg });
        if empty {
            self.conferences.remove(&id);
            self.by_group.remove(&group);
            for timer in [Timer::Keyframes(id), Timer::Table(id), Timer::List(id)] {
                self.timers.remove(timer);
            }
            step.out.push(Output::Forget(id));
        } else if member.listed && heir.is_none() {
            self.list_changed(step, id);
        }
    }
}

impl Member {
    /// Takes the place of the same device's other leg. It is in the participant list that the others have until
    /// it is in the next one, or gone.
    fn succeed(&mut self, other: &Member) {
        if self.leg > other.leg {
            self.listed |= other.listed;
            self.properties.clone_from(&other.properties);
        }
    }
}
