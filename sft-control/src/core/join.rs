//! The join: CONFCONN for an offer, SETUP or UPDATE for an answer (sft-protocol.md 3.4).

use std::{sync::Arc, time::Duration};

use rand::{Rng, rngs::StdRng};
use sft_common::maps::AUDIO_SLOTS;

use super::{
    Core, Step, Timer,
    conference::{Conference, Member, MessageBudget, State, VideoSlot},
    event::{Output, Reply, RequestId},
    seats::Seats,
    table::{ConferenceId, LegId, Receiver, SlotStart},
};
use crate::{
    econn::{self, Address, Body, ConnectionRequest, Message, Selection, is_id},
    sdp::{Answer, OfferSpec, parse_answer},
};

/// For the answer to be posted, from the offer on.
const ANSWER: Duration = Duration::from_secs(10);
/// For ICE, DTLS and SCTP, from the answer on.
pub(super) const CONNECTION: Duration = Duration::from_secs(10);
/// From this version on clients send simulcast; version 0 are development builds (sft-protocol.md 3.8).
const SIMULCAST: u32 = 10;

const BAD: Reply = Reply::Refuse { status: 400, reason: "Bad request" };

impl Core {
    pub(super) fn request(&mut self, step: &mut Step<'_>, id: RequestId, group: &str, body: &[u8]) {
        let reply = match econn::decode(body) {
            Ok(message) if is_id(group) && is_id(&message.user) && is_id(&message.client) => {
                self.answer_request(step, id, group, &message)
            }
            Ok(_) => Some(Reply::Refuse { status: 400, reason: "Bad request: identifiers" }),
            Err(error) => {
                tracing::debug!(%error, "request refused");
                Some(Reply::Refuse { status: 400, reason: "Bad request: no valid message" })
            }
        };
        step.out.extend(reply.map(|reply| Output::Reply { id, reply }));
    }

    /// `None`: the reply comes with the offer.
    fn answer_request(
        &mut self,
        step: &mut Step<'_>,
        id: RequestId,
        group: &str,
        message: &Message,
    ) -> Option<Reply> {
        let conference = self.by_group.get(group).copied();
        let known = conference.and_then(|id| {
            let found = self.conferences.get(&id)?;
            Some(found.members[found.named(&message.user, &message.client)?].leg)
        });
        if let Body::Connect(request) = &message.body {
            let denial = self.deny(step.now, conference, known.is_some(), message, request);
            if denial.is_some() {
                return denial;
            }
        }
        match (&message.body, known) {
            (Body::Connect(request), Some(leg)) => self.reconnect(step, id, leg, request),
            (Body::Connect(request), None) => self.join(step, id, conference, group, message, request),
            (Body::Setup { sdp } | Body::Update { sdp }, Some(leg)) if message.response => {
                Some(self.take_answer(step, leg, &message.session, sdp))
            }
            _ => Some(BAD),
        }
    }

    fn join(
        &mut self,
        step: &mut Step<'_>,
        id: RequestId,
        conference: Option<ConferenceId>,
        group: &str,
        message: &Message,
        request: &ConnectionRequest,
    ) -> Option<Reply> {
        let conference = conference.unwrap_or_else(|| self.new_conference(group));
        let leg = self.new_leg_id(conference);
        let found = self.conferences.get_mut(&conference)?;
        // It lived before this server did, so nobody is to start it.
        found.started |= request.update;
        let video_ssrc = Core::new_ssrc(&mut self.rng, &found.ssrcs());
        let name = Name { user: message.user.clone(), client: message.client.clone(), video_ssrc };
        let member = Member::new(found, &mut self.rng, step, leg, name, request);
        found.members.push(member);
        self.participants_total += 1;
        self.offer(step, id, leg, request);
        None
    }

    fn new_conference(&mut self, group: &str) -> ConferenceId {
        let id = ConferenceId(self.next_conference);
        self.next_conference += 1;
        self.conferences_total += 1;
        self.conferences.insert(id, Conference::new(id, group));
        self.by_group.insert(group.to_owned(), id);
        id
    }

