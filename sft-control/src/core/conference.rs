//! A conference and its members: the state that the other files of the core change.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{
    event::RequestId,
    roster::Roster,
    table::{ConferenceId, ConferenceTable, Layer, LegId, SlotStart, Speakers},
};
use crate::{
    econn::{Properties, Quality},
    sdp::OfferSpec,
};

/// A conference.
#[derive(Debug)]
pub(super) struct Conference {
    pub(super) id: ConferenceId,
    /// Group id, from the join's path.
    pub(super) group: String,
    /// In join order, which every client counts on; whoever rejoins goes to the end.
    pub(super) members: Vec<Member>,
    /// Somebody has been told to start, or the conference lived before this server did.
    pub(super) started: bool,
    pub(super) next_index: u32,
    pub(super) roster: Roster,
    /// When the table was last made: it pauses between two in a row.
    pub(super) settled: Option<Instant>,
    /// What lanes were told to carry.
    pub(super) table: ConferenceTable,
    /// The leg that holds audio slot 0, and the run under which it does.
    pub(super) key_generator: Option<LegId>,
    pub(super) reserved_run: u32,
    pub(super) speakers: Speakers,
    /// Since when a holder of an audio slot has been silent.
    pub(super) silent_since: HashMap<LegId, Instant>,
    /// When each source was last asked for a key frame.
    pub(super) asked: HashMap<(LegId, u32), Asked>,
}

/// A device in a conference. Its transport changes when it reconnects.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) user: String,
    pub(super) client: String,
    /// Join index.
    pub(super) index: u32,
    pub(super) leg: LegId,
    /// Wall clock at the join of this leg, since the epoch.
    pub(super) joined: Duration,
    pub(super) state: State,
    /// The last participant list named it.
    pub(super) listed: bool,
    /// It has not been sent that list yet.
    pub(super) owed: bool,
    /// It has been sent a list.
    pub(super) served: bool,
    /// Simulcast; a legacy client sends one stream (sft-protocol.md 3.8).
    pub(super) simulcast: bool,
    pub(super) offer: OfferSpec,
    pub(super) audio_slots: Vec<SlotStart>,
    pub(super) video_slots: Vec<VideoSlot>,
    /// From its answer.
    pub(super) audio_ssrc: Option<u32>,
    /// By which receivers know its video: ours for a simulcast client, its own for a legacy one.
    pub(super) video_ssrc: u32,
    pub(super) low: Option<LayerState>,
    pub(super) high: Option<LayerState>,
    pub(super) properties: Properties,
    /// Whom it authorises. A leg that reconnects is another one.
    pub(super) authorised: HashMap<LegId, Authorisation>,
    /// What it wants to see: entry i in video slot i.
    pub(super) selection: Vec<(String, Quality)>,
    pub(super) messages: MessageBudget,
}

/// How far a leg is (sft-protocol.md 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The request waits for its offer.
    Offering { request: RequestId, update: bool },
    /// The client has the offer.
    Offered,
    /// ICE, DTLS and SCTP are on their way.
    Answered,
    /// The data channel is open.
    Established,
}

/// A video layer whose SSRC is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LayerState {
    pub(super) ssrc: u32,
    /// Since its last packet, as of the last reading.
    pub(super) idle: Duration,
}

/// A source that was asked for a key frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) at: Instant,
    /// A receiver asked too soon after that.
    pub(super) again: bool,
}

/// What a member accepts from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Authorisation {
    pub(super) granted: bool,
    pub(super) audio_ssrc: u32,
    pub(super) video_ssrc: u32,
}

/// A receiver's video slot.
#[derive(Clone, Debug)]
pub(super) struct VideoSlot {
    pub(super) start: SlotStart,
    /// What it shows, or will show as soon as a key frame comes.
    pub(super) current: Option<Shown>,
    /// The other layer of the same source, waiting for its key frame while `current` goes on.
    pub(super) pending: Option<Shown>,
    /// Of the newest subscription; 0 before the first.
    pub(super) last_run: u32,
    /// The run that the data plane has reached.
    pub(super) reached: u32,
}

