//! Who holds the audio slots. The data plane lets a source take a *free* one by itself; giving way is decided
//! here, from the levels it publishes.

use std::time::Duration;

use sft_common::source::SILENCE as SILENT;

use super::{
    Core, Step,
    conference::Conference,
    event::{AudioLevel, Output},
    table::{ConferenceId, LegId, Media, Speaker, Speakers},
};

/// Without a packet for so long a source does not speak, whatever its last level was.
const GONE: Duration = Duration::from_millis(500);
/// A holder that has been silent for so long loses its slot.
const HOLD: Duration = Duration::from_millis(1000);
/// How much louder than the quietest holder a source must be to displace it, in dB.
const MARGIN: u8 = 12;

/// An audio slot, who holds it, and how loud.
#[derive(Clone, Copy)]
struct Holder {
    slot: u8,
    speaker: Speaker,
    level: u8,
}

impl Core {
    pub(super) fn audio_reading(
        &mut self,
        step: &mut Step<'_>,
        conference: ConferenceId,
        speakers: &Speakers,
        levels: &[AudioLevel],
    ) {
        let Some(conference) = self.conferences.get_mut(&conference) else { return };
        conference.speakers = *speakers;
        conference.silent_since.retain(|leg, _| speakers.iter().flatten().any(|speaker| speaker.leg == *leg));
        let speaks = |reading: &&AudioLevel| u64::from(reading.level) < SILENT && reading.idle < GONE;
        let level = |leg| levels.iter().filter(speaks).find(|reading| reading.leg == leg);
        let mut holders = Vec::new();
        for (slot, speaker) in (0u8..).zip(speakers).skip(1) {
            let Some(speaker) = *speaker else { continue };
            let level = level(speaker.leg).map(|reading| reading.level);
            if conference.keeps(step, speaker.leg, level.is_some()) {
                holders.push(Holder { slot, speaker, level: level.unwrap_or(127) });
            } else {
                step.out.push(conference.replace(slot, speaker, None));
            }
        }
        if holders.len() + 1 < speakers.len() {
            return;
        }
        let waiting = levels.iter().filter(speaks).filter(|reading| conference.may_speak(reading.leg));
        let loudest = waiting.min_by_key(|reading| reading.level);
        let quietest = holders.iter().max_by_key(|holder| (holder.level, holder.slot));
        if let (Some(loudest), Some(quietest)) = (loudest, quietest)
            && loudest.level.saturating_add(MARGIN) <= quietest.level
        {
            step.out.push(conference.replace(quietest.slot, quietest.speaker, Some(loudest.leg)));
        }
    }
}

impl Conference {
    /// Whether a holder may stay: until it has been silent for [`HOLD`], and not beside slot 0.
    fn keeps(&mut self, step: &Step<'_>, leg: LegId, speaks: bool) -> bool {
        if self.key_generator == Some(leg) || !self.is_heard(leg) {
            return false;
        }
        if speaks {
            self.silent_since.remove(&leg);
            return true;
        }
        let since = *self.silent_since.entry(leg).or_insert(step.now.instant);
        step.now.instant.duration_since(since) < HOLD
    }

    /// Whether a source may displace another: it has no slot, and somebody would hear it. Whom nobody
    /// authorises cannot silence anybody by being loud.
    fn may_speak(&self, leg: LegId) -> bool {
        let holds = self.speakers.iter().flatten().any(|speaker| speaker.leg == leg);
        self.key_generator != Some(leg) && !holds && self.is_heard(leg)
    }

    fn is_heard(&self, leg: LegId) -> bool {
        let is_audio = |media| matches!(media, Media::Audio { .. });
        let mut sources = self.table.sources.iter();
        sources.any(|source| source.leg == leg && is_audio(source.media) && source.reaches().next().is_some())
    }

    fn replace(&self, slot: u8, holder: Speaker, next: Option<LegId>) -> Output {
        Output::ReplaceSpeaker { conference: self.id, slot, holder: Some(holder), next }
    }
}
