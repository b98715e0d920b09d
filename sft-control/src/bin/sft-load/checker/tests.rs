//! What a server could do wrong, one thing at a time.

use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::source::{Moment, Packet, Source};

const RUN: u32 = 9;
const ME: LegId = LegId { conference: 0, index: 1 };
const OTHER: u16 = 2;
const AUDIO: [u32; 5] = [10, 11, 12, 13, 14];
const VIDEO: [u32; 2] = [20, 21];
const INTERVAL: Duration = Duration::from_millis(20);
const MOMENT: Moment = Moment { measured: true, at: Duration::ZERO };

/// A checker of leg 1 of 4, and a server that behaves.
struct World {
    checker: Checker,
    audio: Source,
    high: Source,
    low: Source,
    sequence: u64,
    /// By the SSRC of the slot.
    slots: HashMap<u32, Slot>,
    /// When packets are sent, since the process began.
    clock: Duration,
}

/// A slot as the server keeps it.
#[derive(Clone, Copy)]
struct Slot {
    stream: Stream,
    timestamp: u32,
    timestamp_offset: u32,
    frame: u16,
    frame_offset: u16,
    since: Duration,
}

/// A copy as the server sends it.
#[derive(Clone)]
struct Sent {
    ssrc: u32,
    sequence: u64,
    timestamp: u32,
    csrc: Vec<u32>,
    extension: Option<u8>,
    frame: Option<u16>,
    leaks: bool,
    report: Option<Report>,
    payload: Vec<u8>,
}

/// The server's clock when the process began.
const BEGAN: Duration = Duration::from_secs(1_800_000_000);

fn announced(leg: u16) -> Announced {
    Announced { audio: 1000 + u32::from(leg), video: 2000 + u32::from(leg) }
}

fn source(leg: u16, stream: Stream) -> Source {
    let leg = LegId { conference: 0, index: leg };
    Source::new(RUN, leg, stream, &mut StdRng::seed_from_u64(3))
}

impl World {
    fn new() -> Self {
        let mut checker = Checker::new(RUN, ME, 4, AUDIO.into_iter(), VIDEO.into_iter());
        for leg in 0..4 {
            checker.announce(leg, announced(leg));
        }
        checker.select(&[Selected { sender: OTHER, high: true }]);
        World {
            checker,
            audio: source(OTHER, Stream::Audio),
            high: source(OTHER, Stream::High),
            low: source(OTHER, Stream::Low),
            sequence: 65_530,
            slots: HashMap::new(),
            clock: Duration::ZERO,
        }
    }

    fn copy(&mut self, packet: &Packet, ssrc: u32) -> Sent {
        let announced = announced(OTHER);
        let video = packet.stream != Stream::Audio;
        let marker = read_marker(&packet.payload, video).unwrap();
        self.sequence += 1;
        let slot = self.slot(packet, &marker, ssrc);
        // Of the packet itself: it was recorded when it was sent.
        let report = Report { at: BEGAN + marker.sent, timestamp: slot.timestamp };
        Sent {
            ssrc,
            sequence: self.sequence,
            timestamp: slot.timestamp,
            frame: (video && marker.first).then_some(slot.frame),
            leaks: false,
            report: Some(report),
            csrc: vec![if video { announced.video } else { announced.audio }],
            extension: Some(marker.extension),
            payload: packet.payload.clone(),
        }
    }

    /// The slot after this packet. A new stream continues its numbers, and its timestamps by the clock.
    fn slot(&mut self, packet: &Packet, marker: &Marker, ssrc: u32) -> Slot {
        let video = packet.stream != Stream::Audio;
        let fresh = Slot {
            stream: packet.stream,
            timestamp: packet.timestamp.wrapping_add(5),
            timestamp_offset: 5,
            frame: 7,
            frame_offset: 7_u16.wrapping_sub(marker.frame),
            since: marker.sent,
        };
        let known = self.slots.get(&ssrc).copied().unwrap_or(fresh);
        let mut slot = Slot { since: marker.sent, ..known };
        if known.stream != packet.stream {
            let passed = (marker.sent - known.since).as_millis() as u32;
            let step = if video { (passed * 90).max(9000) } else { (passed * 48).max(1920) };
            slot.stream = packet.stream;
            slot.timestamp_offset = known.timestamp.wrapping_add(step).wrapping_sub(packet.timestamp);
            slot.frame_offset = known.frame.wrapping_add(1).wrapping_sub(marker.frame);
        }
        slot.timestamp = packet.timestamp.wrapping_add(slot.timestamp_offset);
        slot.frame = marker.frame.wrapping_add(slot.frame_offset);
        self.slots.insert(ssrc, slot);
        slot
    }

