//! A leg's side of the data channel (sft-protocol.md 9): what it answers, and what it learns. Pure: texts in,
//! texts out.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    checker::Announced,
    conference::Conference,
    fault::{Fault, Faults},
    marker::LegId,
    message::{Content, Message, Participant, Participants, Writer},
    plan::{Plan, Selected},
};

/// Length of 16 bytes in Base64.
const ENTROPY: usize = 24;

/// What a message means for the rest of the leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Send(String),
    /// A new participant list.
    Roster,
    /// The server has taken our HANGUP.
    HungUp,
    /// The server wants the leg to end.
    Dropped,
}

/// The state of the data channel's conversation.
#[derive(Debug)]
pub(crate) struct Signalling {
    conference: Arc<Conference>,
    leg: LegId,
    muted: bool,
    plan: Plan,
    writer: Writer,
    /// The last participant list, in its order.
    pub(crate) roster: Vec<(u16, Announced)>,
    /// Legs whose properties arrived.
    pub(crate) properties: BTreeSet<u16>,
    /// Of the last list.
    entropy: String,
    /// Timestamp and number of the last list.
    round: (u64, u64),
    unanswered_pings: u32,
}

impl Signalling {
    /// `muted` is what the leg tells the others.
    pub(crate) fn new(conference: Arc<Conference>, leg: LegId, muted: bool, plan: Plan) -> Self {
        let writer = conference.writer(leg.index);
        Signalling {
            conference,
            leg,
            muted,
            plan,
            writer,
            roster: Vec::new(),
            properties: BTreeSet::new(),
            entropy: String::new(),
            round: (0, 0),
            unanswered_pings: 0,
        }
    }

    /// The first message on the channel.
    pub(crate) fn opened(&self) -> String {
        self.writer.properties(false, self.muted, self.plan.video)
    }

    pub(crate) fn ping(&mut self, faults: &mut Faults) -> String {
        if self.unanswered_pings > 0 {
            faults.add(Fault::Ping, format_args!("no answer within an interval"));
        }
        self.unanswered_pings += 1;
        self.writer.ping()
    }

    pub(crate) fn select(&self, selection: &[Selected]) -> String {
        self.writer.select(selection, |leg| self.conference.user(leg).to_owned())
    }

    pub(crate) fn hang_up(&self) -> String {
        self.writer.hang_up(false)
    }

    /// Whether the last participant list names this leg.
    pub(crate) fn is_listed(&self) -> bool {
        self.roster.iter().any(|(leg, _)| *leg == self.leg.index)
    }

    /// Takes a message of the server.
    pub(crate) fn receive(&mut self, text: &[u8], faults: &mut Faults) -> Vec<Effect> {
        let message = match Message::parse(text) {
            Ok(message) => message,
            Err(error) => {
                faults.add(Fault::Signalling, format_args!("{error}"));
                return Vec::new();
            }
        };
        let ours = message.sessid == self.writer.conference;
        let Message { resp, src_userid, content, sessid, .. } = message;
        match content {
            Content::Participants(list) => return self.participants(&list, faults),
            Content::Properties { props } => self.properties_of(&src_userid, &props, faults),
            Content::Ping if resp && ours => self.unanswered_pings = 0,
            Content::HangUp if resp && ours => return vec![Effect::HungUp],
            Content::HangUp if ours => {
                return vec![Effect::Send(self.writer.hang_up(true)), Effect::Dropped];
            }
            Content::Ping | Content::HangUp | Content::Setup { .. } | Content::Connection { .. } => {
                faults.add(
                    Fault::Signalling,
                    format_args!("{content:?} of session {sessid:?}, response {resp}"),
                );
            }
        }
        Vec::new()
    }

    fn properties_of(&mut self, user: &str, props: &serde_json::Value, faults: &mut Faults) {
        // The server's own have no meaning.
        if user == "sft" {
            return;
        }
        let known = self.conference.leg(user).filter(|leg| *leg != self.leg.index);
        match known.filter(|_| props["muted"].is_string()) {
            Some(leg) => {
                self.properties.insert(leg);
            }
            None => faults.add(Fault::Signalling, format_args!("properties {props} of {user:?}")),
        }
    }

