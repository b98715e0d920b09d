//! Who holds the audio slots. The data plane lets a source take a *free* one by itself, with the packet that its
//! speech begins with; giving way is decided here, from the levels it publishes.
//!
//! Silence costs a holder its slot, and so does a voice that is clearly louder over more than a word. That of two
//! about as loud nobody displaces the other, and that whoever has just begun is left to speak, keeps more
//! talkers than there are slots from taking turns by the syllable.

use std::time::{Duration, Instant};

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
/// A holder that has been silent for so long loses its slot if somebody waits for one: longer than the pause
/// between two words.
const WORD_PAUSE: Duration = Duration::from_millis(700);
/// A holder that speaks is left to speak for so long.
const STAY: Duration = Duration::from_secs(2);
/// How much louder than the quietest holder a voice must be to displace it, in dB.
const MARGIN: f32 = 8.0;
/// Time constants with which the loudness of a voice rises and falls while it speaks: it takes more than a knock
/// on the table.
const ATTACK: Duration = Duration::from_millis(500);
const RELEASE: Duration = Duration::from_secs(2);
/// And with which that of somebody without a slot fades in silence. A holder's stays: its pauses are none of its
/// loudness.
const FADE: Duration = Duration::from_secs(4);
/// A voice that has faded so far, in dB, is forgotten.
const FADED: f32 = 1.0;

/// How loud somebody has been lately.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    /// In dB above silence.
    loudness: f32,
    read: Instant,
    /// Since its last reading that was not silent.
    silent_since: Option<Instant>,
    /// Since it was first seen with an audio slot.
    holds_since: Option<Instant>,
}

/// An audio slot and who holds it.
#[derive(Clone, Copy)]
struct Holder {
    slot: u8,
    speaker: Speaker,
    voice: Voice,
}

impl Core {
    pub(super) fn audio_reading(
        &mut self,
        step: &mut Step<'_>,
        conference: ConferenceId,
        speakers: &Speakers,
        levels: &[AudioLevel],
    ) {
        let Some(found) = self.conferences.get_mut(&conference) else { return };
        let now = step.now.instant;
        found.speakers = *speakers;
        found.listen(levels, now);
        let holders = found.holders();
        let begun = holders.iter().filter(|holder| holder.voice.holds_since == Some(now));
        let begun: Vec<LegId> = begun.map(|holder| holder.speaker.leg).collect();
        let (holders, leaving): (Vec<Holder>, Vec<Holder>) =
            holders.into_iter().partition(|holder| found.keeps(holder, now));
        for holder in leaving {
            step.out.push(found.replace(&holder, None));
        }
        if holders.len() == speakers.len()
            && let Some((holder, next)) = found.challenge(&holders, now)
        {
            step.out.push(found.replace(&holder, Some(next)));
        }
        if found.note_speakers(&begun) {
            self.settle_soon(step, conference);
        }
    }
}

impl Conference {
    /// Takes in the levels of everybody who speaks, or did.
    fn listen(&mut self, levels: &[AudioLevel], now: Instant) {
        let speakers = self.speakers;
        let holds = |leg| speakers.iter().flatten().any(|speaker| speaker.leg == leg);
        for reading in levels {
            let speaks = u64::from(reading.level) < SILENT && reading.idle < GONE;
            if speaks || holds(reading.leg) || self.voices.contains_key(&reading.leg) {
                let voice = self.voices.entry(reading.leg).or_insert(Voice::starting(now));
                voice.hear(speaks.then_some(reading.level), holds(reading.leg), now);
            }
        }
        self.voices
            .retain(|_, voice| voice.holds_since.is_some() || voice.loudness >= FADED || voice.speaks());
    }

    fn holders(&self) -> Vec<Holder> {
        let holders = (0u8..).zip(&self.speakers).filter_map(|(slot, speaker)| {
            let speaker = (*speaker)?;
            Some(Holder { slot, speaker, voice: *self.voices.get(&speaker.leg)? })
        });
        holders.collect()
    }

