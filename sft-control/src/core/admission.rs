//! Who may join: clients that are too old, tokens, limits, conferences of other servers
//! (sft-protocol.md 3.4, 3.7, 3.8).
//!
//! Says yes or why not. Changes nothing but the count of refusals.

use super::{
    Core, Now,
    blacklist::Blacklist,
    conference::{Conference, Member},
    event::Reply,
    table::ConferenceId,
    tokens::{Fault, Right, Secret},
};
use crate::{
    econn::{self, ConnectionRequest, Message},
    url::Place,
};

/// What the operator decides about who may join.
#[derive(Clone, Debug)]
pub struct Policy {
    /// With a secret every join and every reconnection needs a token that was signed with it.
    pub secret: Option<Secret>,
    /// Who presents no token may join a conference that runs, as with the original. A token that is
    /// presented has to be valid all the same.
    pub tokenless_joins: bool,
    /// Legs at a time that were let in with the same token.
    pub max_token_legs: usize,
    pub blacklist: Blacklist,
}

impl Policy {
    /// Everybody may join.
    pub fn open() -> Self {
        Policy {
            secret: None,
            tokenless_joins: false,
            max_token_legs: usize::MAX,
            blacklist: Blacklist::default(),
        }
    }
}

/// Why somebody may not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Draining,
    Outdated,
    BadToken,
    ExpiredToken,
    TokenLimit,
    MayNotStart,
    ServerFull,
    ConferenceFull,
    Elsewhere,
}

impl Refusal {
    pub const ALL: [Refusal; 9] = [
        Refusal::Draining,
        Refusal::Outdated,
        Refusal::BadToken,
        Refusal::ExpiredToken,
        Refusal::TokenLimit,
        Refusal::MayNotStart,
        Refusal::ServerFull,
        Refusal::ConferenceFull,
        Refusal::Elsewhere,
    ];

    /// As metrics and logs have it.
    pub const fn name(self) -> &'static str {
        match self {
            Refusal::Draining => "draining",
            Refusal::Outdated => "outdated",
            Refusal::BadToken => "bad_token",
            Refusal::ExpiredToken => "expired_token",
            Refusal::TokenLimit => "token_limit",
            Refusal::MayNotStart => "may_not_start",
            Refusal::ServerFull => "server_full",
            Refusal::ConferenceFull => "conference_full",
            Refusal::Elsewhere => "elsewhere",
        }
    }

    /// A client gives up at any CONFCONN with a status, even while other servers that it asked at the same time
    /// could still take it. An error page means "this server failed", and it goes on with those
    /// (sft-protocol.md 3.6, 15.4). So a status is for what is the client's own, and a page for what is ours.
    fn reply(self, session: &str) -> Reply {
        let status = |status| Reply::Json(econn::connection_refusal(session, status));
        let page = |status, reason| Reply::Refuse { status, reason };
        match self {
            Refusal::Draining => page(303, "See other"),
            Refusal::Outdated => status(1),
            Refusal::BadToken => status(2),
            Refusal::ExpiredToken => status(3),
            Refusal::TokenLimit => status(4),
            Refusal::MayNotStart => status(5),
            Refusal::ServerFull => page(503, "Server full"),
            Refusal::ConferenceFull => page(503, "Conference full"),
            Refusal::Elsewhere => page(400, "Bad request: conference of another server"),
        }
    }
}

/// A request to join, with what it is about.
#[derive(Clone, Copy)]
struct Join<'a> {
    /// It runs already.
    conference: Option<ConferenceId>,
    /// The device is in it and reconnects.
    is_known: bool,
    message: &'a Message,
    request: &'a ConnectionRequest,
}

