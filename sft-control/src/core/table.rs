//! The forwarding table a conference compiles to: the one truth that lanes, CLI and metrics read.
//!
//! Plain data. The core makes a new [`ConferenceTable`] whenever something changes; a lane compares it
//! with the one it has and publishes the difference. What many tables repeat they share.

use std::sync::Arc;

use sft_common::maps::{AUDIO_SLOTS, Kind};

/// One participant's transport in one conference; a reconnection makes a new one. Never reused while
/// the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct LegId(pub u32);

/// A conference on this server. Never reused while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ConferenceId(pub u32);

/// Everything the data plane must do for one conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConferenceTable {
    pub conference: ConferenceId,
    /// Established legs, in join order.
    pub receivers: Vec<Arc<Receiver>>,
    /// What they send, as far as it is known.
    pub sources: Vec<Source>,
}

/// A leg as receiver: its slots. Immutable for the life of the leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    pub leg: LegId,
    /// [`AUDIO_SLOTS`] slots, or none if the client did not ask for them.
    pub audio: Vec<SlotStart>,
    pub video: Vec<SlotStart>,
    /// Of a client that asked for no slots of a kind: one for each stream, under the stream's own name. Numbered
    /// behind the others. Grows, and what is in it stays as it is.
    pub named: Vec<(Kind, SlotStart)>,
}

/// Streams that a client without slots may receive in its life.
pub const MOST_NAMED: usize = 32;

impl Receiver {
    /// All slots, in the order of their numbers.
    pub fn slots(&self) -> impl Iterator<Item = (Kind, SlotStart)> {
        let audio = self.audio.iter().map(|start| (Kind::Audio, *start));
        let video = self.video.iter().map(|start| (Kind::Video, *start));
        audio.chain(video).chain(self.named.iter().copied())
    }

    /// How many slots it may come to have.
    pub fn room(&self) -> usize {
        let named = if self.is_selective() { 0 } else { MOST_NAMED };
        self.audio.len() + self.video.len() + named
    }

    pub fn is_selective(&self) -> bool {
        !self.audio.is_empty() && !self.video.is_empty()
    }

    /// As subscriptions count: the place behind the audio slots of the slot with this SSRC.
    pub fn slot_of(&self, ssrc: u32) -> Option<u8> {
        let mut behind_audio = self.slots().skip(self.audio.len());
        behind_audio.position(|(_, start)| start.ssrc == ssrc)?.try_into().ok()
    }
}

/// Where a slot's output starts: drawn at random when the leg is made (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotStart {
    /// The slot's SSRC, as announced in the offer.
    pub ssrc: u32,
    /// Index of the first packet sent: 1..2^15, rollover counter 0.
    pub index: u64,
    pub timestamp: u32,
}

/// A stream that a leg sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub leg: LegId,
    pub ssrc: u32,
    /// CSRC that names it to receivers.
    pub csrc: u32,
    pub media: Media,
    /// Video: the subscriptions. Audio: who may hear it; `slot` and `run` are 0 and mean nothing, unless the
    /// receiver has a named slot for it. The source's own leg may be among them, so that sources can share a list, and receives nothing.
    pub subscribers: Arc<[Subscription]>,
}

impl Source {
    /// Whom a packet of it reaches.
    pub fn reaches(&self) -> impl Iterator<Item = &Subscription> {
        self.subscribers.iter().filter(|subscription| subscription.receiver != self.leg)
    }
}

/// What kind of stream, and how its packets find a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Media {
    /// It claims one of the conference's [`AUDIO_SLOTS`] slots as it speaks.
    Audio,
    Video {
        layer: Layer,
    },
}

impl Media {
    pub const fn kind(self) -> Kind {
        match self {
            Media::Audio => Kind::Audio,
            Media::Video { .. } => Kind::Video,
        }
    }
}

/// Simulcast layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    Low,
    High,
}

/// One receiver of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscription {
    pub receiver: LegId,
    /// Index into the receiver's video slots, and the named ones behind them.
    pub slot: u8,
    /// Grows with every new subscription of the slot; a packet of an older run than the slot's
    /// is superseded. At least 1.
    pub run: u32,
    /// The slot switches to this run only at the start of a key frame, if the source marks them.
    pub from_keyframe: bool,
}

/// Who holds the audio slots of a conference.
pub type Speakers = [Option<Speaker>; AUDIO_SLOTS];

/// Holder of an audio slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speaker {
    pub leg: LegId,
    pub run: u32,
}
