//! Whatever arrives in whatever order: no nonce twice, no payload touched, and decisions that do not look
//! at payloads.

use proptest::prelude::*;

use super::world::{CONFERENCE, Sent, World, subscription, table, tuple, video_source};
use crate::{
    core::table::{ConferenceTable, Layer, LegId, Source},
    dataplane::{Lane, user::Verdict},
};

#[derive(Clone, Debug)]
enum Step {
    Audio {
        leg: u32,
        index: u64,
        level: u8,
    },
    Video {
        leg: u32,
        high: bool,
        index: u64,
        descriptor: u8,
        padding: bool,
    },
    /// Receiver 3 turns its slot to this leg and layer.
    Subscribe {
        leg: u32,
        high: bool,
    },
    /// The sources of this leg leave the table.
    Hide {
        leg: u32,
    },
    Replace {
        slot: u8,
        next: Option<u32>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let leg = 1..4_u32;
    let index = prop_oneof![40..80_u64, 40..20_000_u64];
    prop_oneof![
        4 => (leg.clone(), index.clone(), prop_oneof![Just(2), Just(127)])
            .prop_map(|(leg, index, level)| Step::Audio { leg, index, level }),
        6 => (leg.clone(), any::<bool>(), index, prop_oneof![Just(0x80), Just(0x88)], prop::bool::weighted(0.2))
            .prop_map(|(leg, high, index, descriptor, padding)| {
                Step::Video { leg, high, index, descriptor, padding }
            }),
        1 => (leg.clone(), any::<bool>()).prop_map(|(leg, high)| Step::Subscribe { leg, high }),
        1 => leg.clone().prop_map(|leg| Step::Hide { leg }),
        1 => (0..6_u8, prop::option::of(leg)).prop_map(|(slot, next)| Step::Replace { slot, next }),
    ]
}

fn layer(high: bool) -> Layer {
    if high { Layer::High } else { Layer::Low }
}

/// What the core would keep.
struct Tables {
    subscribed: (u32, bool),
    hidden: Option<u32>,
    run: u32,
}

impl Tables {
    fn table(&self) -> ConferenceTable {
        let legs = [1, 2, 3];
        let video = |leg: u32, high: bool| -> Source {
            let mut subscribers = vec![subscription(1 + leg % 3, 0, 1)];
            if self.subscribed == (leg, high) {
                subscribers.push(subscription(3, 1, self.run));
            }
            video_source(leg, layer(high), if high { subscribers } else { subscribers.split_off(1) })
        };
        let videos = legs.iter().flat_map(|&leg| [video(leg, false), video(leg, true)]).collect();
        let mut table = table(&legs, videos);
        table.sources.retain(|source| Some(source.leg.0) != self.hidden);
        table
    }
}

fn packet(step: &Step, payload: u8) -> Option<(u32, Sent)> {
    match *step {
        Step::Audio { leg, index, level } => {
            Some((leg, Sent { payload: vec![payload; 20], ..Sent::audio(leg, index, level) }))
        }
        Step::Video { leg, high, index, descriptor, padding } => {
            let sent = Sent::video(leg, layer(high), index, descriptor);
            let payload = if padding { vec![6; 6] } else { vec![payload; 20] };
            Some((leg, Sent { padding, payload, ..sent }))
        }
        _ => None,
    }
}

fn change(step: &Step, tables: &mut Tables, world: &mut World) {
    tables.run += 1;
    match *step {
        Step::Subscribe { leg, high } => tables.subscribed = (leg, high),
        Step::Hide { leg } => tables.hidden = if tables.hidden == Some(leg) { None } else { Some(leg) },
        Step::Replace { slot, next } => {
            let holder = world.lane.speakers(CONFERENCE).get(usize::from(slot)).copied().flatten();
            world.lane.replace_speaker(CONFERENCE, slot, holder, next.map(LegId));
        }
        Step::Audio { .. } | Step::Video { .. } => {}
    }
    world.lane.publish(&tables.table()).unwrap();
}

/// Leg, slot, index and timestamp of a copy.
type Place = (u32, usize, u64, u32);

/// Plays the steps; returns verdicts and copies without payloads.
fn play(steps: &[Step], payload: impl Fn(usize) -> u8) -> Vec<(Verdict, Vec<Place>)> {
    let mut world = World::new(&[1, 2, 3]);
    let mut tables = Tables { subscribed: (1, false), hidden: None, run: 1 };
    world.lane.publish(&tables.table()).unwrap();
    let mut outcomes = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let Some((leg, sent)) = packet(step, payload(n)) else {
            change(step, &mut tables, &mut world);
            continue;
        };
        let (verdict, copies) = world.send(leg, &sent);
        for copy in &copies {
            assert_eq!(copy.payload, sent.payload);
            assert_ne!(copy.leg, leg, "a copy for the sender");
        }
        let places = copies.iter().map(|copy| (copy.leg, copy.slot, copy.index, copy.timestamp));
        outcomes.push((verdict, places.collect()));
    }
    outcomes
}

proptest! {
    // The clients of `World` refuse an index that occurs twice.
    #[test]
    fn no_nonce_twice_and_no_look_at_payloads(steps in prop::collection::vec(step(), 0..150)) {
        prop_assert_eq!(play(&steps, |n| n as u8), play(&steps, |_| 0xff));
    }

    #[test]
    fn arbitrary_datagrams_come_to_nothing(
        from in 1_u32..5,
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20),
        real: bool,
    ) {
        let videos = vec![video_source(1, Layer::Low, vec![subscription(2, 0, 1)])];
        let mut world = World::with_table(&[1, 2, 3], videos);
        for mut datagram in datagrams {
            if let (true, Some(ssrc)) = (real, datagram.get_mut(8..12)) {
                ssrc.copy_from_slice(&super::world::audio_ssrc(from).to_be_bytes());
            }
            let (verdict, copies) = world.raw(tuple(from), &mut datagram);
            prop_assert!(matches!(verdict, Verdict::Dropped(_)) && copies.is_empty());
        }
    }
}