    fn new_leg_id(&mut self, conference: ConferenceId) -> LegId {
        let leg = LegId(self.next_leg);
        self.next_leg += 1;
        self.by_leg.insert(leg, conference);
        leg
    }

    /// A known device comes back: a new leg at the end of the list, whom nobody authorises yet. The leg that it
    /// has stays until the new one is connected; one that is not connected itself is given up at once, since
    /// the client answers its last offer only.
    fn reconnect(
        &mut self,
        step: &mut Step<'_>,
        id: RequestId,
        old: LegId,
        request: &ConnectionRequest,
    ) -> Option<Reply> {
        let conference = *self.by_leg.get(&old)?;
        let leg = self.new_leg_id(conference);
        let found = self.conferences.get_mut(&conference)?;
        let place = found.place(old)?;
        let known = &found.members[place];
        let (name, is_connected) = (known.name(), known.is_connected());
        let member = Member::new(found, &mut self.rng, step, leg, name, request);
        found.members.push(member);
        if !is_connected {
            self.end_leg(step, old, "the client has asked for another offer");
        }
        self.offer(step, id, leg, request);
        None
    }

    fn offer(&mut self, step: &mut Step<'_>, id: RequestId, leg: LegId, request: &ConnectionRequest) {
        self.timers.set(Timer::Leg(leg), step.now.instant + ANSWER);
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &mut conference.members[place];
        member.state = State::Offering { request: id, update: request.update };
        let offer = member.offer.clone();
        let relays = request.ice_servers.clone();
        step.out.push(Output::Open { leg, conference: conference.id, offer, relays });
    }

    pub(super) fn offer_ready(&mut self, step: &mut Step<'_>, leg: LegId, sdp: &str) {
        let url = self.config.public_url.clone();
        let Some((conference, place)) = self.find(leg) else { return };
        let member = &mut conference.members[place];
        let State::Offering { request: id, update } = member.state else { return };
        member.state = State::Offered;
        let to = Address { session: &conference.group, user: &member.user, client: &member.client };
        let reply = Reply::Json(econn::offer_message(to, update, sdp, &url));
        step.out.push(Output::Reply { id, reply });
        // A relayed address may have taken a while to get.
        self.timers.set(Timer::Leg(leg), step.now.instant + ANSWER);
    }

    /// The setup timer ends a leg whose client went away.
    pub(super) fn request_gone(&mut self, id: RequestId) {
        let waiting = self.conferences.values_mut().flat_map(|conference| &mut conference.members);
        for member in waiting {
            if matches!(member.state, State::Offering { request, .. } if request == id) {
                member.state = State::Offered;
            }
        }
    }

    fn take_answer(&mut self, step: &mut Step<'_>, leg: LegId, session: &str, sdp: &str) -> Reply {
        let Some((conference, place)) = self.find(leg) else { return BAD };
        match conference.members[place].state {
            State::Offering { .. } => return BAD,
            State::Offered => {}
            // Posted again, since the reply was lost: the first one counts.
            State::Answered | State::Connected | State::Established => {
                return Reply::Json(econn::connection_reply(session));
            }
        }
        let answer = match parse_answer(sdp) {
            Ok(answer) => answer,
            Err(error) => {
                self.end_leg(step, leg, &error.to_string());
                return Reply::Refuse { status: 400, reason: "Bad request: SDP answer" };
            }
        };
        if conference.has_taken(&conference.members[place], &answer) {
            self.end_leg(step, leg, "its SSRC is another's");
            return Reply::Refuse { status: 400, reason: "Bad request: SSRC in use" };
        }
        let member = &mut conference.members[place];
        member.state = State::Answered;
        member.audio_ssrc = answer.audio_ssrc;
        if !member.simulcast {
            member.take_legacy_video(answer.video_ssrc);
        }
        self.timers.set(Timer::Leg(leg), step.now.instant + CONNECTION);
        step.out.push(Output::Start { leg, answer });
        Reply::Json(econn::connection_reply(session))
    }
}

