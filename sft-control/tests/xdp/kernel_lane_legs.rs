//! Legs of the kernel lane: the way to them, what is learned of them, and what remains when they go.

use crate::support::{
    kernel::monotonic_ns,
    lane::{Server, drops, join, leg_of},
    sender::{Extras, Sender},
    tables::{CONFERENCE, FIRST_INDEX, audio, everybody, keys, receiver, subscription, tuple, video},
    wire::{SERVER, run, wait_for},
};
use sft_common::{
    drops::DropReason::{AuthFailed, NoPath, TooOld, UnknownSsrc, UnknownTuple},
    maps::{AUDIO_SLOTS, name},
};
use sft_control::{
    core::table::{ConferenceId, ConferenceTable, Layer, LegId, Speaker},
    dataplane::Lane,
};

fn frame(number: u64) -> Vec<u8> {
    Sender::video(1, Layer::Low).loud(number, b"payload")
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn a_path_is_found_once_the_neighbour_is_known() {
    let mut server = Server::without_neighbours();
    server.lane.renew_lease(monotonic_ns());
    for leg in [1, 2, 3] {
        join(&mut server.lane, leg).unwrap();
    }
    server.lane.publish(&everybody(&[1, 2, 3])).unwrap();
    server.lane.refresh_paths(false);
    server.assert_drops(&frame(40), NoPath, 2);
    server.wire.add_neighbours();
    server.lane.refresh_paths(false);
    server.wire.send(&frame(41));
    // What had no path has no place in the slots either.
    for _ in 0..2 {
        let copy = server.wire.receive().unwrap();
        assert_eq!(copy.to.mac, [2, 0, 0, 0, 0, 2]);
        let leg = crate::support::lane::leg_of(&copy);
        let end = (crate::support::tables::profile(leg), crate::support::tables::v6(leg));
        crate::support::conference::open_copy(&copy, leg, end, FIRST_INDEX);
    }
    assert_eq!(drops(&server.lane), [(NoPath, 2)]);
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn a_path_follows_its_neighbour() {
    let mut server = Server::with_legs(&[1, 2]);
    let to = |server: &Server, number| {
        server.wire.send(&frame(number));
        server.wire.receive().unwrap().to.mac
    };
    assert_eq!(to(&server, 0), [2, 0, 0, 0, 0, 2]);
    let moved = ["2001:db8::2", "lladdr", "02:00:00:00:00:07", "dev", SERVER, "nud", "permanent"];
    run("ip", &[&["neighbour", "replace"], &moved[..]].concat());
    server.lane.refresh_paths(false);
    assert_eq!(to(&server, 1), [2, 0, 0, 0, 0, 2], "nothing was announced");
    server.lane.refresh_paths(true);
    assert_eq!(to(&server, 2), [2, 0, 0, 0, 0, 7]);
    // A leg that roams.
    server.lane.select_tuple(LegId(2), tuple(8)).unwrap();
    server.wire.send(&frame(3));
    assert_eq!(server.wire.receive().unwrap().to.socket, tuple(8).remote);
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn a_leg_that_goes_takes_everything_along() {
    let mut server = Server::with_legs(&[1, 2, 3]);
    server.wire.send(&Sender::audio(3).loud(0, b"audio"));
    server.wire.receive_all(2);
    assert_eq!(server.lane.speakers(CONFERENCE)[0].map(|holder| holder.leg), Some(LegId(3)));

    server.lane.remove_leg(LegId(3));
    assert_eq!(server.lane.speakers(CONFERENCE)[0], None);
    server.wire.send(&Sender::audio(3).loud(1, b"audio"));
    wait_for(|| server.drops(UnknownTuple) == 1);
    // Until the next table it stands in lists.
    server.wire.send(&frame(0));
    server.assert_copy(2, FIRST_INDEX);
    wait_for(|| server.drops(NoPath) == 1);
    server.lane.publish(&everybody(&[1, 2])).unwrap();
    server.wire.send(&frame(1));
    server.assert_copy(2, FIRST_INDEX + 1);
    assert_eq!(drops(&server.lane), [(UnknownTuple, 1), (NoPath, 1)]);
    let rows = |map| server.pinned().table(map).unwrap().rows.len();
    assert_eq!((rows(name::TUPLES), rows(name::SOURCE_IDS), rows(name::KEYS)), (2, 3, 6));
    for second in 0..2 {
        server.lane.renew_lease(monotonic_ns() + second * 1_000_000_000);
    }
    let rows = |map| server.pinned().table(map).unwrap().rows.len();
    assert_eq!(rows(name::KEYS), 4, "a key that rested enough is wiped");

    // Whoever gets the same numbers starts anew.
    join(&mut server.lane, 6).unwrap();
    server.lane.publish(&everybody(&[1, 2, 6])).unwrap();
    server.wire.send(&frame(2));
    let mut indices = [0; 2];
    for copy in server.wire.receive_all(2) {
        let leg = crate::support::lane::leg_of(&copy);
        let index = if leg == 6 { FIRST_INDEX } else { FIRST_INDEX + 2 };
        crate::support::conference::open_copy(
            &copy,
            leg,
            (crate::support::tables::profile(leg), crate::support::tables::v6(leg)),
            index,
        );
        indices[usize::from(leg == 6)] += 1;
    }
    assert_eq!(indices, [1, 1]);
}

/// A pair that another leg has taken over stays that leg's.
#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn a_pair_belongs_to_the_last_leg_that_validated_it() {
    let mut server = Server::with_legs(&[1, 2]);
    server.lane.install_leg(CONFERENCE, LegId(4), &keys(1)).unwrap();
    server.lane.accept_tuple(LegId(4), tuple(1)).unwrap();
    server.lane.remove_leg(LegId(1));
    server.assert_drops(&frame(0), UnknownSsrc, 1);
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn unknown_ssrcs_pass_while_something_is_to_be_learned() {
    let mut server = Server::with_legs(&[1, 2]);
    let sender = Sender::video(2, Layer::High);
    server.assert_drops(&sender.loud(10, b"payload"), UnknownSsrc, 1);
    server.lane.allow_learning(LegId(2), 2);
    for number in 11..13 {
        server.wire.send(&sender.loud(number, b"payload"));
    }
    wait_for(|| server.lane.counters().rtp_passed == 2);
    server.assert_drops(&sender.loud(13, b"payload"), UnknownSsrc, 1);

    server.lane.learned(LegId(2), sender.ssrc, 12);
    let mut table = everybody(&[1, 2]);
    table.sources.push(video(2, Layer::High, vec![subscription(1, 0, 1)]));
    server.lane.publish(&table).unwrap();
    server.assert_drops(&sender.loud(11, b"payload"), TooOld, 1);
    server.wire.send(&sender.loud(13, b"payload"));
    server.assert_copy(1, FIRST_INDEX);
    let readings = server.lane.sources(CONFERENCE);
    let stats = readings.iter().find(|reading| reading.ssrc == sender.ssrc).unwrap().stats;
    assert_eq!((stats.first_index, stats.highest_index, stats.packets), (12, 13, 2));
}

/// A source that leaves its table and comes back lets nothing in that it has let in before.
#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn a_source_that_comes_back_remembers() {
    let mut server = Server::with_legs(&[1, 2]);
    server.wire.send(&frame(20));
    server.assert_copy(2, FIRST_INDEX);
    let table = everybody(&[1, 2]);
    let mut without = table.clone();
    without.sources.remove(0);
    server.lane.publish(&without).unwrap();
    server.assert_drops(&frame(21), UnknownSsrc, 1);
    server.lane.publish(&table).unwrap();
    server.assert_drops(&frame(20), sft_common::drops::DropReason::Replay, 1);
    server.wire.send(&frame(21));
    server.assert_copy(2, FIRST_INDEX + 1);
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn audio_slots_change_hands_only_as_they_are_known() {
    let mut server = Server::with_legs(&[1, 2, 3]);
    let holder = |server: &Server, slot: usize| server.lane.speakers(CONFERENCE)[slot];
    for leg in [2, 3] {
        server.wire.send(&Sender::audio(leg).loud(0, b"audio"));
        server.wire.receive_all(2);
    }
    let (second, third) = (holder(&server, 0).unwrap(), holder(&server, 1).unwrap());
    assert_eq!((second.leg, third.leg), (LegId(2), LegId(3)));
    let stale = Speaker { run: second.run + 1, ..second };
    assert!(!server.lane.replace_speaker(CONFERENCE, 0, Some(stale), Some(LegId(1))));
    assert!(!server.lane.replace_speaker(CONFERENCE, 0, None, Some(LegId(1))));
    for slot in [AUDIO_SLOTS as u8, u8::MAX] {
        assert!(!server.lane.replace_speaker(CONFERENCE, slot, None, Some(LegId(1))));
    }
    assert!(!server.lane.replace_speaker(CONFERENCE, 0, Some(second), Some(LegId(9))), "nobody has leg 9");
    assert!(
        !server.lane.replace_speaker(CONFERENCE, 0, Some(second), Some(LegId(3))),
        "it holds a slot already"
    );
    assert_eq!((holder(&server, 0), holder(&server, 1)), (Some(second), Some(third)));

    assert!(server.lane.replace_speaker(CONFERENCE, 0, Some(second), Some(LegId(1))));
    let first = holder(&server, 0).unwrap();
    assert_eq!(first.leg, LegId(1));
    assert!(first.run > second.run);
    assert!(server.lane.replace_speaker(CONFERENCE, 1, Some(third), None));
    assert_eq!(holder(&server, 1), None);
    server.wire.send(&Sender::audio(2).loud(1, b"audio"));
    server.wire.receive_all(2);
    assert_eq!(holder(&server, 1).map(|holder| holder.leg), Some(LegId(2)), "a free slot is claimed");
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn arrivals_are_found_again_after_a_long_gap() {
    let mut server = Server::with_legs(&[1, 2]);
    let sender = Sender::video(1, Layer::Low);
    let mut take = |numbers: &[u16]| {
        for &number in numbers {
            let extras = Extras { transport_sequence: Some(number), ..Extras::default() };
            server.wire.send(&sender.frame(&sender.packet(number.into(), extras, b"payload")));
            server.wire.receive_all(1);
        }
        let mut arrivals = Vec::new();
        server.lane.take_arrivals(LegId(1), &mut arrivals);
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.micros));
        arrivals.iter().map(|arrival| arrival.sequence).collect::<Vec<u16>>()
    };
    assert!(take(&[]).is_empty());
    assert_eq!(take(&[5, 6, 8]), [5, 6, 8]);
    assert!(take(&[]).is_empty());
    assert_eq!(take(&[9]), [9]);
    assert_eq!(take(&[700, 701, 705]), [700, 701, 705]);
    assert_eq!(take(&[2000]), [2000]);
    assert_eq!(take(&[2001, 2002]), [2001, 2002]);
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn keys_are_a_legs_own() {
    let server = Server::with_legs(&[1, 2]);
    let forged = Sender { leg: 4, ..Sender::video(1, Layer::Low) };
    let packet = forged.packet(0, Extras::default(), b"payload");
    server.assert_drops(&Sender::video(1, Layer::Low).frame(&packet), AuthFailed, 1);
}

/// Until a table without it is in force, a leg that is gone stands in lists: whoever had its numbers would get
/// what was meant for it.
#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn numbers_that_lists_name_are_nobody_elses() {
    let mut server = Server::with_legs(&[1, 2, 3]);
    server.lane.remove_leg(LegId(3));
    for second in 0..4 {
        server.lane.renew_lease(monotonic_ns() + second * 1_000_000_000);
    }
    // Of another conference, with as many slots.
    let other = ConferenceId(CONFERENCE.0 + 1);
    let stranger = 9;
    server.lane.install_leg(other, LegId(stranger), &keys(stranger)).unwrap();
    server.lane.accept_tuple(LegId(stranger), tuple(stranger)).unwrap();
    server.lane.select_tuple(LegId(stranger), tuple(stranger)).unwrap();
    let (receivers, sources) = (vec![receiver(stranger).into()], vec![audio(stranger, &[stranger])]);
    server.lane.publish(&ConferenceTable { conference: other, receivers, sources }).unwrap();
    for number in 0..20 {
        server.wire.send(&Sender::video(1, Layer::Low).loud(number, b"not for strangers"));
        let copy = server.wire.receive().unwrap();
        assert_eq!(leg_of(&copy), 2, "packet {number}");
        assert!(server.wire.waiting().is_none(), "packet {number} has another copy");
    }
    wait_for(|| drops(&server.lane) == [(NoPath, 20)]);
    // The next table frees them.
    server.lane.publish(&everybody(&[1, 2])).unwrap();
    for second in 4..8 {
        server.lane.renew_lease(monotonic_ns() + second * 1_000_000_000);
    }
    assert_eq!(server.pinned().table(name::KEYS).unwrap().rows.len(), 2 * 3, "keys of 1, 2 and the stranger");
}