    /// Whether a holder may stay. One that has muted itself does not come back after a pause.
    fn keeps(&self, holder: &Holder, now: Instant) -> bool {
        let is_muted = self.member(holder.speaker.leg).is_some_and(|member| member.has("muted"));
        let hold = if is_muted { Duration::ZERO } else { HOLD };
        let rests = holder.voice.silent_since.is_some_and(|since| now - since >= hold);
        self.is_heard(holder.speaker.leg) && !rests
    }

    /// Whose slot goes to whom, if somebody waits who may have one.
    fn challenge(&self, holders: &[Holder], now: Instant) -> Option<(Holder, LegId)> {
        let waiting = self.voices.iter().filter(|(leg, voice)| voice.speaks() && self.may_speak(**leg));
        let loudest =
            waiting.max_by(|(a, left), (b, right)| left.loudness.total_cmp(&right.loudness).then(b.cmp(a)));
        let (next, challenger) = loudest?;
        let gives_way = |holder: &&Holder| {
            let pauses = holder.voice.silent_since.is_some_and(|since| now - since >= WORD_PAUSE);
            let settled = holder.voice.holds_since.is_some_and(|since| now - since >= STAY);
            pauses || settled && holder.voice.loudness + MARGIN <= challenger.loudness
        };
        let quietest = |holder: &&Holder, other: &&Holder| {
            holder.voice.loudness.total_cmp(&other.voice.loudness).then(other.slot.cmp(&holder.slot))
        };
        holders.iter().filter(gives_way).min_by(quietest).map(|holder| (*holder, *next))
    }

    /// Whether a source may displace another: it has no slot, and somebody would hear it. Whom nobody
    /// authorises cannot silence anybody by being loud.
    fn may_speak(&self, leg: LegId) -> bool {
        let holds = self.speakers.iter().flatten().any(|speaker| speaker.leg == leg);
        !holds && self.is_heard(leg)
    }

    fn is_heard(&self, leg: LegId) -> bool {
        let mut sources = self.table.sources.iter();
        sources.any(|source| {
            source.leg == leg && source.media == Media::Audio && source.reaches().next().is_some()
        })
    }

    /// Whoever comes next holds the slot under the next run, unless a packet was faster; the next reading tells.
    fn replace(&mut self, holder: &Holder, next: Option<LegId>) -> Output {
        let run = holder.speaker.run.wrapping_add(1);
        self.speakers[usize::from(holder.slot)] = next.map(|leg| Speaker { leg, run });
        Output::ReplaceSpeaker { conference: self.id, slot: holder.slot, holder: Some(holder.speaker), next }
    }

    /// A member has muted itself: whoever speaks next need not wait for its slot.
    pub(super) fn give_up_slot(&mut self, leg: LegId) -> Option<Output> {
        let holder = self.holders().into_iter().find(|holder| holder.speaker.leg == leg)?;
        Some(self.replace(&holder, None))
    }
}

impl Voice {
    const fn starting(now: Instant) -> Self {
        Voice { loudness: 0.0, read: now, silent_since: None, holds_since: None }
    }

    const fn speaks(&self) -> bool {
        self.silent_since.is_none()
    }

    fn hear(&mut self, level: Option<u8>, holds: bool, now: Instant) {
        let heard = level.map_or(0.0, |level| SILENT as f32 - f32::from(level));
        let constant = match level {
            Some(_) if heard > self.loudness => ATTACK,
            Some(_) => RELEASE,
            None if holds => Duration::MAX,
            None => FADE,
        };
        let passed = (now - self.read).as_secs_f32();
        self.loudness += (heard - self.loudness) * passed / (passed + constant.as_secs_f32());
        self.read = now;
        self.silent_since = if level.is_some() { None } else { self.silent_since.or(Some(now)) };
        self.holds_since = if holds { self.holds_since.or(Some(now)) } else { None };
    }
}
