//! The participant list, sent to everybody whenever it changes (sft-protocol.md 9.2).
//!
//! Everybody gets it and answers at the same length, so that it costs the square of the conference. Three things
//! bound that: changes that follow each other closely share a version of the list, rounds in which all get one are
//! the rarer the larger the conference is, and a round goes out in portions. Newcomers, who can do nothing without
//! the list, get theirs between rounds. Whoever has not got a version when there is a newer one gets only that.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::Rng;

use super::{
    Core, Now, Step, Timer,
    conference::{Conference, Member},
    event::Output,
    table::{ConferenceId, LegId},
};
use crate::econn::{self, ParticipantEntry};

/// Between two versions of a conference's list.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two rounds, for each member, and at most: while legs come and go, all members together are sent 200
/// lists a second, and those of the largest conferences one in two seconds.
const PAUSE_PER_MEMBER: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Bytes of a portion, and the time until the next one: a list reaches 80 legs at once, and 1000 within eight
/// seconds.
const PORTION: usize = 1 << 20;
const INTERVAL: Duration = Duration::from_millis(50);

/// A conference's list, and how far it has been sent.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// The version there is has become wrong.
    changed: bool,
    version: Option<Version>,
    /// When the last round began.
    round: Option<Instant>,
    /// Only newcomers get the version; the others wait for the next round.
    behind: bool,
    /// When a portion may be sent.
    ready: Option<Instant>,
    /// Who, of those that had a list before, was sent one last: the next portion goes on behind it.
    last: Option<LegId>,
}

/// A list as everybody gets it.
#[derive(Debug)]
struct Version {
    text: Arc<str>,
    written: Instant,
    /// When that was, in ms since the epoch; never goes back.
    time: u64,
}

impl Core {
    /// The list has changed: sends it, or, if one was just written, will a little later.
    pub(super) fn list_changed(&mut self, step: &mut Step<'_>, conference: ConferenceId) {
        if let Some(found) = self.conferences.get_mut(&conference) {
            found.roster.changed = true;
            self.send_lists(step, conference);
        }
    }

    /// Writes a version if one is due, sends a portion, and comes back for what is left.
    pub(super) fn send_lists(&mut self, step: &mut Step<'_>, conference: ConferenceId) {
        let now = step.now.instant;
        let Some(found) = self.conferences.get_mut(&conference) else { return };
        if found.list_due(now).is_some_and(|due| due <= now) {
            self.list_number = self.list_number.wrapping_add(1);
            found.write_list(step.now, self.list_number, self.rng.random(), &self.config.public_url);
        }
        let rest = found.send_portion(step);
        match rest.into_iter().chain(found.list_due(now)).min() {
            Some(next) => self.timers.set(Timer::List(conference), next),
            None => self.timers.remove(Timer::List(conference)),
        }
    }
}

impl Conference {
    /// When a version is to be written; `None` while everybody has the one there is, or will get it.
    fn list_due(&self, now: Instant) -> Option<Instant> {
        let Some(version) = &self.roster.version else { return Some(now) };
        let next = version.written + PAUSE;
        let is_waiting = |member: &Member| !member.served && !member.owed;
        if self.roster.changed && self.established().any(is_waiting) {
            return Some(next);
        }
        (self.roster.changed || self.roster.behind).then(|| next.max(self.next_round(now)))
    }

    fn next_round(&self, now: Instant) -> Instant {
        let pause = (PAUSE_PER_MEMBER * self.members.len() as u32).clamp(PAUSE, LONGEST_PAUSE);
        self.roster.round.map_or(now, |round| round + pause)
    }

    /// A new version: list, time and entropy that all established legs get, or, between rounds, newcomers.
    fn write_list(&mut self, now: Now, number: u32, entropy: [u8; 16], url: &str) {
        let before = self.roster.version.as_ref().map_or(0, |version| version.time);
        let time = before.max(now.unix.as_millis() as u64);
        let alone = self.established().count() == 1;
        let should_start = alone && !self.started;
        self.started |= alone;
        let is_round = self.next_round(now.instant) <= now.instant;
        for member in &mut self.members {
            member.listed = member.is_established();
            member.owed = member.listed && (member.owed || is_round || !member.served);
        }
        let entries: Vec<ParticipantEntry<'_>> = self.established().map(Member::entry).collect();
        let text = econn::participants(should_start, time, number, entropy, &entries, url).into();
        self.roster.changed = false;
        self.roster.behind = !is_round;
        self.roster.round = if is_round { Some(now.instant) } else { self.roster.round };
        self.roster.version = Some(Version { text, written: now.instant, time });
    }

    /// Sends the version to as many as may get it at a time, newcomers first. When to go on with those that
    /// are left.
    fn send_portion(&mut self, step: &mut Step<'_>) -> Option<Instant> {
        let Roster { version, ready, last, .. } = &mut self.roster;
        let text = &version.as_ref()?.text;
        let mut waiting: Vec<&mut Member> = self.members.iter_mut().filter(|member| member.owed).collect();
        waiting.sort_by_key(|member| (member.served, Some(member.leg) <= *last));
        let rests = ready.is_some_and(|ready| step.now.instant < ready);
        let count = if rests { 0 } else { waiting.len().min((PORTION / text.len()).max(1)) };
        if count > 0 {
            *ready = Some(step.now.instant + INTERVAL);
        }
        let rest = waiting.split_off(count);
        for member in waiting {
            if std::mem::replace(&mut member.served, true) {
                *last = Some(member.leg);
            }
            member.owed = false;
            step.out.push(Output::Send { leg: member.leg, message: text.clone() });
        }
        (*ready).filter(|_| !rest.is_empty())
    }
}

impl Member {
    fn entry(&self) -> ParticipantEntry<'_> {
        ParticipantEntry {
            user: &self.user,
            client: &self.client,
            audio_ssrc: self.audio_ssrc.unwrap_or(0),
            video_ssrc: self.video_ssrc,
            index: self.index,
            muted: self.has("muted"),
        }
    }
}