/// A subscription of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) leg: LegId,
    pub(super) layer: Layer,
    pub(super) run: u32,
}

/// Messages that a member may still send in this second.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageBudget {
    pub(super) since: Instant,
    pub(super) used: u32,
}

impl Conference {
    pub(super) fn new(id: ConferenceId, group: &str) -> Self {
        Conference {
            id,
            group: group.to_owned(),
            members: Vec::new(),
            started: false,
            next_index: 0,
            roster: Roster::default(),
            settled: None,
            table: ConferenceTable { conference: id, receivers: Vec::new(), sources: Vec::new() },
            key_generator: None,
            reserved_run: 0,
            speakers: Speakers::default(),
            silent_since: HashMap::new(),
            asked: HashMap::new(),
        }
    }

    pub(super) fn place(&self, leg: LegId) -> Option<usize> {
        self.members.iter().position(|member| member.leg == leg)
    }

    pub(super) fn member(&self, leg: LegId) -> Option<&Member> {
        self.members.iter().find(|member| member.leg == leg)
    }

    pub(super) fn named(&self, user: &str, client: &str) -> Option<usize> {
        self.members.iter().position(|member| member.user == user && member.client == client)
    }

    pub(super) fn established(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.is_established())
    }

    /// Drops what is remembered about a leg outside its member.
    pub(super) fn forget(&mut self, leg: LegId) {
        for member in &mut self.members {
            member.authorised.remove(&leg);
        }
        self.asked.retain(|(source, _), _| *source != leg);
        self.silent_since.remove(&leg);
    }

    /// All SSRCs that are taken in this conference.
    pub(super) fn ssrcs(&self) -> Vec<u32> {
        self.members.iter().flat_map(Member::ssrcs).collect()
    }
}

impl Member {
    pub(super) fn is_established(&self) -> bool {
        self.state == State::Established
    }

    /// What `property` says; absent = false.
    pub(super) fn has(&self, property: &str) -> bool {
        self.properties.get(property).is_some_and(|value| value == "true")
    }

    pub(super) fn layer(&self, layer: Layer) -> Option<LayerState> {
        match layer {
            Layer::Low => self.low,
            Layer::High => self.high,
        }
    }

    pub(super) fn layer_mut(&mut self, layer: Layer) -> &mut Option<LayerState> {
        match layer {
            Layer::Low => &mut self.low,
            Layer::High => &mut self.high,
        }
    }

    /// Whether it hears the other's audio: both authorise each other under the right SSRC.
    pub(super) fn hears(&self, other: &Member) -> bool {
        let right = |authorisation: &Authorisation| Some(authorisation.audio_ssrc) == other.audio_ssrc;
        self.accepts(other, right) && other.accepts(self, |_| true)
    }

    /// Whether it may see the other's video.
    pub(super) fn sees(&self, other: &Member) -> bool {
        let right = |authorisation: &Authorisation| authorisation.video_ssrc == other.video_ssrc;
        self.accepts(other, right) && other.accepts(self, |_| true)
    }

    /// Whether it authorises the other, and `right` finds the entry's SSRC to be the other's.
    pub(super) fn accepts(&self, other: &Member, right: impl Fn(&Authorisation) -> bool) -> bool {
        self.authorised.get(&other.leg).is_some_and(|entry| entry.granted && right(entry))
    }

    fn ssrcs(&self) -> impl Iterator<Item = u32> + '_ {
        let slots = self.offer.audio_slots.iter().chain(&self.offer.video_slots).copied();
        slots.chain([self.offer.local_video_ssrc, self.video_ssrc]).chain(self.audio_ssrc)
    }
}

impl VideoSlot {
    pub(super) fn new(start: SlotStart) -> Self {
        VideoSlot { start, current: None, pending: None, last_run: 0, reached: 0 }
    }

    /// The subscription that waits for a key frame.
    pub(super) fn awaited(&self) -> Option<Shown> {
        self.pending.or(self.current).filter(|shown| shown.run > self.reached)
    }
}
