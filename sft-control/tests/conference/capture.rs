//! A captured call of three browsers, played to the core: what each of them sent, when it sent it. They get the
//! same lists as from the original server, and know the same of each other.
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde_json::{Value, json};
use sft_control::core::{
    Input,
    table::{Layer, LegId},
};

use crate::support::{Bench, answer_sdp, confconn, setup};

/// One line per opened channel, message out (of a client) and message in (from the server): without the
/// server's own PROPSYNC, and of a client's pings the first two.
const CALL: &str = include_str!("../fixtures/call.jsonl");
const GROUP: &str = "38358b54923a26667104a41345f80dae";
/// The clients' user hashes and the SSRCs of their audio.
const CLIENTS: [(&str, &str, u32); 3] = [
    ("a", "354422e415c3b6c669c1828dca3cf4f0", 1_736_396_441),
    ("b", "e07e0544f419fba13154dcf8f8545972", 3_176_436_150),
    ("c", "31f5e530a0836551e857efd88d27cbdc", 2_832_296_245),
];

struct Call {
    bench: Bench,
    legs: HashMap<String, LegId>,
    /// What the core sent to each client, by the client's name.
    received: BTreeMap<String, Vec<Value>>,
}

impl Call {
    fn play(until: Duration) -> Call {
        let mut call = Call { bench: Bench::new(), legs: HashMap::new(), received: BTreeMap::new() };
        let mut clock = Duration::ZERO;
        for line in lines() {
            let at = Duration::from_millis(line["ms"].as_u64().unwrap());
            if at > until {
                break;
            }
            call.bench.advance(at - clock);
            clock = at;
            call.step(line["client"].as_str().unwrap(), &line);
            call.collect();
        }
        call.bench.advance(until.saturating_sub(clock).min(Duration::from_secs(1)));
        call.collect();
        call
    }

    fn step(&mut self, client: &str, line: &Value) {
        if line["open"] == true {
            self.open(client);
        } else if let Some(message) = line.get("out") {
            let mut message = message.clone();
            if message["type"] == "CONFPART" {
                self.rename_videos(&mut message);
            }
            self.bench.say(self.legs[client], &message);
        }
    }

    fn open(&mut self, client: &str) {
        let (_, user, audio) = CLIENTS.into_iter().find(|(name, ..)| *name == client).unwrap();
        let mut request = confconn(user);
        request["sessid"] = GROUP.into();
        self.bench.post(GROUP, &request.to_string());
        let leg = self.bench.opened();
        self.legs.insert(client.into(), leg);
        self.bench.input(Input::OfferReady { leg, sdp: String::new() });
        self.bench.post(GROUP, &setup(user, &answer_sdp(audio, None)));
        self.bench.open(leg);
        self.bench.learn(leg);
    }

    /// The capture names the videos as its server did; ours has other names for them.
    fn rename_videos(&self, message: &mut Value) {
        let legs = self.bench.view().legs;
        for entry in message["participants"].as_array_mut().unwrap() {
            if let Some(leg) = legs.iter().find(|leg| entry["userid"] == leg.user) {
                entry["ssrc_video"] = leg.video_ssrc.to_string().into();
            }
        }
    }

    fn collect(&mut self) {
        for (client, leg) in &self.legs {
            self.received.entry(client.clone()).or_default().extend(self.bench.sent(*leg));
        }
        self.bench.take();
    }

    fn layers(&self, client: &str, slot: u8) -> Vec<(LegId, Layer)> {
        let shown = self.bench.shown(self.legs[client], slot);
        shown.into_iter().map(|(leg, layer, _)| (leg, layer)).collect()
    }
}

fn lines() -> impl Iterator<Item = Value> {
    CALL.lines().map(|line| serde_json::from_str(line).unwrap())
}

/// What the capture's server sent to a client.
fn captured(client: &str) -> Vec<Value> {
    let to_client = lines().filter(|line| line["client"] == client);
    to_client.filter_map(|line| line.get("in").cloned()).collect()
}

/// Everything but PROPSYNC, in order; of a list the users.
fn signals(messages: &[Value]) -> Vec<Value> {
    let others = messages.iter().filter(|message| message["type"] != "PROPSYNC");
    let signal = |message: &Value| {
        let users = message["participants"]
            .as_array()
            .map(|entries| entries.iter().map(|entry| entry["userid"].clone()).collect::<Value>());
        let users = users.or(message.get("users").cloned());
        json!([message["type"], message["should_start"], users])
    };
    others.map(signal).collect()
}

/// The last that a client heard of each other one. The original repeats itself; we do not.
fn known(messages: &[Value]) -> BTreeMap<String, Value> {
    let told =
        messages.iter().filter(|message| message["type"] == "PROPSYNC" && message["src_userid"] != "sft");
    told.map(|message| (message["src_userid"].as_str().unwrap().to_owned(), message["props"].clone()))
        .collect()
}

#[test]
fn each_gets_what_the_original_sent() {
    let call = Call::play(Duration::from_secs(40));
    for (client, ..) in CLIENTS {
        let original = captured(client);
        assert_eq!(signals(&call.received[client]), signals(&original), "{client}");
        assert_eq!(known(&call.received[client]), known(&original), "{client}");
    }
    assert!(call.bench.core.conferences().is_empty(), "all have hung up");
}

#[test]
fn all_hear_and_see_each_other() {
    let call = Call::play(Duration::from_millis(3500));
    let leg = |client: &str| call.legs[client];
    for (client, others) in [("a", ["b", "c"]), ("b", ["a", "c"]), ("c", ["a", "b"])] {
        assert_eq!(call.bench.hearers(leg(client)), others.map(leg), "{client}");
        for (slot, other) in (0..).zip(others) {
            assert_eq!(call.layers(client, slot), [(leg(other), Layer::High)], "{client} {slot}");
        }
    }
}
