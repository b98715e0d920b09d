//! The same table and the same packets give the same copies, drops and readings in both lanes.
use std::collections::VecDeque;

use crate::support::{
    both::Both,
    kernel::monotonic_ns,
    lane::join,
    packet::{Header, elements},
    sender::{Extras, Sender},
    tables::{CONFERENCE, VIDEO_SLOTS, audio, keys, receiver, subscription, tuple, video},
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sft_common::{
    demux::{self, Packet},
    maps::AUDIO_SLOTS,
};
use sft_control::{
    core::table::{ConferenceTable, Layer, LegId, Media, Source, Speaker, Subscription},
    dataplane::{SlotReading, SourceReading},
};

const STEPS: usize = 2500;
const LAYERS: [Layer; 2] = [Layer::Low, Layer::High];
/// First bytes of generic frame descriptors: the start of a key frame, the start of another, neither.
const DESCRIPTORS: [u8; 3] = [0x80, 0x88, 0x00];

/// A stream on its way: where it is, and what of it comes late or again.
struct Stream {
    sender: Sender,
    next: u64,
    /// Number of its last frame.
    frame: u16,
    silent: bool,
    /// Sent late, or never.
    held: Vec<Vec<u8>>,
    sent: VecDeque<Vec<u8>>,
}

struct Test {
    random: StdRng,
    both: Both,
    table: ConferenceTable,
    streams: Vec<Stream>,
    /// Sources that have left the table for a while.
    hidden: Vec<Source>,
    /// Legs without a selected pair.
    without_path: Vec<u32>,
    next_leg: u32,
    /// That have passed for the kernel lane.
    seconds: u64,
    /// Of subscriptions.
    run: u32,
    copies: usize,
}

impl Test {
    fn new(seed: u64) -> Test {
        let table = ConferenceTable { conference: CONFERENCE, receivers: Vec::new(), sources: Vec::new() };
        let mut test = Test {
            random: StdRng::seed_from_u64(seed),
            both: Both::new(),
            table,
            streams: Vec::new(),
            hidden: Vec::new(),
            without_path: Vec::new(),
            next_leg: 7,
            seconds: 0,
            run: 1,
            copies: 0,
        };
        for leg in 1..=6 {
            test.enter(leg);
        }
        test
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_ratio(percent, 100)
    }

    fn publish(&mut self) {
        let table = self.table.clone();
        self.both.each(|lane| lane.publish(&table)).unwrap();
    }

    fn legs(&self) -> Vec<u32> {
        self.table.receivers.iter().map(|receiver| receiver.leg.0).collect()
    }

    fn some_leg(&mut self) -> u32 {
        *self.legs().choose(&mut self.random).unwrap()
    }

    fn enter(&mut self, leg: u32) {
        let without_path = self.chance(30);
        if without_path {
            self.both.each(|lane| lane.install_leg(CONFERENCE, LegId(leg), &keys(leg))).unwrap();
            self.both.each(|lane| lane.accept_tuple(LegId(leg), tuple(leg))).unwrap();
            self.without_path.push(leg);
        } else {
            self.both.each(|lane| join(lane, leg)).unwrap();
        }
        self.table.receivers.push(receiver(leg).into());
        self.table.sources.push(audio(leg, &[]));
        self.table.sources.extend(LAYERS.map(|layer| video(leg, layer, Vec::new())));
        let legs = self.legs();
        for source in self.table.sources.iter_mut().chain(&mut self.hidden) {
            if matches!(source.media, Media::Audio) {
                source.subscribers = audio(leg, &legs).subscribers;
            }
        }
        let senders = [Sender::audio(leg), Sender::video(leg, Layer::Low), Sender::video(leg, Layer::High)];
        for sender in senders {
            // Many streams wrap around soon.
            let next = 65_536 - self.random.random_range(1..60);
            let frame = self.random.random();
            let (held, sent) = (vec![], VecDeque::new());
            self.streams.push(Stream { sender, next, frame, silent: false, held, sent });
        }
        self.publish();
    }

    fn leave(&mut self, leg: u32) {
        let others = |source: &Source| source.leg != LegId(leg);
        self.table.receivers.retain(|receiver| receiver.leg != LegId(leg));
        self.table.sources.retain(others);
        self.hidden.retain(others);
        for source in self.table.sources.iter_mut().chain(&mut self.hidden) {
            retain(source, |subscription| subscription.receiver != LegId(leg));
        }
        self.streams.retain(|stream| stream.sender.leg != leg);
        self.without_path.retain(|known| *known != leg);
        self.both.each(|lane| lane.remove_leg(LegId(leg)));
        self.publish();
    }

    /// A slot turns to a layer of somebody. The earlier subscription may stay for a while.
    fn subscribe(&mut self) {
        let (receiver, slot) = (self.some_leg(), self.random.random_range(0..VIDEO_SLOTS as u8));
        let keep_earlier = self.chance(60);
        let from_keyframe = self.chance(60);
        self.run += 1;
        let Test { table, random, run, .. } = self;
        if !keep_earlier {
            for source in
                table.sources.iter_mut().filter(|source| matches!(source.media, Media::Video { .. }))
            {
                retain(source, |known| known.receiver != LegId(receiver) || known.slot != slot);
            }
        }
        let videos = table.sources.iter_mut().filter(|source| matches!(source.media, Media::Video { .. }));
        let mut videos: Vec<&mut Source> = videos.collect();
        if videos.is_empty() {
            return;
        }
        let place = random.random_range(0..videos.len());
        let mut added = subscription(receiver, slot, *run);
        added.from_keyframe = from_keyframe;
        let mut subscribers = videos[place].subscribers.to_vec();
        subscribers.push(added);
        // No receiver has one slot twice in a list.
        let mut seen = Vec::new();
        subscribers.reverse();
        subscribers.retain(|known| {
            let is_new = !seen.contains(&(known.receiver, known.slot));
            seen.push((known.receiver, known.slot));
            is_new
        });
        subscribers.reverse();
        videos[place].subscribers = subscribers.into();
        self.publish();
    }

    /// A source leaves the table, or one comes back.
    fn hide_or_show(&mut self) {
        if let Some(source) = self.hidden.pop() {
            self.table.sources.push(source);
        } else {
            let place = self.random.random_range(0..self.table.sources.len());
            self.hidden.push(self.table.sources.remove(place));
        }
        self.publish();
    }

    fn replace_speaker(&mut self) {
        let slot = self.random.random_range(0..6_u8);
        let speakers = self.both.each(|lane| lane.speakers(CONFERENCE));
        let mut holder = speakers.get(usize::from(slot)).copied().flatten();
        if self.chance(20) {
            holder = holder.map(|holder| Speaker { run: holder.run.wrapping_sub(1), ..holder });
        }
        let next = if self.chance(40) { None } else { Some(LegId(self.some_leg())) };
        self.both.each(|lane| lane.replace_speaker(CONFERENCE, slot, holder, next));
    }

    fn change_something(&mut self) {
        match self.random.random_range(0..22) {
            0..=8 => self.subscribe(),
            9..=11 => self.hide_or_show(),
            12..=13 => self.replace_speaker(),
            14..=17 => self.replace_speaker(),
            18 => {
                let leg = LegId(self.some_leg());
                let packets = self.random.random_range(0..3);
                self.both.each(|lane| lane.allow_learning(leg, packets));
            }
            19..=20 => {
                if let Some(leg) = self.without_path.pop() {
                    self.both.each(|lane| lane.select_tuple(LegId(leg), tuple(leg))).unwrap();
                }
            }
            _ => {
                let leg = self.some_leg();
                self.leave(leg);
                // Of the same profile and address family.
                let fresh = self.next_leg.next_multiple_of(6) + leg % 6;
                self.next_leg = fresh + 1;
                self.enter(fresh);
            }
        }
        // Numbers that were given back have rested: nothing is on its way.
        self.seconds += 1;
        self.both.server.lane.renew_lease(monotonic_ns() + self.seconds * 1_000_000_000);
    }

    /// The next packet of a stream, sealed.
    fn make_packet(&mut self, place: usize) -> Vec<u8> {
        let (is_audio, marked, padding_only) = (place.is_multiple_of(3), self.chance(70), self.chance(6));
        let jump = match self.random.random_range(0..100) {
            0..=9 => self.random.random_range(2..5),
            10 => self.random.random_range(1000..20_000),
            _ => 1,
        };
        let longest = if self.chance(10) { 1200 } else { 200 };
        let payload: Vec<u8> =
            (0..self.random.random_range(0..longest)).map(|_| self.random.random()).collect();
        if self.chance(5) {
            self.streams[place].silent ^= true;
        }
        let loud = if self.streams[place].silent { 127 } else { self.random.random_range(0..60) };
        let transport_sequence = marked.then(|| self.random.random());
        let frames = if self.chance(95) { self.random.random_range(1..4) } else { self.random.random() };
        let descriptor = DESCRIPTORS.choose(&mut self.random).copied().filter(|_| marked && !is_audio);
        let stream = &mut self.streams[place];
        stream.frame = stream.frame.wrapping_add(frames);
        let extras = Extras {
            level: (is_audio && marked).then_some(loud),
            descriptor: descriptor.map(|first| (first, stream.frame)),
            transport_sequence,
            names_sender: transport_sequence.is_some(),
            padding_only,
        };
        let packet = stream.sender.packet(stream.next, extras, &payload);
        stream.next += jump;
        packet
    }

    fn send(&mut self, place: usize, packet: &[u8]) {
        let leg = self.streams[place].sender.leg;
        let copies = self.both.send(leg, packet);
        copies.iter().for_each(|(_, copy)| assert_names_no_sender(copy));
        self.copies += copies.len();
        let sent = &mut self.streams[place].sent;
        sent.push_back(packet.to_vec());
        if sent.len() > 60 {
            sent.pop_front();
        }
    }

    fn send_something(&mut self) {
        let place = self.random.random_range(0..self.streams.len());
        match self.random.random_range(0..100) {
            0..=7 => {
                let packet = self.make_packet(place);
                self.streams[place].held.push(packet);
            }
            8..=14 if !self.streams[place].held.is_empty() => {
                let late = self.random.random_range(0..self.streams[place].held.len());
                let packet = self.streams[place].held.swap_remove(late);
                self.send(place, &packet);
            }
            15..=19 if !self.streams[place].sent.is_empty() => {
                let again = self.random.random_range(0..self.streams[place].sent.len());
                let packet = self.streams[place].sent[again].clone();
                self.send(place, &packet);
            }
            20..=24 => {
                let mut packet = self.make_packet(place);
                damage(&mut packet, &mut self.random);
                self.copies += self.both.send(self.streams[place].sender.leg, &packet).len();
            }
            25 => {
                // From the address of nobody, or of somebody else.
                let packet = self.make_packet(place);
                let leg = self.random.random_range(1..60);
                self.copies += self.both.send(leg, &packet).len();
            }
            _ => {
                let packet = self.make_packet(place);
                self.send(place, &packet);
            }
        }
    }

    fn compare_readings(&mut self) {
        self.both.each(|lane| lane.speakers(CONFERENCE));
        self.both.each(|lane| {
            let mut slots: Vec<_> = lane.slots(CONFERENCE).iter().map(slot_facts).collect();
            slots.sort_unstable();
            slots
        });
        for leg in self.legs().into_iter().map(LegId) {
            let slots = self.both.each(|lane| lane.slots_of(leg).iter().map(slot_facts).collect::<Vec<_>>());
            assert_eq!(slots.len(), AUDIO_SLOTS + VIDEO_SLOTS);
            assert!(
                self.both.each(|lane| lane.slot(leg, 6).as_ref().map(slot_facts) == slots.get(6).copied())
            );
        }
        self.both.each(|lane| {
            let mut sources: Vec<_> = lane.sources(CONFERENCE).iter().map(source_facts).collect();
            sources.sort_unstable();
            sources
        });
    }

    fn compare_exports(&mut self) {
        self.both.each(|lane| {
            let state = lane.export(CONFERENCE).unwrap();
            let slots = state.slots.iter();
            let mut slots: Vec<_> =
                slots.map(|(leg, ssrc, slot)| (*leg, *ssrc, format!("{slot:?}"))).collect();
            slots.sort_unstable();
            let sources = state.sources.iter();
            let reading = |(leg, ssrc, state): &(LegId, u32, sft_common::source::SourceState)| {
                source_facts(&SourceReading { leg: *leg, ssrc: *ssrc, stats: state.stats() })
            };
            let mut sources: Vec<_> = sources.map(reading).collect();
            sources.sort_unstable();
            (slots, sources, state.speakers)
        });
    }
}

/// Still RTP by its first bytes, and otherwise anything.
fn damage(packet: &mut Vec<u8>, random: &mut StdRng) {
    let whole = packet.clone();
    match random.random_range(0..4) {
        0 => packet.truncate(random.random_range(2..whole.len())),
        1 => packet[0] = 0x80 | random.random_range(0..64),
        2 => {
            let place = random.random_range(0..packet.len().min(24));
            packet[place] = random.random();
        }
        _ => {
            let place = random.random_range(0..packet.len());
            packet[place] ^= 1 << random.random_range(0..8);
        }
    }
    if demux::classify(packet[0], packet[1]) != Packet::Rtp {
        *packet = whole;
    }
}

/// Send time, transport-wide sequence number, RID and repaired RID are not for receivers.
fn assert_names_no_sender(copy: &[u8]) {
    let extension = Header::read(copy).0.extension.unwrap_or_default().1;
    let ids: Vec<u8> = elements(&extension).iter().map(|(id, _)| *id).collect();
    assert!(ids.iter().all(|id| [1, 11].contains(id)), "{ids:?}");
}

/// Takes subscriptions out of a source's list.
fn retain(source: &mut Source, which: impl Fn(&&Subscription) -> bool) {
    source.subscribers = source.subscribers.iter().filter(which).copied().collect();
}

fn slot_facts(slot: &SlotReading) -> (LegId, [u64; 7]) {
    let [ssrc, run, timestamp, offset] =
        [slot.ssrc, slot.run, slot.timestamp, slot.timestamp_offset].map(u64::from);
    (slot.receiver, [ssrc, run, slot.packets, slot.bytes, slot.dropped, timestamp, offset])
}

/// Everything that does not depend on when packets come.
fn source_facts(source: &SourceReading) -> (LegId, u32, [u64; 8]) {
    let stats = &source.stats;
    let facts = [
        stats.packets,
        stats.bytes,
        stats.first_index,
        stats.highest_index,
        stats.level,
        stats.keyframes,
        stats.auth_failures,
        stats.replays,
    ];
    (source.leg, source.ssrc, facts)
}

fn agree(seed: u64) {
    let mut test = Test::new(seed);
    for step in 0..STEPS {
        if test.chance(8) {
            test.change_something();
        }
        test.send_something();
        if step % 50 == 0 {
            test.compare_readings();
        }
    }
    test.compare_readings();
    let drops = crate::support::lane::drops(&test.both.user);
    eprintln!("seed {seed}: {} copies, {drops:?}", test.copies);
    assert!(test.copies > STEPS / 2, "the test sends too little that is forwarded");
    test.compare_exports();
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn seed_1() {
    agree(1);
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn seed_2() {
    agree(2);
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn seed_3() {
    agree(3);
}
