//! CONFSTREAMS in mode `level`: the video slots show who speaks (sft-protocol.md 9.4).
use std::time::Duration;

use serde_json::json;
use sft_control::core::{
    Input,
    event::AudioLevel,
    table::{LegId, Speaker, Speakers},
};

use crate::support::{A_WHILE, Bench, confconn, message};

struct Stage {
    bench: Bench,
    legs: [LegId; 5],
    speakers: Speakers,
    run: u32,
}

impl Stage {
    /// Five members with video. The first one has two video slots and shows in them who speaks.
    fn new() -> Self {
        let mut bench = Bench::new();
        let mut request = confconn("A");
        request["vstreams"] = 2.into();
        let a = bench.enter_with("A", &request);
        let others = ["B", "C", "D", "E"].map(|user| bench.enter(user));
        bench.advance(A_WHILE);
        let legs = [a, others[0], others[1], others[2], others[3]];
        for leg in legs {
            bench.authorise_all(leg);
            bench.learn(leg);
        }
        bench.say(a, &message("CONFSTREAMS", false, json!({ "mode": "level", "streams": [] })));
        bench.advance(A_WHILE);
        Stage { bench, legs, speakers: Speakers::default(), run: 0 }
    }

    /// These, by place, hold the audio slots from now on, in this order.
    fn speak(&mut self, places: &[usize]) {
        self.run += 1;
        self.speakers = Speakers::default();
        for (speaker, place) in self.speakers.iter_mut().zip(places) {
            *speaker = Some(Speaker { leg: self.legs[*place], run: self.run });
        }
        let levels =
            places.iter().map(|place| AudioLevel { leg: self.legs[*place], level: 30, idle: Duration::ZERO });
        let levels = levels.collect();
        let conference = self.bench.view().conference;
        self.bench.input(Input::AudioReading { conference, speakers: self.speakers, levels });
        self.bench.advance(A_WHILE);
    }

    /// Who is in the two slots, by place.
    fn shown(&self) -> [Option<usize>; 2] {
        [0, 1].map(|slot| {
            let shown = self.bench.shown(self.legs[0], slot);
            let leg = shown.first()?.0;
            self.legs.iter().position(|other| *other == leg)
        })
    }
}

#[test]
fn nobody_is_shown_until_somebody_speaks() {
    let mut stage = Stage::new();
    assert_eq!(stage.shown(), [None, None]);
    stage.speak(&[2]);
    assert_eq!(stage.shown(), [Some(2), None]);
}

#[test]
fn the_last_speakers_are_shown_and_keep_their_places() {
    let mut stage = Stage::new();
    stage.speak(&[1]);
    stage.speak(&[1, 2]);
    assert_eq!(stage.shown(), [Some(1), Some(2)]);
    // Whoever has spoken longest ago gives way.
    stage.speak(&[2, 3]);
    assert_eq!(stage.shown(), [Some(3), Some(2)]);
    stage.speak(&[]);
    assert_eq!(stage.shown(), [Some(3), Some(2)], "silence changes nothing");
    stage.speak(&[4]);
    assert_eq!(stage.shown(), [Some(3), Some(4)]);
}

#[test]
fn its_own_voice_moves_nothing() {
    let mut stage = Stage::new();
    stage.speak(&[1, 2]);
    stage.speak(&[0, 1, 2]);
    assert_eq!(stage.shown(), [Some(1), Some(2)]);
}

#[test]
fn only_who_may_be_seen_is_shown() {
    let mut stage = Stage::new();
    stage.bench.authorise(stage.legs[1], &[]);
    stage.speak(&[1, 2, 3]);
    assert_eq!(stage.shown(), [Some(2), Some(3)]);
}

#[test]
fn who_leaves_makes_room_for_who_spoke_before() {
    let mut stage = Stage::new();
    stage.speak(&[1]);
    stage.speak(&[2]);
    stage.speak(&[3]);
    assert_eq!(stage.shown(), [Some(3), Some(2)]);
    stage.bench.input(Input::ChannelClosed { leg: stage.legs[3] });
    stage.bench.advance(A_WHILE);
    assert_eq!(stage.shown(), [Some(1), Some(2)]);
}

#[test]
fn a_list_takes_over_again() {
    let mut stage = Stage::new();
    stage.speak(&[1, 2]);
    stage.bench.select(stage.legs[0], &[("E", 0)]);
    stage.bench.advance(A_WHILE);
    assert_eq!(stage.shown(), [Some(4), None]);
    stage.speak(&[3]);
    assert_eq!(stage.shown(), [Some(4), None]);
}
