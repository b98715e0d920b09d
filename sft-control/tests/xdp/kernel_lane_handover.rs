//! A conference moves between the lanes: whatever was handed out is not handed out again.
use std::collections::HashSet;

use crate::support::{
    both::Copies,
    kernel::monotonic_ns,
    lane::{Server, drops, join},
    packet::Header,
    sender::{Extras, Sender},
    srtp::Key,
    tables::{CONFERENCE, FIRST_INDEX, everybody, profile, tuple},
    wire::wait_for,
};
use sft_common::{
    drops::DropReason::{Replay, WrongLane},
    maps::AUDIO_SLOTS,
};
use sft_control::{
    core::table::{ConferenceTable, Layer, LegId},
    dataplane::{
        Lane, Tuple,
        user::{UserLane, Verdict},
    },
};

const LEGS: [u32; 3] = [1, 2, 3];

/// The streams of a small call; the audio is silent in between.
fn packets(number: u64) -> Vec<(Sender, Vec<u8>)> {
    let level = if number % 12 < 7 { 5 } else { 127 };
    let speech = Extras { level: Some(level), ..Extras::default() };
    let image = Extras { padding_only: number % 5 == 4, ..Extras::default() };
    let payload = format!("packet {number}").into_bytes();
    let (video, audio) = (Sender::video(1, Layer::Low), Sender::audio(2));
    vec![
        (video, video.packet(65_520 + number, image, &payload)),
        (audio, audio.packet(400 + number, speech, &payload)),
    ]
}

/// Who got which index under which SSRC.
#[derive(Default)]
struct Seen {
    nonces: HashSet<(u32, u32, u64)>,
    copies: usize,
}

impl Seen {
    /// Opens the copies, whose indices are in the first two rounds of sequence numbers.
    #[track_caller]
    fn note(&mut self, copies: &[(Tuple, Vec<u8>)]) {
        for (to, packet) in copies {
            let leg = u32::from(to.remote.port()) - 10_000;
            let (header, length) = Header::read(packet);
            let key: Key = crate::support::conference::transmit_key(leg, profile(leg));
            let rounds = [u64::from(header.sequence), 65_536 + u64::from(header.sequence)];
            let index = rounds.into_iter().find(|index| key.open(packet, length, *index).is_some());
            let nonce = (leg, header.ssrc, index.expect("the copy verifies"));
            assert!(self.nonces.insert(nonce), "{nonce:?} again");
            self.copies += 1;
        }
    }

    /// Every slot's indices without a gap, from the first one on.
    fn assert_complete(&self) {
        let slots: HashSet<(u32, u32)> = self.nonces.iter().map(|(leg, ssrc, _)| (*leg, *ssrc)).collect();
        for (leg, ssrc) in slots {
            let of_slot = self.nonces.iter().filter(|(known, slot, _)| (*known, *slot) == (leg, ssrc));
            let last = FIRST_INDEX + of_slot.count() as u64 - 1;
            assert!(self.nonces.contains(&(leg, ssrc, last)), "leg {leg}, {ssrc:x}: a gap before {last}");
        }
    }
}

fn through_kernel(server: &Server, sender: Sender, packet: &[u8]) -> Vec<(Tuple, Vec<u8>)> {
    let finished = |server: &Server| {
        let dropped: u64 = drops(&server.lane).iter().map(|(_, count)| count).sum();
        let counters = server.lane.counters();
        dropped + (counters.audio_copies + counters.video_copies) / (LEGS.len() as u64 - 1)
    };
    let before = finished(server);
    server.wire.send(&sender.frame(packet));
    wait_for(|| finished(server) == before + 1);
    let mut copies = Vec::new();
    while let Some(copy) = server.wire.waiting() {
        copies.push((Tuple { local: copy.from.socket, remote: copy.to.socket }, copy.payload));
    }
    copies
}

/// As if the packet had arrived then, on which timestamps depend.
fn through_user(lane: &mut UserLane, sender: Sender, packet: &[u8], arrival: u64) -> Vec<(Tuple, Vec<u8>)> {
    let mut copies = Copies::default();
    lane.forward(tuple(sender.leg), &mut packet.to_vec(), arrival, &mut copies);
    copies.0
}

/// When the kernel lane took the last packet in.
fn last_arrival(server: &Server) -> u64 {
    let sources = server.lane.sources(CONFERENCE);
    sources.iter().map(|source| source.stats.last_arrival_ns).max().unwrap_or_default()
}

