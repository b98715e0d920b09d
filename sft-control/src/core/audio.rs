//! Who holds the audio slots. The data plane lets a source take a *free* one by itself; giving way is decided
//! here, from the levels it publishes.

use std::time::Duration;

use sft_common::source::SILENCE as SILENT;

use super::{
    Core, Step,
    conference::Conference,
    event::{AudioLevel, Output},
    table::{ConferenceId, LegId, Speaker, Speakers},
};

/// Without a packet for so long a source does not speak, whatever its last level was.
const GONE: Duration = Duration::from_millis(500);
/// A holder that has been silent for so long loses its slot.
const HOLD: Duration = Duration::from_millis(1000);
/// How much louder than the quietest holder a source must be to displace it, in dB.
const MARGIN: u8 = 12;

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
        let speaks = |reading: &AudioLevel| u64::from(reading.level) < SILENT && reading.idle < GONE;
        let level = |leg: LegId| levels.iter().find(|reading| reading.leg == leg).filter(|r| speaks(r));
        let mut holders: Vec<(u8, Speaker)> = Vec::new();
        for (slot, speaker) in speakers.iter().enumerate() {
            let Some(speaker) = *speaker else { continue };
            if conference.is_heard(step, speaker.leg, level(speaker.leg).is_some()) {
                holders.push((slot as u8, speaker));
            } else {
                let holder = Some(speaker);
                let (conference, slot) = (conference.id, slot as u8);
                step.out.push(Output::ReplaceSpeaker { conference, slot, holder, next: None });
            }
        }
        conference.silent_since.retain(|leg, _| speakers.iter().flatten().any(|speaker| speaker.leg == *leg));
        if holders.len() + 1 < speakers.len() {
            return;
        }
        let waiting = levels.iter().filter(|reading| speaks(reading) && !conference.holds(reading.leg));
        let Some(loudest) = waiting.min_by_key(|reading| reading.level) else { return };
        let quietest = holders
            .iter()
            .map(|&(slot, speaker)| (level(speaker.leg).map_or(127, |reading| reading.level), slot, speaker))
            .max_by_key(|(level, slot, _)| (*level, *slot));
        if let Some((level, slot, speaker)) = quietest
            && loudest.level.saturating_add(MARGIN) <= level
        {
            let (conference, holder, next) = (conference.id, Some(speaker), Some(loudest.leg));
            step.out.push(Output::ReplaceSpeaker { conference, slot, holder, next });
        }
    }
}

impl Conference {
    /// `false` once a holder has been silent for longer than [`HOLD`].
    fn is_heard(&mut self, step: &Step<'_>, leg: LegId, speaks: bool) -> bool {
        if speaks {
            self.silent_since.remove(&leg);
            return true;
        }
        let since = *self.silent_since.entry(leg).or_insert(step.now.instant);
        step.now.instant.duration_since(since) < HOLD
    }

    /// The key generator has a slot of its own.
    fn holds(&self, leg: LegId) -> bool {
        self.key_generator == Some(leg) || self.speakers.iter().flatten().any(|speaker| speaker.leg == leg)
    }
}