impl Conference {
    /// Whether an answer names a stream that is in the conference already. Receivers tell sources apart by
    /// these numbers, so nobody may take another's.
    fn has_taken(&self, member: &Member, answer: &Answer) -> bool {
        let others = self.members.iter().filter(|other| !other.is_named(&member.user, &member.client));
        let taken: Vec<u32> = others.chain([member]).flat_map(Member::ssrcs).collect();
        let video = answer.video_ssrc.filter(|_| !member.simulcast);
        let is_taken = |ssrc: &u32| taken.contains(ssrc) && *ssrc != member.video_ssrc;
        let same = video.is_some() && video == answer.audio_ssrc;
        same || answer.audio_ssrc.iter().chain(&video).any(is_taken)
    }
}

/// What a device is known by in its conference, on whichever leg (sft-protocol.md 9.2).
struct Name {
    user: String,
    client: String,
    video_ssrc: u32,
}

impl Member {
    fn name(&self) -> Name {
        Name { user: self.user.clone(), client: self.client.clone(), video_ssrc: self.video_ssrc }
    }

    /// A leg with slots of its own, at the end of the list.
    fn new(
        conference: &mut Conference,
        rng: &mut StdRng,
        step: &Step<'_>,
        leg: LegId,
        Name { user, client, video_ssrc }: Name,
        request: &ConnectionRequest,
    ) -> Self {
        let mut taken = conference.ssrcs();
        taken.push(video_ssrc);
        let receiver = Receiver::starting(leg, request, rng, &mut taken);
        let major = request.version.unwrap_or_default().major;
        let simulcast = major == 0 || major >= SIMULCAST;
        let index = conference.next_index;
        conference.next_index += 1;
        Member {
            user,
            client,
            token: request.token.as_ref().map(|token| token.username.clone()),
            index,
            leg,
            seat: conference.free_seat(),
            joined: step.now.unix,
            state: State::Offered,
            listed: false,
            owed: false,
            served: false,
            simulcast,
            offer: OfferSpec {
                simulcast,
                audio_slots: receiver.audio.iter().map(|start| start.ssrc).collect(),
                video_slots: receiver.video.iter().map(|start| start.ssrc).collect(),
                local_video_ssrc: Core::new_ssrc(rng, &taken),
            },
            video_slots: vec![VideoSlot::default(); receiver.video.len()],
            receiver: Arc::new(receiver),
            audio_ssrc: None,
            video_ssrc,
            low: None,
            high: None,
            properties: econn::Properties::new(),
            granted: Seats::default(),
            heard_by: Seats::default(),
            seen_by: Seats::default(),
            audience: Seats::default(),
            selection: Selection::default(),
            messages: MessageBudget { since: step.now.instant, used: 0 },
        }
    }
}

impl SlotStart {
    /// RFC 3711 section 3.3.1: the first sequence number leaves room before the first rollover.
    pub(super) fn at_random(ssrc: u32, rng: &mut StdRng) -> Self {
        SlotStart { ssrc, index: rng.random_range(1..1 << 15), timestamp: rng.random() }
    }
}

impl Receiver {
    /// The slots that a client asks for, under numbers that are not `taken`.
    fn starting(leg: LegId, request: &ConnectionRequest, rng: &mut StdRng, taken: &mut Vec<u32>) -> Self {
        let mut slot = || {
            let ssrc = Core::new_ssrc(rng, taken);
            taken.push(ssrc);
            SlotStart::at_random(ssrc, rng)
        };
        let audio = if request.selective_audio { AUDIO_SLOTS } else { 0 };
        let video = if request.selective_video { request.video_streams } else { 0 };
        Receiver {
            leg,
            audio: (0..audio).map(|_| slot()).collect(),
            video: (0..video).map(|_| slot()).collect(),
            named: Vec::new(),
        }
    }
}