fn user_lane(table: &ConferenceTable) -> UserLane {
    let mut lane = UserLane::new();
    for leg in LEGS {
        join(&mut lane, leg).unwrap();
    }
    lane.publish(table).unwrap();
    lane
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn the_userspace_lane_goes_on_where_the_kernel_lane_stops() {
    let table = everybody(&LEGS);
    for moment in [0, 1, 10, 17, 30] {
        let mut server = Server::with_legs(&LEGS);
        let mut stays = user_lane(&table);
        let mut seen = Seen::default();
        for (sender, packet) in (0..moment).flat_map(packets) {
            let copies = through_kernel(&server, sender, &packet);
            assert_eq!(copies, through_user(&mut stays, sender, &packet, last_arrival(&server)));
            seen.note(&copies);
        }
        let state = server.lane.export(CONFERENCE).unwrap();
        let mut continues = user_lane(&table);
        continues.import(CONFERENCE, state);
        assert_eq!(continues.speakers(CONFERENCE), stays.speakers(CONFERENCE));
        for (sender, packet) in (0..moment).flat_map(packets) {
            let copies = through_user(&mut continues, sender, &packet, monotonic_ns());
            assert!(copies.is_empty(), "it has been let in before");
        }
        for (sender, packet) in (moment..50).flat_map(packets) {
            let now = monotonic_ns();
            let copies = through_user(&mut continues, sender, &packet, now);
            assert_eq!(copies, through_user(&mut stays, sender, &packet, now));
            seen.note(&copies);
        }
        seen.assert_complete();
        assert!(seen.copies > 120, "{}", seen.copies);
    }
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn the_kernel_lane_goes_on_where_the_userspace_lane_stops() {
    let table = everybody(&LEGS);
    let server = &mut Server::with_legs(&LEGS);
    let (mut stays, mut stops) = (user_lane(&table), user_lane(&table));
    let mut seen = Seen::default();
    for (sender, packet) in (0..20).flat_map(packets) {
        let now = monotonic_ns();
        let copies = through_user(&mut stops, sender, &packet, now);
        assert_eq!(copies, through_user(&mut stays, sender, &packet, now));
        seen.note(&copies);
    }
    let state = stops.export(CONFERENCE).unwrap();
    server.lane.import(CONFERENCE, state);
    assert_eq!(server.lane.speakers(CONFERENCE), stays.speakers(CONFERENCE));
    for (sender, packet) in (20..50).flat_map(packets) {
        let copies = through_kernel(server, sender, &packet);
        assert_eq!(copies, through_user(&mut stays, sender, &packet, last_arrival(server)));
        seen.note(&copies);
    }
    seen.assert_complete();
    let (sender, packet) = packets(3).remove(0);
    assert!(through_kernel(server, sender, &packet).is_empty());
    let verdict = stops.forward(tuple(1), &mut packet.clone(), 0, &mut Copies::default());
    assert_eq!(verdict, Verdict::Dropped(WrongLane));
}

/// Afterwards the kernel lane only passes up, also what comes of legs that join later.
#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn the_kernel_lane_passes_up_what_it_has_handed_over() {
    let mut server = Server::with_legs(&LEGS);
    server.lane.export(CONFERENCE).unwrap();
    assert!(server.lane.sources(CONFERENCE).is_empty());
    join(&mut server.lane, 4).unwrap();
    for (number, sender) in (1..).zip([Sender::video(1, Layer::Low), Sender::audio(2), Sender::audio(4)]) {
        server.wire.send(&sender.loud(number, b"payload"));
        wait_for(|| server.lane.counters().rtp_passed == number);
    }
    assert_eq!(drops(&server.lane), []);
    assert!(server.wire.waiting().is_none());
    // Once the conference is over, its legs are none of the other lane's any more.
    for leg in [1, 2, 3, 4] {
        server.lane.remove_leg(LegId(leg));
    }
    server.lane.remove_conference(CONFERENCE);
    join(&mut server.lane, 1).unwrap();
    join(&mut server.lane, 2).unwrap();
    server.lane.publish(&everybody(&[1, 2])).unwrap();
    server.wire.send(&Sender::video(1, Layer::Low).loud(9, b"payload"));
    server.assert_copy(2, FIRST_INDEX);
    assert!(server.lane.export(sft_control::core::table::ConferenceId(99)).is_none());
}

/// A source that is in no table when its conference moves is not forgotten.
#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn sources_that_have_been_move_along() {
    let mut server = Server::with_legs(&LEGS);
    let sender = Sender::video(1, Layer::Low);
    server.wire.send(&sender.loud(20, b"payload"));
    server.wire.receive_all(2);
    let table = everybody(&LEGS);
    let mut without = table.clone();
    without.sources.remove(0);
    server.lane.publish(&without).unwrap();
    let state = server.lane.export(CONFERENCE).unwrap();
    let slots = LEGS.len() * (AUDIO_SLOTS + crate::support::tables::VIDEO_SLOTS);
    assert_eq!((state.sources.len(), state.slots.len()), (4, slots));

    let mut continues = user_lane(&without);
    continues.import(CONFERENCE, state);
    continues.publish(&table).unwrap();
    let mut again = sender.packet(20, Extras { level: Some(10), ..Extras::default() }, b"payload");
    let verdict = continues.forward(tuple(1), &mut again, 0, &mut Copies::default());
    assert_eq!(verdict, Verdict::Dropped(Replay));

    // And back.
    continues.publish(&without).unwrap();
    let state = continues.export(CONFERENCE).unwrap();
    drop(server);
    let mut server = Server::with_legs(&LEGS);
    server.lane.publish(&without).unwrap();
    server.lane.import(CONFERENCE, state);
    server.lane.publish(&table).unwrap();
    server.assert_drops(&sender.loud(20, b"payload"), Replay, 1);
}
