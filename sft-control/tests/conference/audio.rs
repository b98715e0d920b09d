//! Who has to give an audio slot back, and who gets it (sft-protocol.md 10.4).
use std::time::Duration;

use sft_control::core::{
    Input, Output,
    event::AudioLevel,
    table::{LegId, Speaker, Speakers},
};

use crate::support::{A_WHILE, Bench};

const SILENT: u8 = 127;

struct Hall {
    bench: Bench,
    legs: [LegId; 7],
    speakers: Speakers,
}

impl Hall {
    /// Seven members: the first is the key generator, the next four hold the slots.
    fn new() -> Self {
        let mut bench = Bench::new();
        let legs = bench.conference(["A", "B", "C", "D", "E", "F", "G"]);
        let holder = |place: usize| Some(Speaker { leg: legs[place], run: 1 });
        let speakers = [None, holder(1), holder(2), holder(3), holder(4)];
        Hall { bench, legs, speakers }
    }

    /// A reading with these levels, in the order of the members; returns the replacements: slot, who had
    /// it, who gets it.
    fn read(&mut self, levels: [u8; 7]) -> Vec<(u8, LegId, Option<LegId>)> {
        self.read_idle(levels, Duration::ZERO)
    }

    fn read_idle(&mut self, levels: [u8; 7], idle: Duration) -> Vec<(u8, LegId, Option<LegId>)> {
        let levels = self.legs.iter().zip(levels);
        let levels = levels.map(|(leg, level)| AudioLevel { leg: *leg, level, idle }).collect();
        let conference = self.bench.view().conference;
        self.bench.take();
        self.bench.input(Input::AudioReading { conference, speakers: self.speakers, levels });
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
    assert!(hall.read([30, 40, 40, 40, 40, SILENT, SILENT]).is_empty());
    assert!(hall.read([30, 40, 40, 40, 40, 40, 35]).is_empty(), "a little louder is not enough");
}

#[test]
fn a_much_louder_source_displaces_the_quietest() {
    let mut hall = Hall::new();
    let [_, _, c, _, _, f, g] = hall.legs;
    assert!(hall.read([30, 40, 60, 40, 40, 49, 127]).is_empty());
    assert_eq!(hall.read([30, 40, 60, 40, 40, 48, 127]), [(2, c, Some(f))]);
    assert_eq!(hall.read([30, 40, 60, 40, 40, 48, 20]), [(2, c, Some(g))], "the loudest of those who wait");
}

#[test]
fn a_holder_that_stays_silent_frees_its_slot() {
    let mut hall = Hall::new();
    let b = hall.legs[1];
    let levels = [30, SILENT, 40, 40, 40, SILENT, SILENT];
    assert!(hall.read(levels).is_empty(), "a pause between two words");
    hall.bench.advance(Duration::from_millis(999));
    assert!(hall.read(levels).is_empty());
    hall.bench.advance(Duration::from_millis(1));
    assert_eq!(hall.read(levels), [(1, b, None)]);
}

#[test]
fn a_word_in_between_makes_the_pause_start_again() {
    let mut hall = Hall::new();
    let silent = [30, SILENT, 40, 40, 40, SILENT, SILENT];
    hall.read(silent);
    hall.bench.advance(Duration::from_millis(900));
    hall.read([30, 40, 40, 40, 40, SILENT, SILENT]);
    hall.read(silent);
    hall.bench.advance(Duration::from_millis(900));
    assert!(hall.read(silent).is_empty());
}

/// The data plane gives a free slot to whoever speaks first.
#[test]
fn a_free_slot_is_not_assigned() {
    let mut hall = Hall::new();
    hall.speakers[3] = None;
    assert!(hall.read([30, 60, 60, SILENT, 60, 10, 10]).is_empty());
}

/// The level of a source that sends nothing is an old one.
#[test]
fn without_packets_nobody_speaks() {
    let mut hall = Hall::new();
    let [_, b, c, d, e, ..] = hall.legs;
    let idle = Duration::from_millis(500);
    assert!(hall.read_idle([10; 7], idle).is_empty());
    hall.bench.advance(Duration::from_secs(1));
    let freed = hall.read_idle([10; 7], idle);
    assert_eq!(freed, [(1, b, None), (2, c, None), (3, d, None), (4, e, None)]);
}

#[test]
fn the_key_generator_takes_no_second_slot() {
    let mut hall = Hall::new();
    let a = hall.legs[0];
    assert!(hall.read([0, 60, 60, 60, 60, SILENT, SILENT]).is_empty());
    hall.speakers[2] = Some(Speaker { leg: a, run: 4 });
    assert_eq!(hall.read([0, 60, 60, 60, 60, SILENT, SILENT]), [(2, a, None)]);
}

/// Whom nobody authorises cannot silence anybody by being loud.
#[test]
fn who_is_not_heard_displaces_nobody() {
    let mut hall = Hall::new();
    let g = hall.legs[6];
    hall.bench.authorise(g, &[]);
    hall.bench.advance(A_WHILE);
    assert!(hall.bench.hearers(g).is_empty());
    assert!(hall.read([30, 60, 60, 60, 60, SILENT, 0]).is_empty());
}

#[test]
fn a_slot_of_somebody_who_left_is_freed() {
    let mut hall = Hall::new();
    let b = hall.legs[1];
    hall.bench.input(Input::ChannelClosed { leg: b });
    assert_eq!(hall.read([30, 40, 40, 40, 40, SILENT, SILENT]), [(1, b, None)]);
}
