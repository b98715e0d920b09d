//! Speaker selection under random talk, against the data plane's own rules: the loudest are heard, nobody flaps,
//! and an onset into a free slot loses no packet (sft-protocol.md 10.4).
use std::{cell::Cell, time::Duration};

use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use sft_common::{
    drops::DropReason,
    extension::KeyframeMark,
    maps::{AUDIO_SLOTS, Kind},
    source::{PacketFacts, SourceState},
    speaker::{self, SpeakerStore, find_or_claim, holder_source, run},
};
use sft_control::core::{
    Config, Input, Output,
    event::AudioLevel,
    table::{LegId, Speaker, Speakers},
};

use crate::support::{A_WHILE, Bench, config};

/// Between two audio packets of a leg, and between two readings.
const PACKET: Duration = Duration::from_millis(40);
const READING: Duration = Duration::from_millis(100);
const SILENT: u8 = 127;

/// What somebody does for the whole time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Habit {
    /// Words and pauses around this level.
    Talks(u8),
    /// A microphone that is never quite silent.
    Hums(u8),
    Silent,
}

#[derive(Default)]
struct Cells([Cell<u64>; AUDIO_SLOTS]);

impl SpeakerStore for Cells {
    fn load(&self, i: usize) -> u64 {
        self.0[i].get()
    }
    fn exchange(&self, i: usize, from: u64, to: u64) -> bool {
        self.0[i].get() == from && self.0[i].replace(to) == from
    }
}

/// A conference whose audio goes by the functions that both lanes call.
struct Room {
    bench: Bench,
    random: StdRng,
    people: Vec<Person>,
    cells: Cells,
    /// When each slot changed hands.
    changes: Vec<Duration>,
    /// Since the beginning.
    clock: Duration,
}

struct Person {
    leg: LegId,
    habit: Habit,
    source: SourceState,
    sequence: u64,
    /// Until when it utters a word, or is in a pause.
    word: bool,
    until: Duration,
    muted: bool,
    /// Packets that were heard, and those that found no slot, since the last `forget`.
    heard: usize,
    unheard: usize,
}

impl Room {
    fn new(habits: &[Habit], seed: u64) -> Self {
        let mut bench = Bench::with(Config { max_messages_per_second: 1000, ..config() });
        let legs: Vec<LegId> = (0..habits.len()).map(|user| bench.enter(&format!("user{user}"))).collect();
        bench.advance(A_WHILE);
        legs.iter().for_each(|leg| bench.authorise_all(*leg));
        bench.advance(A_WHILE);
        let person = |(leg, habit): (&LegId, &Habit)| Person {
            leg: *leg,
            habit: *habit,
            source: SourceState::default(),
            sequence: 1,
            word: false,
            until: Duration::ZERO,
            muted: false,
            heard: 0,
            unheard: 0,
        };
        let people = legs.iter().zip(habits).map(person).collect();
        let random = StdRng::seed_from_u64(seed);
        Room { bench, random, people, cells: Cells::default(), changes: Vec::new(), clock: Duration::ZERO }
    }

    /// Everybody sends packets, and the core reads levels, for so long.
    fn pass(&mut self, time: Duration) {
        let end = self.clock + time;
        while self.clock < end {
            let next = self.clock + Duration::from_millis(20);
            if next.as_millis().is_multiple_of(PACKET.as_millis()) {
                (0..self.people.len()).for_each(|number| self.send(number));
            }
            if next.as_millis().is_multiple_of(READING.as_millis()) {
                self.read();
            }
            self.bench.advance(next - self.clock);
            self.clock = next;
        }
    }

    fn send(&mut self, number: usize) {
        let before = self.held();
        let level = self.people[number].level(self.clock, &mut self.random);
        let person = &mut self.people[number];
        let facts = PacketFacts {
            kind: Kind::Audio,
            timestamp: person.sequence as u32 * 1920,
            bytes: 100,
            level: Some(level),
            padding_only: false,
            keyframe: KeyframeMark::Unmarked,
        };
        let speaks = person.source.commit(person.sequence, &facts, 1).is_ok();
        person.sequence += 1;
        if speaks {
            let claim = find_or_claim(&self.cells, number as u32);
            assert!(claim.is_ok() || claim == Err(DropReason::NoAudioSlot));
            assert!(claim.is_ok() || before.iter().all(Option::is_some), "a free slot is taken at once");
            person.heard += usize::from(claim.is_ok());
            person.unheard += usize::from(claim.is_err());
        }
        self.note_changes(&before);
    }

