//! The participant list, sent to everybody whenever it changes (sft-protocol.md 9.2).

use std::time::Duration;

use rand::Rng;

use super::{
    Core, Step, Timer,
    conference::{Conference, Member},
    event::Output,
    table::ConferenceId,
};
use crate::econn::{self, ParticipantEntry};

/// Between two lists of a conference, so that many who come or leave at once do not cost a list each.
const PAUSE: Duration = Duration::from_millis(100);

impl Core {
    /// The list has changed: sends it, or, if one was just sent, will a little later.
    pub(super) fn list_changed(&mut self, step: &mut Step<'_>, conference: ConferenceId) {
        let listed = self.conferences.get(&conference).and_then(|found| found.listed);
        match listed.map(|listed| listed + PAUSE) {
            Some(due) if due > step.now.instant => self.timers.set_earliest(Timer::List(conference), due),
            _ => self.send_lists(step, conference),
        }
    }

    /// A round: the same list, time and entropy for all established legs.
    pub(super) fn send_lists(&mut self, step: &mut Step<'_>, conference: ConferenceId) {
        let Some(conference) = self.conferences.get_mut(&conference) else { return };
        let entropy: [u8; 16] = self.rng.random();
        conference.listed = Some(step.now.instant);
        conference.list_time = conference.list_time.max(step.now.unix.as_millis() as u64);
        let alone = conference.established().count() == 1;
        let should_start = alone && !conference.started;
        conference.started |= alone;
        for member in &mut conference.members {
            member.listed = member.is_established();
        }
        let url = &self.config.public_url;
        let entries: Vec<ParticipantEntry<'_>> = conference.established().map(Member::entry).collect();
        for member in conference.established() {
            self.list_number = self.list_number.wrapping_add(1);
            let (time, number) = (conference.list_time, self.list_number);
            let message = econn::participants(should_start, time, number, entropy, &entries, url);
            step.out.push(Output::Send { leg: member.leg, message });
        }
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

impl Conference {
    /// The first of the list generates keys, and holds audio slot 0 under a run of its own.
    pub(super) fn choose_key_generator(&mut self) {
        let first = self.established().next().map(|member| member.leg);
        if first != self.key_generator {
            let run = self.reserved_run.checked_add(1);
            self.key_generator = first.filter(|_| run.is_some());
            self.reserved_run = run.unwrap_or(self.reserved_run);
        }
    }
}