    fn moment(&self) -> Moment {
        Moment { at: self.clock, ..MOMENT }
    }

    /// The same without slots.
    fn named() -> Self {
        let mut checker = Checker::without_slots(RUN, ME, 4, Stream::High);
        for leg in 0..4 {
            checker.announce(leg, announced(leg));
        }
        World { checker, ..World::new() }
    }

    /// Copies of the next audio packets, in slot 3.
    fn audio(&mut self, count: usize) -> Vec<Sent> {
        self.audio_in(count, AUDIO[3])
    }

    fn audio_in(&mut self, count: usize, ssrc: u32) -> Vec<Sent> {
        let packets: Vec<Packet> =
            (0..count).map(|_| self.audio.audio(true, INTERVAL, self.moment())).collect();
        packets.iter().map(|packet| self.copy(packet, ssrc)).collect()
    }

    /// Copies of the next pictures of the higher layer, in video slot 0.
    fn video(&mut self, count: usize) -> Vec<Sent> {
        let packets: Vec<Packet> =
            (0..count).flat_map(|_| self.high.frame(INTERVAL, self.moment())).collect();
        packets.iter().map(|packet| self.copy(packet, VIDEO[0])).collect()
    }

    fn receive(&mut self, copies: &[Sent]) {
        for sent in copies {
            let copy = Copy {
                ssrc: sent.ssrc,
                sequence: sent.sequence,
                timestamp: sent.timestamp,
                csrc: &sent.csrc,
                extension: sent.extension,
                frame: sent.frame,
                leaks: sent.leaks,
                report: sent.report,
                payload: &sent.payload,
            };
            self.checker.receive(&copy, self.clock + Duration::from_millis(1));
        }
    }

    /// The one kind of fault that was found, with its count.
    fn only_fault(&self) -> (Fault, u64) {
        let found: Vec<(Fault, u64)> =
            self.checker.faults.iter().map(|(fault, count, _)| (fault, count)).collect();
        assert_eq!(found.len(), 1, "{:?}", self.checker.faults);
        found[0]
    }
}

#[test]
fn a_server_that_behaves_is_not_accused() {
    let mut world = World::new();
    let (audio, video) = (world.audio(20), world.video(10));
    world.sequence = 0;
    world.receive(&audio);
    world.receive(&video);
    assert_eq!(world.checker.faults.total(), 0, "{:?}", world.checker.faults);
    assert_eq!(world.checker.tallies[&(OTHER, Stream::Audio)].measured, 20);
    assert_eq!(world.checker.tallies[&(OTHER, Stream::High)].measured, video.len() as u64);
    assert!(world.checker.has((OTHER, Stream::High)));
    assert!(!world.checker.has((OTHER, Stream::Low)));
}

#[test]
fn a_change_of_layer_at_a_key_frame_is_right() {
    let mut world = World::new();
    let high = world.video(2);
    world.receive(&high);
    world.checker.select(&[Selected { sender: OTHER, high: false }]);
    let more = world.video(1);
    world.receive(&more);
    let packets = world.low.frame(INTERVAL, MOMENT);
    let low: Vec<Sent> = packets.iter().map(|packet| world.copy(packet, VIDEO[0])).collect();
    world.receive(&low);
    assert_eq!(world.checker.faults.total(), 0, "{:?}", world.checker.faults);
    let late = world.video(1);
    world.receive(&late[..1]);
    let faults = &world.checker.faults;
    assert_eq!((faults.count(Fault::Unselected), faults.count(Fault::NoKeyFrame)), (1, 1));
}

#[test]
fn a_real_loss_is_no_fault_of_the_numbers() {
    let mut world = World::new();
    let mut copies = world.audio(10);
    copies.drain(4..6);
    world.receive(&copies);
    assert_eq!(world.checker.faults.total(), 0, "{:?}", world.checker.faults);
    assert_eq!(world.checker.tallies[&(OTHER, Stream::Audio)].measured, 8);
}

