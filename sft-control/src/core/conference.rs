//! A conference and its members: the state that the other files of the core change.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    audience::Audiences,
    audio::Voice,
    event::RequestId,
    roster::Roster,
    seats::{Seat, Seats},
    table::{ConferenceId, ConferenceTable, Layer, LegId, Receiver, Speakers},
};
use crate::{
    econn::{Properties, Selection},
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
    pub(super) audiences: Audiences,
    /// When the table was last made: it pauses between two in a row.
    pub(super) settled: Option<Instant>,
    /// What lanes were told to carry.
    pub(super) table: ConferenceTable,
    pub(super) speakers: Speakers,
    /// Who has spoken lately, the last one first.
    pub(super) floor: Vec<LegId>,
    /// Of those who speak or hold an audio slot.
    pub(super) voices: HashMap<LegId, Voice>,
    /// When each source was last asked for a key frame.
    pub(super) asked: HashMap<(LegId, u32), Asked>,
}

/// A leg of a device in a conference. A device that reconnects has another one besides until that is connected.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) user: String,
    pub(super) client: String,
    /// Username of the token that it last joined with; proved if tokens are asked for.
    pub(super) token: Option<String>,
    /// Join index.
    pub(super) index: u32,
    pub(super) leg: LegId,
    pub(super) seat: Seat,
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
    /// As tables name it.
    pub(super) receiver: Arc<Receiver>,
    pub(super) video_slots: Vec<VideoSlot>,
    /// From its answer.
    pub(super) audio_ssrc: Option<u32>,
    /// By which receivers know its video: ours for a simulcast client, its own for a legacy one.
    pub(super) video_ssrc: u32,
    pub(super) low: Option<LayerState>,
    pub(super) high: Option<LayerState>,
    pub(super) properties: Properties,
    /// Whom it authorises. A leg that reconnects is another one.
    pub(super) granted: Seats,
    /// Who authorises its audio and its video, under the right SSRC.
    pub(super) heard_by: Seats,
    pub(super) seen_by: Seats,
    /// Whom its audio reaches, as of the last table.
    pub(super) audience: Seats,
    /// What it wants to see: entry i in video slot i.
    pub(super) selection: Selection,
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
    /// DTLS is done, so the client is who answered; SCTP is on its way.
    Connected,
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

/// A receiver's video slot.
#[derive(Clone, Debug, Default)]
pub(super) struct VideoSlot {
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
            audiences: Audiences::default(),
            settled: None,
            table: ConferenceTable { conference: id, receivers: Vec::new(), sources: Vec::new() },
            speakers: Speakers::default(),
            floor: Vec::new(),
            voices: HashMap::new(),
            asked: HashMap::new(),
        }
    }

    /// Members are in the order of their legs, as both are in join order.
    pub(super) fn place(&self, leg: LegId) -> Option<usize> {
        self.members.binary_search_by_key(&leg, |member| member.leg).ok()
    }

    pub(super) fn member(&self, leg: LegId) -> Option<&Member> {
        self.place(leg).map(|place| &self.members[place])
    }

    /// The newest member of this name: while a device reconnects it has two.
    pub(super) fn named(&self, user: &str, client: &str) -> Option<usize> {
        self.members.iter().rposition(|member| member.is_named(user, client))
    }

    /// The other leg of a device that reconnects.
    pub(super) fn twin(&self, place: usize) -> Option<LegId> {
        let member = &self.members[place];
        let is_twin =
            |other: &&Member| other.leg != member.leg && other.is_named(&member.user, &member.client);
        self.members.iter().find(is_twin).map(|other| other.leg)
    }

    pub(super) fn established(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.is_established())
    }

    /// A seat that nobody has.
    pub(super) fn free_seat(&self) -> Seat {
        let mut taken = Seats::default();
        self.members.iter().for_each(|member| taken.insert(member.seat));
        taken.first_free()
    }

    /// Drops what is remembered about a leg outside its member.
    pub(super) fn forget(&mut self, leg: LegId, seat: Seat) {
        for member in &mut self.members {
            for set in member.seats() {
                set.remove(seat);
            }
        }
        self.audiences.forget(seat);
        self.asked.retain(|(source, _), _| *source != leg);
        self.floor.retain(|speaker| *speaker != leg);
        self.voices.remove(&leg);
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

    /// Whether DTLS has shown that the client is there.
    pub(super) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected | State::Established)
    }

    pub(super) fn is_named(&self, user: &str, client: &str) -> bool {
        self.user == user && self.client == client
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

    /// Everything about other members.
    pub(super) fn seats(&mut self) -> [&mut Seats; 4] {
        [&mut self.granted, &mut self.heard_by, &mut self.seen_by, &mut self.audience]
    }

    /// Who hears it: both authorise each other.
    pub(super) fn hearers(&self) -> Seats {
        self.heard_by.and(&self.granted)
    }

    /// Whether it may see the other's video: both authorise each other.
    pub(super) fn sees(&self, other: &Member) -> bool {
        other.seen_by.contains(self.seat) && other.granted.contains(self.seat)
    }

    pub(super) fn ssrcs(&self) -> impl Iterator<Item = u32> + '_ {
        let slots = self.offer.audio_slots.iter().chain(&self.offer.video_slots).copied();
        slots.chain([self.offer.local_video_ssrc, self.video_ssrc]).chain(self.audio_ssrc)
    }
}

impl VideoSlot {
    /// The subscription that waits for a key frame.
    pub(super) fn awaited(&self) -> Option<Shown> {
        self.pending.or(self.current).filter(|shown| shown.run > self.reached)
    }
}
