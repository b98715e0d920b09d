//! Random events in random order: nothing panics, and `core::checks` holds after every one.
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use sft_control::core::{
    Input,
    event::{AudioLevel, RequestId},
    table::{ConferenceId, Layer, LegId, Speaker, Speakers},
};

use crate::support::{Bench, GROUP, answer_sdp, confconn, config, confpart, message, setup};

const USERS: [&str; 4] = ["A", "B", "C", "D"];
const GROUPS: [&str; 2] = [GROUP, "other"];

/// Small numbers, so that events meet the same few things.
#[derive(Clone, Debug)]
enum Event {
    Connect {
        group: usize,
        user: usize,
        update: bool,
        version: usize,
    },
    Offer {
        leg: u32,
    },
    Answer {
        group: usize,
        user: usize,
        audio: u32,
    },
    Gone {
        request: u64,
    },
    Connected {
        leg: u32,
    },
    Open {
        leg: u32,
    },
    Closed {
        leg: u32,
    },
    Failed {
        leg: u32,
    },
    Authorise {
        leg: u32,
        users: u8,
        wrong: bool,
    },
    Select {
        leg: u32,
        streams: Vec<(usize, u8)>,
    },
    Props {
        leg: u32,
        screen: bool,
    },
    Ping {
        leg: u32,
    },
    Hangup {
        leg: u32,
        response: bool,
    },
    Text {
        leg: u32,
        text: Vec<u8>,
    },
    Learn {
        leg: u32,
        high: bool,
        ssrc: u32,
    },
    Idle {
        leg: u32,
        high: bool,
        idle: u64,
    },
    /// A run so much newer than what the slot's current subscription has.
    Reached {
        leg: u32,
        slot: u8,
        newer: u32,
    },
    Wanted {
        leg: u32,
        slot: u8,
    },
    Audio {
        conference: u32,
        holders: Vec<Option<u32>>,
        levels: Vec<(u32, u8, u64)>,
    },
    Wait {
        ms: u64,
    },
    Drain,
}

fn event() -> impl Strategy<Value = Event> {
    let leg = || prop_oneof![5 => 1u32..4, 1 => 1u32..16];
    let joining = prop_oneof![
        (0..2usize, 0..4usize, any::<bool>(), 0..3usize)
            .prop_map(|(group, user, update, version)| Event::Connect { group, user, update, version }),
        leg().prop_map(|leg| Event::Offer { leg }),
        (0..2usize, 0..4usize, 1000..1020u32).prop_map(|(group, user, audio)| Event::Answer {
            group,
            user,
            audio
        }),
        leg().prop_map(|leg| Event::Connected { leg }),
        leg().prop_map(|leg| Event::Open { leg }),
    ];
    let ending = prop_oneof![
        (0..30u64).prop_map(|request| Event::Gone { request }),
        leg().prop_map(|leg| Event::Closed { leg }),
        leg().prop_map(|leg| Event::Failed { leg }),
        (leg(), any::<bool>()).prop_map(|(leg, response)| Event::Hangup { leg, response }),
        Just(Event::Drain),
    ];
    let talking =
        prop_oneof![
            (leg(), any::<u8>(), prop::bool::weighted(0.1))
                .prop_map(|(leg, users, wrong)| Event::Authorise { leg, users, wrong }),
            (leg(), prop::collection::vec((0..5usize, 0..3u8), 1..3))
                .prop_map(|(leg, streams)| Event::Select { leg, streams }),
            (leg(), any::<bool>()).prop_map(|(leg, screen)| Event::Props { leg, screen }),
            leg().prop_map(|leg| Event::Ping { leg }),
            (leg(), prop::collection::vec(any::<u8>(), 0..40))
                .prop_map(|(leg, text)| Event::Text { leg, text }),
        ];
    let media = prop_oneof![
        (leg(), any::<bool>(), 1..40u32).prop_map(|(leg, high, ssrc)| Event::Learn { leg, high, ssrc }),
        (leg(), any::<bool>(), prop::sample::select(vec![0, 700, 900, 3500]))
            .prop_map(|(leg, high, idle)| Event::Idle { leg, high, idle }),
        (leg(), 0..2u8, 0..3u32).prop_map(|(leg, slot, newer)| Event::Reached { leg, slot, newer }),
        (leg(), any::<u8>()).prop_map(|(leg, slot)| Event::Wanted { leg, slot }),
        (1..4u32, prop::collection::vec(prop::option::of(leg()), 5), levels())
            .prop_map(|(conference, holders, levels)| Event::Audio { conference, holders, levels }),
    ];
    prop_oneof![
        5 => joining,
        1 => ending,
        4 => talking,
        4 => media,
        2 => prop::sample::select(vec![1, 20, 100, 600, 4000]).prop_map(|ms| Event::Wait { ms }),
    ]
}