#[test]
fn invented_and_hidden_losses_are_found() {
    let mut world = World::new();
    let mut copies = world.audio(10);
    copies[5..].iter_mut().for_each(|copy| copy.sequence += 3);
    world.receive(&copies);
    assert_eq!(world.only_fault(), (Fault::InventedLoss, 3));

    let mut world = World::new();
    let mut copies = world.audio(10);
    copies[7..].iter_mut().for_each(|copy| copy.sequence -= 2);
    copies.drain(5..7);
    world.receive(&copies);
    assert_eq!(world.only_fault(), (Fault::HiddenLoss, 2));
}

#[test]
fn misordered_packets_are_found() {
    let mut world = World::new();
    let mut copies = world.audio(10);
    copies.swap(4, 5);
    world.receive(&copies);
    assert_eq!(world.only_fault(), (Fault::Order, 1));
    assert_eq!(world.checker.tallies[&(OTHER, Stream::Audio)].measured, 10);
}

#[test]
fn a_packet_that_comes_twice_under_new_numbers_is_found() {
    let mut world = World::new();
    let mut copies = world.audio(5);
    let mut again = copies[2].clone();
    again.sequence = world.sequence + 1;
    copies.push(again);
    world.receive(&copies);
    assert_eq!(world.only_fault(), (Fault::Duplicate, 1));
    assert_eq!(world.checker.tallies[&(OTHER, Stream::Audio)].measured, 5);
}

#[test]
fn a_source_that_enters_between_key_frames_is_found() {
    let mut world = World::new();
    world.high.frame(INTERVAL, MOMENT);
    let copies = world.video(2);
    world.receive(&copies);
    assert_eq!(world.only_fault(), (Fault::NoKeyFrame, 1));
}

#[test]
fn videos_that_nobody_asked_for_are_found() {
    let mut world = World::new();
    let mut copies = world.video(1);
    copies.iter_mut().for_each(|copy| copy.ssrc = VIDEO[1]);
    world.receive(&copies);
    assert_eq!(world.only_fault(), (Fault::Unselected, copies.len() as u64));
}

#[test]
fn wrong_headers_are_found() {
    type Change = fn(&mut Sent);
    let cases: [(Fault, Change); 8] = [
        (Fault::Csrc, |copy| copy.csrc[0] += 1),
        (Fault::Csrc, |copy| copy.csrc.clear()),
        (Fault::Csrc, |copy| copy.csrc.push(7)),
        (Fault::Extension, |copy| copy.extension = None),
        (Fault::Leak, |copy| copy.leaks = true),
        (Fault::Timestamp, |copy| copy.timestamp += 1),
        (Fault::Payload, |copy| copy.payload[100] ^= 1),
        (Fault::Refused, |copy| copy.ssrc = 99),
    ];
    for (fault, change) in cases {
        let mut world = World::new();
        let mut copies = world.audio(3);
        change(&mut copies[2]);
        world.receive(&copies);
        assert_eq!(world.only_fault(), (fault, 1));
    }
}

#[test]
fn packets_of_others_are_found() {
    for (run, conference, index, fault) in [
        (RUN + 1, 0, OTHER, Fault::Foreign),
        (RUN, 1, OTHER, Fault::Foreign),
        (RUN, 0, 9, Fault::Foreign),
        (RUN, 0, 1, Fault::Echo),
    ] {
        let mut world = World::new();
        let leg = LegId { conference, index };
        world.audio = Source::new(run, leg, Stream::Audio, &mut StdRng::seed_from_u64(1));
        let copies = world.audio(1);
        world.receive(&copies);
        assert_eq!(world.only_fault(), (fault, 1));
    }
}

/// Copies of both layers: the lower one has followed after a pause, in another run.
fn after_a_pause(world: &mut World, pause: Duration) -> Vec<Sent> {
    let mut copies = world.video(2);
    world.receive(&copies);
    world.checker.select(&[Selected { sender: OTHER, high: false }]);
    world.clock += pause;
    let moment = world.moment();
    let packets: Vec<Packet> = (0..2).flat_map(|_| world.low.frame(INTERVAL, moment)).collect();
    copies.clear();
    copies.extend(packets.iter().map(|packet| world.copy(packet, VIDEO[0])));
    copies
}

