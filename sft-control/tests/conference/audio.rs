//! Who has to give an audio slot back, and who gets it (sft-protocol.md 10.4).
use std::time::Duration;

use serde_json::json;
use sft_common::maps::AUDIO_SLOTS;
use sft_control::core::{
    Input, Output,
    event::AudioLevel,
    table::{LegId, Speaker, Speakers},
};

use crate::support::{A_WHILE, Bench};

const SILENT: u8 = 127;
/// Between two readings.
const READING: Duration = Duration::from_millis(100);
const SECOND: usize = 10;
/// Of those who hold the slots behind the first five.
const LOUD: u8 = 20;

struct Hall {
    bench: Bench,
    legs: [LegId; 7],
    loud: [LegId; AUDIO_SLOTS - 5],
    speakers: Speakers,
}

/// Slot, who had it, who gets it.
type Replacement = (u8, LegId, Option<LegId>);

impl Hall {
    /// Seven members, of whom the first five hold slots; others, who speak all the time, hold the rest.
    fn new() -> Self {
        let mut bench = Bench::new();
        let [a, b, c, d, e, f, g, loud @ ..] =
            bench.conference(["A", "B", "C", "D", "E", "F", "G", "H", "I"]);
        let [h, i] = loud;
        let speakers = [a, b, c, d, e, h, i].map(|leg| Some(Speaker { leg, run: 1 }));
        Hall { bench, legs: [a, b, c, d, e, f, g], loud, speakers }
    }

    /// So many readings with these levels of the seven members, in their order; returns the replacements, which
    /// are not carried out, so that they repeat.
    fn read(&mut self, levels: [u8; 7], readings: usize) -> Vec<Replacement> {
        let mut replaced = Vec::new();
        for _ in 0..readings {
            replaced.extend(self.read_idle(levels, Duration::ZERO));
            self.bench.advance(READING);
        }
        replaced
    }

    fn read_idle(&mut self, levels: [u8; 7], idle: Duration) -> Vec<Replacement> {
        let levels = self.legs.iter().zip(levels).chain(self.loud.iter().zip([LOUD; AUDIO_SLOTS - 5]));
        let levels = levels.map(|(leg, level)| AudioLevel { leg: *leg, level, idle }).collect();
        let conference = self.bench.view().conference;
        self.bench.take();
        self.bench.input(Input::AudioReading { conference, speakers: self.speakers, levels });
        self.replacements()
    }

    fn replacements(&self) -> Vec<Replacement> {
        let replaced = self.bench.out.iter().filter_map(|output| match output {
            Output::ReplaceSpeaker { slot, holder, next, .. } => Some((*slot, holder.unwrap().leg, *next)),
            _ => None,
        });
        replaced.collect()
    }
}

#[test]
fn holders_that_speak_keep_their_slots() {
    let mut hall = Hall::new();
    assert!(hall.read([40, 40, 40, 40, 40, 40, SILENT], 5 * SECOND).is_empty());
    assert!(hall.read([40, 40, 40, 40, 40, 40, 33], 5 * SECOND).is_empty(), "a little louder is not enough");
}

#[test]
fn a_clearly_louder_voice_displaces_the_quietest() {
    let mut hall = Hall::new();
    let [_, _, c, _, _, f, g] = hall.legs;
    assert!(hall.read([40, 40, 60, 40, 40, 55, SILENT], 5 * SECOND).is_empty());
    let replaced = hall.read([40, 40, 60, 40, 40, 45, SILENT], 5 * SECOND);
    assert_eq!(replaced.first(), Some(&(2, c, Some(f))));
    let replaced = hall.read([40, 40, 60, 40, 40, 45, 20], 5 * SECOND);
    assert_eq!(replaced.last(), Some(&(2, c, Some(g))), "the loudest of those who wait");
}

#[test]
fn who_has_just_begun_is_left_to_speak() {
    let mut hall = Hall::new();
    hall.speakers[2] = None;
    hall.read([20, 20, SILENT, 20, 20, 20, SILENT], 5 * SECOND);
    // C begins, more quietly than F waits.
    hall.speakers[2] = Some(Speaker { leg: hall.legs[2], run: 2 });
    assert!(hall.read([20, 20, 60, 20, 20, 20, SILENT], 2 * SECOND).is_empty());
    assert!(!hall.read([20, 20, 60, 20, 20, 20, SILENT], SECOND).is_empty());
}