fn levels() -> impl Strategy<Value = Vec<(u32, u8, u64)>> {
    prop::collection::vec((1..16u32, 0..128u8, prop::sample::select(vec![0, 600])), 0..8)
}

/// What makes slots turn, at two receivers of few sources.
fn switching() -> impl Strategy<Value = Event> {
    let leg = || 1..3u32;
    prop_oneof![
        4 => (leg(), prop::collection::vec((0..3usize, 0..3u8), 1..3))
            .prop_map(|(leg, streams)| Event::Select { leg, streams }),
        4 => (leg(), 0..2u8, 0..3u32).prop_map(|(leg, slot, newer)| Event::Reached { leg, slot, newer }),
        2 => (1..4u32, any::<bool>(), prop::sample::select(vec![0, 900]))
            .prop_map(|(leg, high, idle)| Event::Idle { leg, high, idle }),
        1 => (leg(), any::<u8>()).prop_map(|(leg, users)| Event::Authorise { leg, users, wrong: false }),
        1 => Just(Event::Wait { ms: 20 }),
    ]
}

/// Three members that authorise each other, and whose video is known.
fn conference() -> Vec<Event> {
    let established = (0..3usize).flat_map(|user| {
        let leg = user as u32 + 1;
        [
            Event::Connect { group: 0, user, update: false, version: 0 },
            Event::Offer { leg },
            Event::Answer { group: 0, user, audio: 1000 + leg },
            Event::Open { leg },
        ]
    });
    let known = (1..4u32).flat_map(|leg| {
        [
            Event::Authorise { leg, users: 0xff, wrong: false },
            Event::Learn { leg, high: false, ssrc: leg * 10 },
            Event::Learn { leg, high: true, ssrc: leg * 10 + 1 },
        ]
    });
    established.chain([Event::Wait { ms: 100 }]).chain(known).collect()
}

fn play(bench: &mut Bench, event: Event) {
    match event {
        Event::Connect { group, user, update, version } => {
            let mut request = confconn(USERS[user]);
            request["update"] = update.into();
            request["toolver"] = ["10.5.8", "9.0.0", "x"][version].into();
            bench.post(GROUPS[group], &request.to_string());
        }
        Event::Offer { leg } => bench.input(Input::OfferReady { leg: LegId(leg), sdp: String::new() }),
        Event::Answer { group, user, audio } => {
            bench.post(GROUPS[group], &setup(USERS[user], &answer_sdp(audio, Some(audio + 1))));
        }
        Event::Gone { request } => bench.input(Input::RequestGone { id: RequestId(request) }),
        Event::Connected { leg } => bench.input(Input::Connected { leg: LegId(leg) }),
        Event::Open { leg } => bench.open(LegId(leg)),
        Event::Closed { leg } => bench.input(Input::ChannelClosed { leg: LegId(leg) }),
        Event::Failed { leg } => {
            bench.input(Input::TransportFailed { leg: LegId(leg), reason: "test".into() });
        }
        Event::Audio { conference, holders, levels } => {
            audio(bench, ConferenceId(conference), &holders, &levels);
        }
        Event::Learn { leg, high, ssrc } => {
            bench.input(Input::LayerLearned { leg: LegId(leg), layer: layer(high), ssrc });
        }
        Event::Idle { leg, high, idle } => {
            let idle = Duration::from_millis(idle);
            bench.input(Input::LayerReading { leg: LegId(leg), layer: layer(high), idle });
        }
        Event::Reached { leg, slot, newer } => reached(bench, LegId(leg), slot, newer),
        Event::Wanted { leg, slot } => bench.input(Input::KeyframeWanted { receiver: LegId(leg), slot }),
        Event::Wait { ms } => bench.advance(Duration::from_millis(ms)),
        Event::Drain => bench.input(Input::Drain),
        event => talk(bench, event),
    }
}