    fn read(&mut self) {
        let before = self.held();
        let level = |person: &Person| AudioLevel {
            leg: person.leg,
            level: person.source.stats().level as u8,
            idle: Duration::ZERO,
        };
        let levels = self.people.iter().map(level).collect();
        let conference = self.bench.view().conference;
        self.bench.take();
        self.bench.input(Input::AudioReading { conference, speakers: self.speakers(), levels });
        self.carry_out();
        self.note_changes(&before);
    }

    /// As the lanes do it.
    fn carry_out(&mut self) {
        let speakers = self.speakers();
        for output in &self.bench.out {
            let Output::ReplaceSpeaker { slot, holder, next, .. } = output else { continue };
            let cell = &self.cells.0[usize::from(*slot)];
            if speakers[usize::from(*slot)] != *holder {
                continue;
            }
            cell.set(match next {
                Some(leg) => speaker::claimed(cell.get(), self.number(*leg)),
                None => speaker::freed(cell.get()),
            });
        }
    }

    fn number(&self, leg: LegId) -> u32 {
        self.people.iter().position(|person| person.leg == leg).unwrap() as u32
    }

    fn speakers(&self) -> Speakers {
        std::array::from_fn(|slot| {
            let cell = self.cells.0[slot].get();
            let person = &self.people[holder_source(cell)? as usize];
            Some(Speaker { leg: person.leg, run: run(cell) })
        })
    }

    fn held(&self) -> [Option<u32>; AUDIO_SLOTS] {
        std::array::from_fn(|slot| holder_source(self.cells.0[slot].get()))
    }

    /// Counts the slots that went from one person to another.
    fn note_changes(&mut self, before: &[Option<u32>; AUDIO_SLOTS]) {
        for (before, after) in before.iter().zip(self.held()) {
            if before.is_some() && after.is_some() && *before != after {
                self.changes.push(self.clock);
            }
        }
    }

    fn forget(&mut self) {
        self.changes.clear();
        for person in &mut self.people {
            (person.heard, person.unheard) = (0, 0);
        }
    }

    /// Those who hold slots.
    fn on(&self) -> Vec<usize> {
        self.held().into_iter().flatten().map(|number| number as usize).collect()
    }

    fn mute(&mut self, number: usize, muted: bool) {
        self.people[number].muted = muted;
        let leg = self.people[number].leg;
        self.bench.take();
        self.bench.propsync(leg, json!({ "muted": muted.to_string() }));
        self.carry_out();
    }
}

impl Person {
    /// Of its next packet.
    fn level(&mut self, now: Duration, random: &mut StdRng) -> u8 {
        if now >= self.until {
            self.word = !self.word;
            let length = if self.word { 200..1200 } else { 80..500 };
            self.until = now + Duration::from_millis(random.random_range(length));
        }
        match self.habit {
            _ if self.muted => SILENT,
            Habit::Silent => SILENT,
            Habit::Talks(_) if !self.word => SILENT,
            // Syllables rise and fall.
            Habit::Talks(level) => random.random_range(level.saturating_sub(10)..level + 10),
            Habit::Hums(level) => random.random_range(level - 3..level + 3),
        }
    }
}

/// So many people do not fit into the slots.
const MORE_THAN_SLOTS: std::ops::Range<usize> = AUDIO_SLOTS + 1..AUDIO_SLOTS + 6;

