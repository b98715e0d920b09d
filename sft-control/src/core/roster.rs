//! The participant list, sent to everybody whenever it changes (sft-protocol.md 9.2).

use rand::Rng;

use super::{
    Core, Step,
    conference::{Conference, Member},
    event::Output,
    table::ConferenceId,
};
use crate::econn::{self, ParticipantEntry};

impl Core {
    /// A round: the same list, time and entropy for all established legs.
    pub(super) fn send_lists(&mut self, step: &mut Step<'_>, conference: ConferenceId) {
        let url = self.config.public_url.clone();
        let entropy: [u8; 16] = self.rng.random();
        let Some(conference) = self.conferences.get_mut(&conference) else { return };
        conference.list_time = conference.list_time.max(step.now.unix.as_millis() as u64);
        let alone = conference.established().count() == 1;
        let should_start = alone && !conference.started;
        conference.started |= alone;
        let entries: Vec<ParticipantEntry<'_>> = conference.established().map(Member::entry).collect();
        for member in conference.established() {
            self.list_number = self.list_number.wrapping_add(1);
            let (time, number) = (conference.list_time, self.list_number);
            let message = econn::participants(should_start, time, number, entropy, &entries, &url);
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
    /// The first of the list generates keys, and holds audio slot 0.
    pub(super) fn choose_key_generator(&mut self) {
        let first = self.established().next().map(|member| member.leg);
        if first != self.key_generator {
            self.key_generator = first;
            self.reserved_run += 1;
        }
    }
}