fn talk(bench: &mut Bench, event: Event) {
    match event {
        Event::Authorise { leg, users, wrong } => authorise(bench, LegId(leg), users, wrong),
        Event::Select { leg, streams } => {
            let name = |user: usize| USERS.get(user).unwrap_or(&"nobody").to_string();
            let streams: Vec<(String, u8)> = streams.iter().map(|(user, q)| (name(*user), *q)).collect();
            let streams: Vec<(&str, u8)> = streams.iter().map(|(user, q)| (user.as_str(), *q)).collect();
            bench.select(LegId(leg), &streams);
        }
        Event::Props { leg, screen } => {
            bench.propsync(LegId(leg), json!({ "screensend": screen.to_string() }));
        }
        Event::Ping { leg } => bench.say(LegId(leg), &message("PING", false, json!({}))),
        Event::Hangup { leg, response } => bench.say(LegId(leg), &message("HANGUP", response, json!({}))),
        Event::Text { leg, text } => bench.input(Input::ChannelMessage { leg: LegId(leg), data: text }),
        event => unreachable!("{event:?}"),
    }
}

fn layer(high: bool) -> Layer {
    if high { Layer::High } else { Layer::Low }
}

fn audio(bench: &mut Bench, conference: ConferenceId, holders: &[Option<u32>], levels: &[(u32, u8, u64)]) {
    let mut speakers = Speakers::default();
    for (speaker, holder) in speakers.iter_mut().zip(holders) {
        *speaker = holder.map(|leg| Speaker { leg: LegId(leg), run: 1 });
    }
    let level = |&(leg, level, idle): &(u32, u8, u64)| AudioLevel {
        leg: LegId(leg),
        level,
        idle: Duration::from_millis(idle),
    };
    let levels = levels.iter().map(level).collect();
    bench.input(Input::AudioReading { conference, speakers, levels });
}

fn reached(bench: &mut Bench, receiver: LegId, slot: u8, newer: u32) {
    let legs = bench.core.conferences().into_iter().flat_map(|conference| conference.legs);
    let slots = legs.filter(|leg| leg.leg == receiver).flat_map(|leg| leg.video_slots);
    let current = slots.into_iter().nth(slot.into()).and_then(|slot| slot.current);
    let run = current.map_or(0, |shown| shown.run) + newer;
    bench.input(Input::SlotReached { receiver, slot, run });
}

/// Authorises those of the members of its conference whose bits are set.
fn authorise(bench: &mut Bench, leg: LegId, users: u8, wrong: bool) {
    let conferences = bench.core.conferences();
    let of_leg = conferences.iter().find(|found| found.legs.iter().any(|other| other.leg == leg));
    let Some(conference) = of_leg else { return };
    let entries = conference.legs.iter().filter(|other| other.leg != leg).map(|other| {
        let bit = USERS.iter().position(|user| *user == other.user).unwrap();
        json!({
            "userid": other.user, "clientid": "_", "authorized": users & 1 << bit != 0,
            "ssrc_audio": (other.audio_ssrc.unwrap_or(0) + u32::from(wrong)).to_string(),
            "ssrc_video": other.video_ssrc.wrapping_add(wrong.into()).to_string()
        })
    });
    let entries: Vec<Value> = entries.collect();
    bench.say(leg, &confpart(&entries));
}

/// Plays the events; then nobody speaks any more, so every request gets its reply and everything ends.
fn play_to_the_end(events: Vec<Event>) {
    let mut config = config();
    (config.max_conference_legs, config.max_legs, config.max_messages_per_second) = (3, 5, 1000);
    let mut bench = Bench::with(config);
    for event in events {
        play(&mut bench, event);
    }
    bench.advance(Duration::from_secs(60));
    assert_eq!(bench.unanswered(), 0);
    assert!(bench.core.conferences().is_empty());
    assert_eq!(bench.core.next_timeout(), None);
    assert_eq!(bench.core.totals().participants, 0);
}

proptest! {
    #[test]
    fn any_order_of_events_is_survived(events in prop::collection::vec(event(), 0..120)) {
        play_to_the_end(events);
    }

    #[test]
    fn any_order_of_events_in_a_conference_is_survived(events in prop::collection::vec(event(), 0..120)) {
        play_to_the_end([conference(), events].concat());
    }

    #[test]
    fn any_order_of_switches_is_survived(events in prop::collection::vec(switching(), 0..40)) {
        play_to_the_end([conference(), events].concat());
    }
}