#[test]
fn numbers_that_go_on_across_a_pause_are_right() {
    for pause in [0, 40, 500, 10_000].map(Duration::from_millis) {
        let mut world = World::new();
        let copies = after_a_pause(&mut world, pause);
        world.receive(&copies);
        assert_eq!(world.checker.faults.total(), 0, "{:?}", world.checker.faults);
    }
}

#[test]
fn frames_that_are_not_numbered_on_are_found() {
    type Change = fn(&mut [Sent]);
    // At the switch, and within the run.
    let cases: [(Change, u64); 3] = [
        (|copies| copies.iter_mut().for_each(|copy| copy.frame = copy.frame.map(|n| n + 1)), 1),
        (|copies| copies.last_mut().unwrap().frame = Some(99), 1),
        (|copies| copies[0].frame = None, 1),
    ];
    for (change, count) in cases {
        let mut world = World::new();
        let mut copies = after_a_pause(&mut world, Duration::ZERO);
        change(&mut copies);
        world.receive(&copies);
        assert_eq!(world.only_fault(), (Fault::FrameNumber, count));
    }
}

#[test]
fn timestamps_that_do_not_follow_the_clock_are_found() {
    for (pause, step) in [(10_000, 9000_u32), (10_000, 2 * 900_000), (10, 8999)] {
        let mut world = World::new();
        let mut copies = after_a_pause(&mut world, Duration::from_millis(pause));
        let right = 9000.max(90 * pause as u32);
        for copy in &mut copies {
            let moved = step.wrapping_sub(right);
            copy.timestamp = copy.timestamp.wrapping_add(moved);
            copy.report = copy
                .report
                .map(|report| Report { timestamp: report.timestamp.wrapping_add(moved), ..report });
        }
        world.receive(&copies);
        assert_eq!(world.only_fault(), (Fault::Timestamp, 1), "{step} ticks in {pause} ms");
    }
}

#[test]
fn slots_without_a_report_are_found() {
    let mut world = World::new();
    for _ in 0..5 {
        let mut copies = world.audio(1);
        copies[0].report = None;
        world.receive(&copies);
        world.clock += Duration::from_secs(1);
    }
    assert_eq!(world.only_fault(), (Fault::SenderReport, 1));
}

#[test]
fn reports_that_put_audio_and_video_apart_are_found() {
    let mut world = World::new();
    let audio = world.audio(1);
    world.receive(&audio);
    let mut video = world.video(1);
    for copy in &mut video {
        copy.report = copy.report.map(|report| Report { at: report.at + Duration::from_secs(1), ..report });
    }
    world.receive(&video);
    assert_eq!(world.only_fault(), (Fault::SenderReport, video.len() as u64));
}

#[test]
fn without_slots_streams_have_their_own_names() {
    let mut world = World::named();
    let Announced { audio, video } = announced(OTHER);
    let copies = world.audio_in(20, audio);
    world.receive(&copies);
    let low = world.low.frame(INTERVAL, MOMENT);
    let high = world.high.frame(INTERVAL, MOMENT);
    for packet in low.iter().chain(&high) {
        let copy = world.copy(packet, video);
        world.receive(&[copy]);
    }
    assert_eq!(world.checker.faults.total(), 0, "{:?}", world.checker.faults);
    assert!(world.checker.has((OTHER, Stream::High)) && world.checker.has((OTHER, Stream::Audio)));
}

#[test]
fn a_stream_under_the_name_of_another_leg_is_found() {
    let mut world = World::named();
    let copies = world.audio_in(1, announced(3).audio);
    world.receive(&copies);
    assert_eq!(world.only_fault(), (Fault::Slot, 1));
}

#[test]
fn without_slots_the_lower_layer_gives_way_to_the_higher() {
    let mut world = World::named();
    let high = world.high.frame(INTERVAL, MOMENT);
    world.low.request_key_frame();
    let low = world.low.frame(INTERVAL, MOMENT);
    for packet in high.iter().chain(&low) {
        let copy = world.copy(packet, announced(OTHER).video);
        world.receive(&[copy]);
    }
    assert_eq!(world.only_fault(), (Fault::Unselected, low.len() as u64));
}
