//! The kernel lane prepares key stream for streams that move, and nobody can tell from the copies.

use crate::support::{
    lane::{Server, drops, leg_of},
    sender::Sender,
    tables::{FIRST_INDEX, profile, v6},
    wire::happens,
};
use sft_common::maps::name;
use sft_control::{core::table::Layer, dataplane::Lane};

const LEGS: [u32; 4] = [1, 2, 3, 4];

/// Enough for every ring to go round several times.
const PACKETS: u64 = 400;

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn copies_are_sealed_with_what_was_prepared() {
    let server = Server::with_legs(&LEGS);
    let senders = [Sender::video(1, Layer::Low), Sender::audio(2)];
    for number in 0..PACKETS {
        for sender in &senders {
            let payload = vec![number as u8; 100 + number as usize % 90];
            server.wire.send(&sender.loud(number, &payload));
            for copy in server.wire.receive_all(LEGS.len() - 1) {
                let leg = leg_of(&copy);
                let end = (profile(leg), v6(leg));
                let (_, opened) =
                    crate::support::conference::open_copy(&copy, leg, end, FIRST_INDEX + number);
                assert_eq!(opened, payload, "leg {leg}, packet {number}");
            }
        }
        // The thread is given its time, once.
        if number == PACKETS / 4 {
            // Each source, and its slot at each of the three others.
            assert!(happens(|| server.lane.keystream().rings == 8), "{:?}", server.lane.keystream());
        }
    }
    assert_eq!(drops(&server.lane), []);
    let (counters, packets) = (server.lane.counters(), 2 * PACKETS * LEGS.len() as u64);
    assert_eq!(counters.keystream_prepared + counters.keystream_computed, packets);
    assert!(counters.keystream_prepared > packets / 2, "{counters:?}");
    let pinned = server.pinned();
    assert_eq!(pinned.table(name::SOURCE_RINGS).unwrap().rows.len(), 2);
    assert_eq!(pinned.table(name::SLOT_RINGS).unwrap().rows.len(), 6);
}

/// The memory is another stream's when a leg has gone.
#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn a_leg_that_goes_gives_its_rings_back() {
    let mut server = Server::with_legs(&LEGS);
    let sender = Sender::video(1, Layer::Low);
    let mut numbers = 0..;
    // A packet that comes before the thread knows the stream does not show that it moves.
    let moves = happens(|| {
        server.wire.send(&sender.loud(numbers.next().unwrap(), b"payload"));
        server.wire.receive_all(LEGS.len() - 1);
        server.lane.keystream().rings == 4
    });
    assert!(moves, "{:?}", server.lane.keystream());
    server.lane.remove_leg(sft_control::core::table::LegId(1));
    server.lane.remove_leg(sft_control::core::table::LegId(2));
    assert!(happens(|| server.lane.keystream().rings == 2), "{:?}", server.lane.keystream());
}
