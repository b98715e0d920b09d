//! Every receiver gets every packet once, under its own key, SSRC and numbers.

use std::collections::HashSet;

use crate::support::{
    conference::{CSRC, Conference, SENDER, SOURCE, SSRC, header, open_copy, sent},
    packet::Header,
    srtp::PROFILES,
    wire::{SERVER, Wire},
};
use sft_common::maps::{Counter, Kind, ListEntry, MAX_REPLICATION, Profile};

const SENDER_PROFILE: Profile = Profile::AeadAes128Gcm;
const PACKETS: u16 = 40;

/// What leg `leg` uses.
fn end(leg: u32) -> (Profile, bool) {
    (PROFILES[leg as usize % 3], leg.is_multiple_of(2))
}

/// A conference of the sender and this many others, who all stand in one list.
fn conference(wire: &Wire, receivers: u32) -> Conference {
    let mut conference = Conference::new(wire.interface);
    conference.add_leg(SENDER, SENDER_PROFILE, false);
    conference.add_source(SOURCE, SENDER, SSRC, Kind::Video);
    let mut list = vec![ListEntry { leg: SENDER, slot: 0, run: 1, flags: 0 }];
    for leg in 2..2 + receivers {
        let (profile, v6) = end(leg);
        conference.add_leg(leg, profile, v6);
        conference.add_slot(leg, 1000 + leg);
        list.push(ListEntry { leg, slot: leg, run: 1, flags: 0 });
    }
    conference.set_list(SOURCE, 30, &list);
    conference.kernel.attach(SERVER);
    conference
}

fn check(receivers: u32) {
    let wire = Wire::new();
    let conference = conference(&wire, receivers);
    for number in 0..PACKETS {
        let payload = format!("packet {number} for everybody").into_bytes();
        let sent_header = header(number);
        wire.send(&sent(SENDER_PROFILE, &sent_header, &payload));
        let mut seen = HashSet::new();
        for copy in wire.receive_all(receivers as usize) {
            let leg = u32::from(copy.to.socket.port()) - 10_000;
            assert!(seen.insert(leg), "leg {leg} gets packet {number} twice");
            let (received, opened) = open_copy(&copy, leg, end(leg), 100 + u64::from(number));
            assert_eq!(opened, payload);
            let expected = Header {
                sequence: 100 + number,
                timestamp: 5000 + sent_header.timestamp,
                ssrc: 1000 + leg,
                csrcs: vec![CSRC],
                ..sent_header.clone()
            };
            assert_eq!(received, expected);
        }
        assert!(!seen.contains(&SENDER), "the sender hears itself");
    }
    assert_eq!(conference.kernel.all_drops(), []);
    assert_eq!(conference.kernel.counter(Counter::VideoCopies), u64::from(receivers * u32::from(PACKETS)));
}

/// Batches of the kernel have 16 copies.
#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn conferences_of_every_size() {
    for receivers in [1, 2, 5, 15, 16, 17, 33, MAX_REPLICATION as u32 - 1] {
        check(receivers);
    }
}