fn few() -> impl Strategy<Value = Vec<Habit>> {
    let level = 20..60_u8;
    prop::collection::vec(level.prop_map(Habit::Talks), 1..=AUDIO_SLOTS)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whoever else hums along more quietly, and however many are silent.
    #[test]
    fn the_loudest_are_heard(talkers in few(), hum in 90..105_u8, humming in 0..6_usize, seed: u64) {
        let noise = vec![Habit::Hums(hum); humming];
        let silent = vec![Habit::Silent; 3];
        let mut room = Room::new(&[noise, talkers.clone(), silent].concat(), seed);
        room.pass(Duration::from_secs(8));
        room.forget();
        room.pass(Duration::from_secs(20));
        for person in room.people.iter().filter(|person| matches!(person.habit, Habit::Talks(_))) {
            let lost = person.unheard as f64 / (person.heard + person.unheard) as f64;
            prop_assert!(lost < 0.05, "{:?} lost {lost:.2}", person.habit);
        }
    }

    /// Of more talkers than slots about as loud as each other those who speak keep speaking, through all pauses
    /// between words.
    #[test]
    fn nobody_flaps(levels in prop::collection::vec(30..36_u8, MORE_THAN_SLOTS), seed: u64) {
        let habits: Vec<Habit> = levels.iter().map(|level| Habit::Talks(*level)).collect();
        let mut room = Room::new(&habits, seed);
        room.pass(Duration::from_secs(5));
        room.forget();
        room.pass(Duration::from_secs(30));
        prop_assert!(room.changes.len() <= 4 * AUDIO_SLOTS, "{} changes in half a minute", room.changes.len());
    }

    /// Voices without pauses stay where they are.
    #[test]
    fn continuous_voices_never_change_places(levels in prop::collection::vec(30..37_u8, MORE_THAN_SLOTS), seed: u64) {
        let habits: Vec<Habit> = levels.iter().map(|level| Habit::Hums(*level)).collect();
        let mut room = Room::new(&habits, seed);
        room.pass(Duration::from_secs(5));
        room.forget();
        room.pass(Duration::from_secs(20));
        prop_assert!(room.changes.is_empty(), "{:?}", room.changes);
    }

    /// One slot at least is free while the others talk.
    #[test]
    fn an_onset_into_a_free_slot_loses_no_packet(
        others in prop::collection::vec((20..100_u8).prop_map(Habit::Talks), 0..AUDIO_SLOTS),
        level in 11..99_u8,
        seed: u64,
    ) {
        let mut room = Room::new(&[others, vec![Habit::Silent; 4]].concat(), seed);
        room.pass(Duration::from_secs(3));
        let newcomer = room.people.len() - 1;
        room.people[newcomer].habit = Habit::Hums(level);
        room.forget();
        room.pass(Duration::from_secs(2));
        prop_assert_eq!((room.people[newcomer].heard, room.people[newcomer].unheard), (50, 0));
    }

    /// At once, and who waits comes in with its next word.
    #[test]
    fn who_mutes_itself_makes_room(levels in prop::collection::vec(20..60_u8, MORE_THAN_SLOTS), seed: u64) {
        let habits: Vec<Habit> = levels.iter().map(|level| Habit::Hums(*level)).collect();
        let mut room = Room::new(&habits, seed);
        room.pass(Duration::from_secs(5));
        for _ in 0..3 {
            let leaving = room.on()[0];
            room.mute(leaving, true);
            prop_assert!(!room.on().contains(&leaving));
            room.pass(PACKET * 8);
            prop_assert!(!room.on().contains(&leaving));
            prop_assert_eq!(room.on().len(), AUDIO_SLOTS, "another one speaks");
            room.mute(leaving, false);
            room.pass(Duration::from_secs(3));
        }
    }

    /// Joins, leaves and mutes at random end with a slot for everybody who speaks, if there are enough.
    #[test]
    fn churn_leaves_nobody_unheard(events in prop::collection::vec((0..8_usize, 0..3_u8, 100..900_u64), 1..20), seed: u64) {
        let mut room = Room::new(&[Habit::Silent; 8], seed);
        for (person, event, pause) in events {
            match event {
                0 => room.people[person].habit = Habit::Talks(40),
                1 => room.people[person].habit = Habit::Silent,
                _ => {
                    let muted = !room.people[person].muted;
                    room.mute(person, muted);
                }
            }
            room.pass(Duration::from_millis(pause / 20 * 20));
        }
        for person in 0..8 {
            room.mute(person, false);
            room.people[person].habit = if person < AUDIO_SLOTS { Habit::Hums(50) } else { Habit::Silent };
        }
        room.pass(Duration::from_secs(3));
        room.forget();
        room.pass(Duration::from_secs(2));
        prop_assert!(room.people.iter().all(|person| person.unheard == 0));
        prop_assert_eq!(room.on().len(), AUDIO_SLOTS);
    }
}
