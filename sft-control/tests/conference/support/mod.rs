//! What the tests of the core share: a core with its clock, and clients that behave as stock ones do. Every
//! step is held against [`checks`].

mod checks;
pub(crate) mod tokens;

use std::time::{Duration, Instant};

use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use sft_control::core::{
    ConferenceView, Config, Core, Input, Now, Output, Policy,
    event::{Reply, RequestId},
    table::{ConferenceTable, Layer, LegId, Media, Source},
};

use checks::Checks;

pub(crate) const GROUP: &str = "9f9b03b4754142e5ce60d63a459e1db7";
pub(crate) const URL: &str = "https://sft.example.com/sfts/sftd-0";
/// Long enough for every pause between two lists or two tables of a conference.
pub(crate) const A_WHILE: Duration = Duration::from_millis(100);
/// Between two tables of a conference.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) struct Bench {
    pub(crate) core: Core,
    pub(crate) now: Now,
    /// Since the last [`Bench::take`].
    pub(crate) out: Vec<Output>,
    requests: u64,
    ssrcs: u32,
    checks: Checks,
}

pub(crate) fn config() -> Config {
    Config {
        public_url: URL.into(),
        max_conferences: 100,
        max_legs: 1000,
        max_conference_legs: 100,
        max_messages_per_second: 50,
        imitate_original: false,
        admission: Policy::open(),
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Bench::with(config())
    }

    pub(crate) fn with(config: Config) -> Self {
        let checks = Checks::new(config.imitate_original);
        Bench {
            core: Core::new(config, StdRng::seed_from_u64(7)),
            now: Now { instant: Instant::now(), unix: Duration::from_secs(1_760_000_000) },
            out: Vec::new(),
            requests: 0,
            ssrcs: 1000,
            checks,
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        let mut out = Vec::new();
        self.checks.before(&input);
        self.core.handle(self.now, input, &mut out);
        self.checks.after(&out, self.core.next_timeout(), self.now.instant);
        self.out.append(&mut out);
    }

    /// Lets time pass, with the timeouts that the core wants.
    pub(crate) fn advance(&mut self, time: Duration) {
        let end = self.now.instant + time;
        while let Some(at) = self.core.next_timeout().filter(|at| *at <= end) {
            self.set_clock(at.max(self.now.instant));
            self.input(Input::Timeout);
        }
        self.set_clock(end);
        if time >= PAUSE {
            self.checks.no_slot_is_left_behind();
        }
    }

    fn set_clock(&mut self, instant: Instant) {
        self.now.unix += instant - self.now.instant;
        self.now.instant = instant;
    }

    pub(crate) fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    // ---- The join -------------------------------------------------------------------------------

    pub(crate) fn post(&mut self, group: &str, body: &str) -> RequestId {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.input(Input::Request { id, group: group.into(), body: body.into() });
        id
    }

    /// The reply to a request, if it has come.
    pub(crate) fn reply(&self, id: RequestId) -> Option<Reply> {
        self.out.iter().rev().find_map(|output| match output {
            Output::Reply { id: of, reply } if *of == id => Some(reply.clone()),
            _ => None,
        })
    }

    /// Status of the error page that answers a request; 200 if it is none.
    pub(crate) fn status(&self, id: RequestId) -> u16 {
        match self.reply(id).expect("a reply") {
            Reply::Json(_) => 200,
            Reply::Refuse { status, .. } => status,
        }
    }

    /// Status of the CONFCONN that refuses this request; `None` if an offer is on its way.
    ///
    /// # Panics
    /// If an error page refuses it.
    pub(crate) fn join_status(&mut self, group: &str, request: &Value) -> Option<u64> {
        let id = self.post(group, &request.to_string());
        match self.reply(id)? {
            Reply::Json(text) => serde_json::from_str::<Value>(&text).unwrap()["status"].as_u64(),
            page => panic!("{page:?}"),
        }
    }

    pub(crate) fn connect(&mut self, user: &str, update: bool) -> RequestId {
        let mut request = confconn(user);
        request["update"] = update.into();
        self.post(GROUP, &request.to_string())
    }

    /// The leg of the last transport that was ordered.
    pub(crate) fn opened(&self) -> LegId {
        let open = self.out.iter().rev().find_map(|output| match output {
            Output::Open { leg, .. } => Some(*leg),
            _ => None,
        });
        open.expect("a transport")
    }

    /// Joins or rejoins up to the offer.
    pub(crate) fn offer(&mut self, user: &str, update: bool) -> LegId {
        self.connect(user, update);
        let leg = self.opened();
        self.input(Input::OfferReady { leg, sdp: "v=0".into() });
        leg
    }

    pub(crate) fn answer(&mut self, user: &str) -> RequestId {
        self.ssrcs += 1;
        let ssrc = self.ssrcs;
        self.post(GROUP, &setup(user, &answer_sdp(ssrc, None)))
    }

    /// Joins up to the open channel.
    pub(crate) fn enter(&mut self, user: &str) -> LegId {
        self.enter_with(user, &confconn(user))
    }

    /// As [`Self::enter`], with this CONFCONN.
    pub(crate) fn enter_with(&mut self, user: &str, request: &Value) -> LegId {
        self.post(GROUP, &request.to_string());
        let leg = self.opened();
        self.input(Input::OfferReady { leg, sdp: "v=0".into() });
        self.answer(user);
        self.open(leg);
        leg
    }

    /// DTLS and the data channel are up.
    pub(crate) fn open(&mut self, leg: LegId) {
        self.input(Input::Connected { leg });
        self.input(Input::ChannelOpen { leg });
    }

    /// All of these join, a while apart, and authorise each other.
    pub(crate) fn conference<const N: usize>(&mut self, users: [&str; N]) -> [LegId; N] {
        let legs = users.map(|user| {
            let leg = self.enter(user);
            self.advance(A_WHILE);
            leg
        });
        for leg in legs {
            self.authorise_all(leg);
        }
        self.advance(A_WHILE);
        self.out.clear();
        legs
    }

    // ---- The data channel -----------------------------------------------------------------------

    pub(crate) fn say(&mut self, leg: LegId, message: &Value) {
        self.input(Input::ChannelMessage { leg, data: message.to_string().into_bytes() });
    }

    /// Everything that was sent to a leg since the last `take`.
    pub(crate) fn sent(&self, leg: LegId) -> Vec<Value> {
        let of_leg = |output: &Output| match output {
            Output::Send { leg: to, message } if *to == leg => Some(serde_json::from_str(message).unwrap()),
            _ => None,
        };
        self.out.iter().filter_map(of_leg).collect()
    }

    /// As [`Self::sent`], of one type.
    pub(crate) fn sent_of(&self, leg: LegId, r#type: &str) -> Vec<Value> {
        self.sent(leg).into_iter().filter(|message| message["type"] == r#type).collect()
    }

    /// User hashes of the last participant list a leg got since the last `take`.
    pub(crate) fn listed(&self, leg: LegId) -> Vec<String> {
        let list = self.sent_of(leg, "CONFPART").pop().expect("a participant list");
        users_of(&list)
    }

    /// Whether a leg has ever got a participant list.
    pub(crate) fn was_served(&self, leg: LegId) -> bool {
        !self.checks.list_of(leg).is_null()
    }

    /// Authorises exactly these, with the SSRCs that the last list named.
    pub(crate) fn authorise(&mut self, leg: LegId, users: &[&str]) {
        let list = self.checks.list_of(leg);
        let entries = list["participants"].as_array().unwrap().iter();
        let entries = entries.filter(|entry| users.contains(&entry["userid"].as_str().unwrap()));
        let entries: Vec<Value> = entries
            .map(|entry| {
                let mut entry = entry.clone();
                entry["authorized"] = true.into();
                entry
            })
            .collect();
        self.say(leg, &confpart(&entries));
    }

    pub(crate) fn authorise_all(&mut self, leg: LegId) {
        let users = users_of(&self.checks.list_of(leg));
        let own = self.checks.user_of(leg);
        let others: Vec<&str> = users.iter().map(String::as_str).filter(|user| *user != own).collect();
        self.authorise(leg, &others);
    }

    /// 0 any, 1 low, 2 high.
    pub(crate) fn select(&mut self, leg: LegId, streams: &[(&str, u8)]) {
        let streams: Vec<Value> =
            streams.iter().map(|(user, quality)| json!({ "userid": user, "quality": quality })).collect();
        self.say(leg, &message("CONFSTREAMS", false, json!({ "mode": "list", "streams": streams })));
        self.advance(PAUSE);
    }

    pub(crate) fn propsync(&mut self, leg: LegId, props: Value) {
        self.say(leg, &message("PROPSYNC", false, json!({ "props": props })));
    }

    /// Both layers of a leg become known: low as 10 * leg + 1, high as 10 * leg + 2.
    pub(crate) fn learn(&mut self, leg: LegId) {
        self.learn_layer(leg, Layer::Low, low(leg));
        self.learn_layer(leg, Layer::High, high(leg));
    }

    pub(crate) fn learn_layer(&mut self, leg: LegId, layer: Layer, ssrc: u32) {
        self.input(Input::LayerLearned { leg, layer, ssrc });
        self.advance(PAUSE);
    }

    pub(crate) fn reach(&mut self, receiver: LegId, slot: u8, run: u32) {
        self.input(Input::SlotReached { receiver, slot, run });
        self.advance(PAUSE);
    }

    pub(crate) fn idle(&mut self, leg: LegId, layer: Layer, idle: Duration) {
        self.input(Input::LayerReading { leg, layer, idle });
        self.advance(PAUSE);
    }

    // ---- The table ------------------------------------------------------------------------------

    /// The table of the only conference.
    pub(crate) fn table(&self) -> &ConferenceTable {
        self.checks.tables.values().next().expect("a table")
    }

    pub(crate) fn source(&self, leg: LegId, ssrc: u32) -> &Source {
        let mut sources = self.table().sources.iter();
        sources.find(|source| source.leg == leg && source.ssrc == ssrc).expect("a source")
    }

    pub(crate) fn audio(&self, leg: LegId) -> &Source {
        let is_audio = |source: &&Source| source.leg == leg && matches!(source.media, Media::Audio);
        self.table().sources.iter().find(is_audio).expect("an audio source")
    }

    /// Who hears a leg.
    pub(crate) fn hearers(&self, leg: LegId) -> Vec<LegId> {
        self.audio(leg).subscribers.iter().map(|subscription| subscription.receiver).collect()
    }

    /// What a receiver's video slot is subscribed to: source, layer, run, in the order of runs.
    pub(crate) fn shown(&self, receiver: LegId, slot: u8) -> Vec<(LegId, Layer, u32)> {
        let mut shown = Vec::new();
        for source in &self.table().sources {
            let Media::Video { layer } = source.media else { continue };
            let of_slot = source.subscribers.iter().filter(|s| (s.receiver, s.slot) == (receiver, slot));
            shown.extend(of_slot.map(|subscription| (source.leg, layer, subscription.run)));
        }
        shown.sort_by_key(|(_, _, run)| *run);
        shown
    }

    pub(crate) fn view(&self) -> ConferenceView {
        self.core.conferences().into_iter().next().expect("a conference")
    }

    /// Sources asked for key frames since the last `take`.
    pub(crate) fn asked(&self) -> Vec<u32> {
        let asked = self.out.iter().filter_map(|output| match output {
            Output::RequestKeyframe { ssrc, .. } => Some(*ssrc),
            _ => None,
        });
        asked.collect()
    }

    pub(crate) fn closed(&self, leg: LegId) -> bool {
        self.out.iter().any(|output| matches!(output, Output::Close { leg: of } if *of == leg))
    }

    pub(crate) fn forgot(&self) -> bool {
        self.out.iter().any(|output| matches!(output, Output::Forget(_)))
    }

    pub(crate) fn published(&self) -> usize {
        self.out.iter().filter(|output| matches!(output, Output::Publish(_))).count()
    }

    /// Messages that were counted as bad since the last `take`.
    pub(crate) fn dropped(&self) -> usize {
        self.out.iter().filter(|output| matches!(output, Output::CountDrop(_))).count()
    }

    /// Requests that have no reply yet.
    pub(crate) fn unanswered(&self) -> usize {
        self.checks.pending.len()
    }
}

pub(crate) fn low(leg: LegId) -> u32 {
    leg.0 * 10 + 1
}

pub(crate) fn high(leg: LegId) -> u32 {
    leg.0 * 10 + 2
}

fn users_of(list: &Value) -> Vec<String> {
    let entries = list["participants"].as_array().unwrap();
    entries.iter().map(|entry| entry["userid"].as_str().unwrap().to_owned()).collect()
}

/// What a stock client posts to join.
pub(crate) fn confconn(user: &str) -> Value {
    json!({
        "version": "3.0", "type": "CONFCONN", "sessid": GROUP, "src_userid": user, "src_clientid": "_",
        "dest_userid": "SFT", "dest_clientid": "_", "resp": false, "update": false,
        "tool": "avs 10.5.8 (?/?)", "toolver": "10.5.8", "env": 0, "status": 0,
        "selective_audio": true, "selective_video": true, "vstreams": 9
    })
}

/// What a stock client posts to answer.
pub(crate) fn setup(user: &str, sdp: &str) -> String {
    let message = json!({
        "version": "3.0", "type": "SETUP", "sessid": GROUP, "src_userid": user, "src_clientid": "_",
        "dest_userid": "sft", "dest_clientid": "SFT", "resp": true, "sdp": sdp,
        "props": { "videosend": "true" }
    });
    message.to_string()
}

/// A message on the data channel, without the sender's ids, which mean nothing there.
pub(crate) fn message(r#type: &str, response: bool, body: Value) -> Value {
    let mut message = json!({ "version": "3.0", "type": r#type, "sessid": GROUP, "resp": response });
    for (name, value) in body.as_object().unwrap() {
        message[name] = value.clone();
    }
    message
}

pub(crate) fn confpart(entries: &[Value]) -> Value {
    let body = json!({ "should_start": false, "timestamp": "0", "seqno": "0", "participants": entries });
    message("CONFPART", true, body)
}

/// The captured answer of a browser, with this SSRC of its audio, and of its video if there is one.
pub(crate) fn answer_sdp(audio: u32, video: Option<u32>) -> String {
    let captured = include_str!("../../fixtures/browser-answer.sdp");
    let sdp = captured.replace("a=ssrc:1736396441", &format!("a=ssrc:{audio}"));
    match video {
        Some(video) => sdp.replace("a=rid:l send", &format!("a=ssrc:{video} cname:x")),
        None => sdp,
    }
}
