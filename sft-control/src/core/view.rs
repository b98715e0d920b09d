//! What the CLI and metrics may know of the core.

use std::time::Duration;

use super::{
    Core,
    conference::{Conference, Member, Shown, State, VideoSlot},
    table::{ConferenceId, Layer, LegId},
};

/// A conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConferenceView {
    pub conference: ConferenceId,
    pub group: String,
    /// Somebody has been told to start, or the conference lived before this server did.
    pub started: bool,
    /// The first of the participant list, who generates keys for the others.
    pub key_generator: Option<LegId>,
    /// In join order.
    pub legs: Vec<LegView>,
}

/// A leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegView {
    pub leg: LegId,
    /// The client's user hash.
    pub user: String,
    /// The client's client hash, `_` for stock clients.
    pub client: String,
    /// `offered`, `answered` or `established`.
    pub state: &'static str,
    /// Wall clock, since the epoch.
    pub joined: Duration,
    /// Join index, as others see it.
    pub index: u32,
    /// Whether it sends two layers of video.
    pub simulcast: bool,
    /// As the client last said; `false` before that.
    pub muted: bool,
    pub camera: bool,
    pub screen: bool,
    /// SSRC of its audio, and the number by which receivers know its video.
    pub audio_ssrc: Option<u32>,
    pub video_ssrc: u32,
    /// Layers whose SSRC is known.
    pub layers: Vec<LayerView>,
    pub audio_slots: usize,
    pub video_slots: Vec<SlotView>,
    /// Whom it authorises, in the order of legs.
    pub authorises: Vec<LegId>,
}

/// A video layer that a leg sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerView {
    pub layer: Layer,
    pub ssrc: u32,
    /// Since its last packet, as of the last reading.
    pub idle: Duration,
}

/// A video slot of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotView {
    pub ssrc: u32,
    /// User hash that the client selected for it.
    pub selected: Option<String>,
    pub current: Option<ShownView>,
    /// The other layer of the same source, which the slot turns to at its next key frame.
    pub pending: Option<ShownView>,
}

/// What a slot shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownView {
    pub leg: LegId,
    pub layer: Layer,
    pub run: u32,
    /// The data plane is at this run; else it waits for a key frame.
    pub reached: bool,
}

/// Counts, as the original's metrics have them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub calls: u64,
    pub participants: u64,
    /// Since the start.
    pub calls_total: u64,
    pub participants_total: u64,
}

impl LegView {
    pub fn is_established(&self) -> bool {
        self.state == name(State::Established)
    }
}

impl Core {
    /// All conferences, in the order of their making.
    pub fn conferences(&self) -> Vec<ConferenceView> {
        self.conferences.values().map(Conference::view).collect()
    }

    pub fn totals(&self) -> Totals {
        Totals {
            calls: self.conferences.len() as u64,
            participants: self.by_leg.len() as u64,
            calls_total: self.conferences_total,
            participants_total: self.participants_total,
        }
    }
}

impl Conference {
    fn authorised_by(&self, member: &Member) -> Vec<LegId> {
        let granted = self.members.iter().filter(|other| member.granted.contains(other.seat));
        granted.map(|other| other.leg).collect()
    }

    fn view(&self) -> ConferenceView {
        ConferenceView {
            conference: self.id,
            group: self.group.clone(),
            started: self.started,
            key_generator: self.established().next().map(|member| member.leg),
            legs: self.members.iter().map(|member| member.view(self.authorised_by(member))).collect(),
        }
    }
}

impl Member {
    fn view(&self, authorises: Vec<LegId>) -> LegView {
        let selected = |place| self.selected(place).map(|entry| entry.user.clone());
        LegView {
            leg: self.leg,
            user: self.user.clone(),
            client: self.client.clone(),
            state: name(self.state),
            joined: self.joined,
            index: self.index,
            simulcast: self.simulcast,
            muted: self.has("muted"),
            camera: self.has("videosend"),
            screen: self.has("screensend"),
            audio_ssrc: self.audio_ssrc,
            video_ssrc: self.video_ssrc,
            layers: [Layer::Low, Layer::High]
                .into_iter()
                .filter_map(|layer| self.layer_view(layer))
                .collect(),
            audio_slots: self.receiver.audio.len(),
            video_slots: (0..)
                .zip(&self.video_slots)
                .zip(&self.receiver.video)
                .map(|((place, slot), start)| slot.view(start.ssrc, selected(place)))
                .collect(),
            authorises,
        }
    }

    fn layer_view(&self, layer: Layer) -> Option<LayerView> {
        let state = self.layer(layer)?;
        Some(LayerView { layer, ssrc: state.ssrc, idle: state.idle })
    }
}

impl VideoSlot {
    fn view(&self, ssrc: u32, selected: Option<String>) -> SlotView {
        let shown = |shown: Shown| ShownView {
            leg: shown.leg,
            layer: shown.layer,
            run: shown.run,
            reached: self.reached >= shown.run,
        };
        SlotView { ssrc, selected, current: self.current.map(shown), pending: self.pending.map(shown) }
    }
}

const fn name(state: State) -> &'static str {
    match state {
        State::Offering { .. } | State::Offered => "offered",
        State::Answered | State::Connected => "answered",
        State::Established => "established",
    }
}