impl Core {
    /// The reply to somebody who may not join; `None` to everybody else. `is_known`: the device reconnects.
    pub(super) fn deny(
        &mut self,
        now: Now,
        conference: Option<ConferenceId>,
        is_known: bool,
        message: &Message,
        request: &ConnectionRequest,
    ) -> Option<Reply> {
        let join = Join { conference, is_known, message, request };
        let refusal = self
            .refused_while_draining(join)
            .or_else(|| self.refused_by_version(join))
            .or_else(|| self.refused_by_token(now, join))
            .or_else(|| self.refused_for_room(join))
            .or_else(|| self.refused_elsewhere(join))?;
        self.refusals[refusal as usize] += 1;
        tracing::debug!(reason = refusal.name(), "join refused");
        Some(refusal.reply(&message.session))
    }

    /// How many joins were refused, by reason.
    pub fn refusals(&self) -> impl Iterator<Item = (Refusal, u64)> {
        Refusal::ALL.into_iter().zip(self.refusals)
    }

    fn refused_while_draining(&self, join: Join<'_>) -> Option<Refusal> {
        (self.draining && join.conference.is_none()).then_some(Refusal::Draining)
    }

    fn refused_by_version(&self, join: Join<'_>) -> Option<Refusal> {
        let version = join.request.version?;
        self.config.admission.blacklist.has(version).then_some(Refusal::Outdated)
    }

    /// The original asks for no token where the conference exists, which lets everybody in who learns its
    /// hash. So does this one if the operator says so.
    fn refused_by_token(&self, now: Now, join: Join<'_>) -> Option<Refusal> {
        let policy = &self.config.admission;
        let secret = policy.secret.as_ref()?;
        let Some(token) = &join.request.token else {
            let may_join = policy.tokenless_joins && join.conference.is_some();
            return (!may_join).then_some(Refusal::BadToken);
        };
        match secret.check(token, now.unix) {
            Err(Fault::Bad) => return Some(Refusal::BadToken),
            Err(Fault::Expired) => return Some(Refusal::ExpiredToken),
            Ok(Right::Join) if join.conference.is_none() => return Some(Refusal::MayNotStart),
            Ok(Right::Join | Right::Start) => {}
        }
        (self.others_with(&token.username, join) >= policy.max_token_legs).then_some(Refusal::TokenLimit)
    }

    /// Legs of other devices that were let in with this token.
    fn others_with(&self, username: &str, join: Join<'_>) -> usize {
        let same_device =
            |member: &Member| (&member.user, &member.client) == (&join.message.user, &join.message.client);
        let of_conference = |conference: &Conference| {
            let with_token =
                conference.members.iter().filter(|member| member.token.as_deref() == Some(username));
            let is_this = Some(conference.id) == join.conference;
            with_token.filter(|member| !(is_this && same_device(member))).count()
        };
        self.conferences.values().map(of_conference).sum()
    }

    /// Whoever is in may reconnect to a full server.
    fn refused_for_room(&self, join: Join<'_>) -> Option<Refusal> {
        // Ids are not used twice.
        if self.next_leg == u32::MAX || self.next_conference == u32::MAX {
            return Some(Refusal::ServerFull);
        }
        if join.is_known {
            return None;
        }
        let legs = join.conference.and_then(|id| self.conferences.get(&id)).map(|found| found.members.len());
        if legs.is_none() && self.conferences.len() >= self.config.max_conferences
            || self.by_leg.len() >= self.config.max_legs
        {
            return Some(Refusal::ServerFull);
        }
        (legs.unwrap_or(0) >= self.config.max_conference_legs).then_some(Refusal::ConferenceFull)
    }

    /// Joining a conference that is anchored on another server needs a link to that one; without it the client
    /// would sit in a conference of its own (sft-protocol.md 13.6).
    fn refused_elsewhere(&self, join: Join<'_>) -> Option<Refusal> {
        let anchor = join.request.anchor.as_ref().filter(|_| !join.is_known)?;
        let place = Place::of(&anchor.url);
        let is_own = place.is_some() && place == Place::of(&self.config.public_url);
        (!is_own).then_some(Refusal::Elsewhere)
    }
}