    /// Authorises everybody else on the list who is in the leg's circle.
    fn participants(&mut self, list: &Participants, faults: &mut Faults) -> Vec<Effect> {
        self.check_round(list, faults);
        let first = self.roster.is_empty();
        self.roster.clear();
        for participant in &list.participants {
            let announced = Announced { audio: participant.ssrc_audio, video: participant.ssrc_video };
            match self.conference.leg(&participant.userid) {
                Some(leg) if participant.clientid == "_" && !participant.authorized => {
                    self.roster.push((leg, announced));
                }
                _ => faults.add(Fault::Signalling, format_args!("participant {participant:?}")),
            }
        }
        let user = &self.writer.user;
        let others = list.participants.iter().filter(|participant| participant.userid != *user);
        let leg = |participant: &Participant| self.conference.leg(&participant.userid);
        let others = others.map(|participant| {
            let leg = leg(participant);
            (participant, leg.is_none_or(|leg| self.plan.together(self.leg.index, leg)))
        });
        let mut effects = vec![Effect::Roster, Effect::Send(self.writer.authorise(others))];
        if first {
            effects.push(Effect::Send(self.writer.properties(true, self.muted, self.plan.video)));
        }
        effects
    }

    /// Salt and identity of the round (sft-protocol.md 9.2).
    fn check_round(&mut self, list: &Participants, faults: &mut Faults) {
        let fresh = list.entropy.len() == ENTROPY && list.entropy != self.entropy;
        let round = list.timestamp.parse().ok().zip(list.seqno.parse().ok());
        let advances =
            round.is_some_and(|(time, number): (u64, u64)| time >= self.round.0 && number > self.round.1);
        // Only the first of a conference starts it, and only with its first list.
        let starts = list.should_start == (self.leg.index == 0 && self.roster.is_empty());
        if !(fresh && advances && starts) {
            let (timestamp, number, entropy, start) =
                (&list.timestamp, &list.seqno, &list.entropy, list.should_start);
            faults.add(
                Fault::Signalling,
                format_args!(
                    "list {number} of {timestamp} behind {:?}: entropy {entropy:?}, starts {start}",
                    self.round
                ),
            );
        }
        self.entropy.clone_from(&list.entropy);
        self.round = round.unwrap_or(self.round);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    const PLAN: Plan = Plan {
        legs: 3,
        talking: 0,
        silence: true,
        interval: Duration::from_millis(20),
        video: false,
        high: true,
        frame_interval: Duration::from_millis(40),
        circle: 3,
        watched: 0,
        named: false,
    };

    struct World {
        signalling: Signalling,
        faults: Faults,
    }

    fn user(leg: u16) -> String {
        format!("user{leg}")
    }

    fn list(legs: &[u16], number: u64, start: bool) -> Value {
        let participant = |leg: &u16| {
            json!({
                "userid": user(*leg), "clientid": "_", "authorized": false, "timestamp": leg, "muted": false,
                "ssrc_audio": (100 + leg).to_string(), "ssrc_video": (200 + leg).to_string(),
            })
        };
        json!({
            "version": "3.0", "type": "CONFPART", "sessid": "", "resp": false, "should_start": start,
            "timestamp": "1795463117503", "seqno": number.to_string(), "entropy": format!("{number:0>24}"),
            "participants": legs.iter().map(participant).collect::<Vec<_>>(), "sfts": ["http://a"],
        })
    }

    impl World {
        fn new(index: u16) -> Self {
            let conference = Arc::new(Conference::for_test("hash", 3));
            let signalling = Signalling::new(conference, LegId { conference: 0, index }, true, PLAN);
            World { signalling, faults: Faults::default() }
        }

        fn receive(&mut self, message: &Value) -> Vec<Effect> {
            self.signalling.receive(message.to_string().as_bytes(), &mut self.faults)
        }

        fn reply(&self, kind: &str, resp: bool) -> Value {
            let sessid = &self.signalling.writer.conference;
            json!({ "version": "3.0", "type": kind, "sessid": sessid, "src_userid": "sft", "resp": resp })
        }
    }

    fn sent(effects: &[Effect]) -> Vec<Value> {
        let text = |effect: &Effect| match effect {
            Effect::Send(text) => serde_json::from_str(text).ok(),
            _ => None,
        };
        effects.iter().filter_map(text).collect()
    }

    #[test]
    fn everybody_else_is_authorised() {
        let mut world = World::new(1);
        let effects = world.receive(&list(&[0, 1, 2], 5, false));
        assert_eq!(effects[0], Effect::Roster);
        let messages = sent(&effects);
        let authorised: Vec<&Value> =
            messages[0]["participants"].as_array().unwrap().iter().map(|entry| &entry["userid"]).collect();
        assert_eq!(authorised, ["user0", "user2"]);
        assert_eq!(
            (&messages[1]["type"], &messages[1]["props"]["muted"]),
            (&json!("PROPSYNC"), &json!("true"))
        );
        assert!(world.signalling.is_listed());
        assert_eq!(world.signalling.roster[2], (2, Announced { audio: 102, video: 202 }));
        assert_eq!(world.faults.total(), 0, "{:?}", world.faults);
    }

    #[test]
    fn the_first_leg_is_told_to_start_once() {
        let mut world = World::new(0);
        world.receive(&list(&[0], 1, true));
        world.receive(&list(&[0, 1], 2, false));
        assert_eq!(world.faults.total(), 0, "{:?}", world.faults);
        world.receive(&list(&[0, 1, 2], 3, true));
        assert_eq!(world.faults.count(Fault::Signalling), 1);
    }

    #[test]
    fn rounds_advance_with_fresh_entropy() {
        let mut world = World::new(1);
        world.receive(&list(&[0, 1], 5, false));
        for change in
            [("seqno", json!("5")), ("timestamp", json!("7")), ("entropy", json!(format!("{:0>24}", 5)))]
        {
            let mut message = list(&[0, 1], 6, false);
            message[change.0] = change.1;
            let mut world = World::new(1);
            world.receive(&list(&[0, 1], 5, false));
            world.receive(&message);
            assert_eq!(world.faults.count(Fault::Signalling), 1, "{}", change.0);
        }
    }

    #[test]
    fn strangers_on_the_list_are_found() {
        let mut world = World::new(1);
        let mut message = list(&[0, 1], 5, false);
        message["participants"][0]["userid"] = json!("stranger");
        world.receive(&message);
        assert_eq!(world.faults.count(Fault::Signalling), 1);
    }

    #[test]
    fn pings_want_an_answer() {
        let mut world = World::new(1);
        world.signalling.ping(&mut world.faults);
        world.receive(&world.reply("PING", true));
        world.signalling.ping(&mut world.faults);
        assert_eq!(world.faults.total(), 0);
        world.signalling.ping(&mut world.faults);
        assert_eq!(world.faults.count(Fault::Ping), 1);
    }

    #[test]
    fn hang_ups_go_both_ways() {
        let mut world = World::new(1);
        assert_eq!(world.receive(&world.reply("HANGUP", true)), [Effect::HungUp]);
        let effects = world.receive(&world.reply("HANGUP", false));
        assert_eq!(effects[1], Effect::Dropped);
        assert_eq!(sent(&effects)[0]["resp"], true);
    }

    #[test]
    fn another_session_is_a_fault() {
        let mut world = World::new(1);
        let mut message = world.reply("PING", true);
        message["sessid"] = json!("");
        world.receive(&message);
        assert_eq!(world.faults.count(Fault::Signalling), 1);
    }

    #[test]
    fn properties_are_noted_by_their_originator() {
        let mut world = World::new(1);
        let properties = |user: &str| {
            json!({
                "version": "3.0", "type": "PROPSYNC", "sessid": "", "src_userid": user, "src_clientid": "_",
                "resp": true, "props": { "muted": "false" },
            })
        };
        world.receive(&properties("user2"));
        world.receive(&properties("sft"));
        assert_eq!(world.signalling.properties, BTreeSet::from([2]));
        assert_eq!(world.faults.total(), 0);
        world.receive(&properties("user1"));
        world.receive(&properties("stranger"));
        assert_eq!(world.faults.count(Fault::Signalling), 2);
    }
}