/// Without packets of speech around it a knock is loud for one reading.
#[test]
fn a_knock_displaces_nobody() {
    let mut hall = Hall::new();
    assert!(hall.read([40, 40, 40, 40, 40, SILENT, SILENT], 5 * SECOND).is_empty());
    for _ in 0..10 {
        assert!(hall.read([40, 40, 40, 40, 40, 0, SILENT], 1).is_empty());
        assert!(hall.read([40, 40, 40, 40, 40, SILENT, SILENT], SECOND).is_empty());
    }
}

#[test]
fn a_holder_that_stays_silent_frees_its_slot() {
    let mut hall = Hall::new();
    let b = hall.legs[1];
    let levels = [30, SILENT, 40, 40, 40, SILENT, SILENT];
    assert!(hall.read(levels, SECOND).is_empty());
    assert_eq!(hall.read(levels, 1), [(1, b, None)]);
}

/// Nobody has to wait longer for the slot of somebody silent than a pause between two words lasts.
#[test]
fn who_waits_gets_the_slot_of_a_silent_holder_sooner() {
    let mut hall = Hall::new();
    let [_, b, .., f, _] = hall.legs;
    hall.read([40; 7], SECOND);
    let levels = [40, SILENT, 40, 40, 40, 90, SILENT];
    assert!(hall.read(levels, 7).is_empty(), "a pause between two words");
    assert_eq!(hall.read(levels, 1), [(1, b, Some(f))]);
}

#[test]
fn a_word_in_between_makes_the_pause_start_again() {
    let mut hall = Hall::new();
    let silent = [30, SILENT, 40, 40, 40, SILENT, SILENT];
    for _ in 0..3 {
        assert!(hall.read(silent, 9).is_empty());
        assert!(hall.read([30, 40, 40, 40, 40, SILENT, SILENT], 1).is_empty());
    }
}

/// The data plane gives a free slot to whoever speaks first.
#[test]
fn a_free_slot_is_not_assigned() {
    let mut hall = Hall::new();
    hall.speakers[3] = None;
    assert!(hall.read([30, 60, 60, SILENT, 60, 10, 10], 5 * SECOND).is_empty());
}

/// The level of a source that sends nothing is an old one.
#[test]
fn without_packets_nobody_speaks() {
    let mut hall = Hall::new();
    let holders = (0u8..).zip(hall.speakers).map(|(slot, holder)| (slot, holder.unwrap().leg, None));
    let holders: Vec<Replacement> = holders.collect();
    let idle = Duration::from_millis(500);
    assert!(hall.read_idle([10; 7], idle).is_empty());
    hall.bench.advance(Duration::from_secs(1));
    assert_eq!(hall.read_idle([10; 7], idle), holders);
}

/// Whom nobody authorises cannot silence anybody by being loud.
#[test]
fn who_is_not_heard_displaces_nobody() {
    let mut hall = Hall::new();
    let g = hall.legs[6];
    hall.bench.authorise(g, &[]);
    hall.bench.advance(A_WHILE);
    assert!(hall.bench.hearers(g).is_empty());
    assert!(hall.read([60, 60, 60, 60, 60, SILENT, 0], 5 * SECOND).is_empty());
}

#[test]
fn a_slot_of_somebody_who_left_is_freed() {
    let mut hall = Hall::new();
    let b = hall.legs[1];
    hall.bench.input(Input::ChannelClosed { leg: b });
    hall.speakers[1] = None;
    assert!(hall.read([30, 40, 40, 40, 40, 30, 30], SECOND).is_empty(), "the lane has freed it with the leg");
}

#[test]
fn who_mutes_itself_leaves_its_slot_at_once() {
    let mut hall = Hall::new();
    let c = hall.legs[2];
    hall.read([40, 40, 40, 40, 40, SILENT, SILENT], SECOND);
    hall.bench.propsync(c, json!({ "muted": "true" }));
    assert_eq!(hall.replacements(), [(2, c, None)]);
    hall.bench.take();
    hall.bench.propsync(c, json!({ "muted": "true", "videosend": "true" }));
    assert!(hall.replacements().is_empty(), "it holds none any more");
}

/// Its last words may come after the message and take the slot again: for no longer than they last.
#[test]
fn the_last_words_of_who_mutes_itself_hold_no_slot() {
    let mut hall = Hall::new();
    let c = hall.legs[2];
    hall.bench.propsync(c, json!({ "muted": "true" }));
    assert!(hall.read([40, 40, 40, 40, 40, SILENT, SILENT], 1).is_empty(), "it may have unmuted itself");
    assert_eq!(hall.read([40, 40, SILENT, 40, 40, SILENT, SILENT], 1), [(2, c, None)]);
}
