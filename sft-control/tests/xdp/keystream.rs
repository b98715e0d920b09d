//! Prepared key stream: used for exactly its packet, and never missed by a receiver.

use crate::support::{
    conference::{
        Conference, RECEIVER, SENDER, SLOT_SSRC, SOURCE, SSRC, header, open_copy, receive_key, sent,
        transmit_key,
    },
    packet::Header,
    srtp::{Key, PROFILES},
    wire::Wire,
};
use sft_common::{
    keystream::{Class, KeystreamEntry, KeystreamTag, LONG_BLOCKS, Ring, RingControl, SHORT_BLOCKS},
    maps::{Counter, Kind, name},
};

/// Entries of the tests' rings.
const ENTRIES: u32 = 16;

fn blocks<const BLOCKS: usize>(key: &Key, ssrc: u32, index: u64) -> [[u64; 2]; BLOCKS] {
    let mut bytes = vec![[[0_u8; 8]; 2]; BLOCKS];
    let header = Header { ssrc, ..header(0) }.bytes();
    key.keystream(&header, bytes.as_flattened_mut().as_flattened_mut(), index);
    std::array::from_fn(|block| bytes[block].map(u64::from_le_bytes))
}

/// Puts the entry of a packet into a ring at the start of the map, under this tag.
fn prepare(conference: &mut Conference, class: Class, key: &Key, packet: (u32, u64), tag: KeystreamTag) {
    let (ssrc, index) = packet;
    let number = Ring { class, first: 0, entries: ENTRIES }.entry(index);
    match class {
        Class::Short => {
            let entry = KeystreamEntry::<SHORT_BLOCKS> { tag, blocks: blocks(key, ssrc, index) };
            conference.kernel.set(name::KEYSTREAM_SHORT, number, entry);
        }
        Class::Long => {
            let entry = KeystreamEntry::<LONG_BLOCKS> { tag, blocks: blocks(key, ssrc, index) };
            conference.kernel.set(name::KEYSTREAM_LONG, number, entry);
        }
    }
}

fn tag(ssrc: u32, index: u64) -> KeystreamTag {
    // Keys of the tests are installed without an epoch.
    KeystreamTag::new(0, ssrc.swap_bytes(), index)
}

fn give_ring(conference: &mut Conference, map: &str, number: u32, class: Class) {
    let ring = Ring { class, first: 0, entries: ENTRIES }.to_word();
    conference.kernel.set(map, number, RingControl { ring, position: 0 });
}

fn used(conference: &Conference) -> (u64, u64) {
    let counter = |counter| conference.kernel.counter(counter);
    (counter(Counter::KeystreamPrepared), counter(Counter::KeystreamComputed))
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn every_length_is_opened_with_it() {
    for profile in PROFILES {
        for class in [Class::Short, Class::Long] {
            let mut conference = Conference::with_sender(Kind::Video, profile);
            give_ring(&mut conference, name::SOURCE_RINGS, SOURCE, class);
            let key = receive_key(SENDER, profile);
            let longest = class.max_payload();
            for length in 1..=longest + 1 {
                let index = length as u64;
                prepare(&mut conference, class, &key, (SSRC, index), tag(SSRC, index));
                let payload: Vec<u8> = (0..length).map(|i| (i * 7 + length) as u8).collect();
                let outcome = conference.assert_forwards(&sent(profile, &header(length as u16), &payload));
                assert_eq!(outcome.frame[54..54 + length], payload, "{profile:?} {class:?} {length}");
            }
            assert_eq!(used(&conference), (longest as u64, 1), "{profile:?} {class:?}: one was too long");
        }
    }
}

#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn every_length_is_sealed_with_it() {
    for profile in PROFILES {
        for class in [Class::Short, Class::Long] {
            let wire = Wire::new();
            let mut conference = Conference::on_wire(&wire, (profile, false), (profile, false));
            give_ring(&mut conference, name::SLOT_RINGS, 0, class);
            let key = transmit_key(RECEIVER, profile);
            for length in 1..=class.max_payload() {
                let index = 99 + length as u64;
                prepare(&mut conference, class, &key, (SLOT_SSRC, index), tag(SLOT_SSRC, index));
                let payload: Vec<u8> = (0..length).map(|i| (i * 11 + length) as u8).collect();
                wire.send(&sent(profile, &header(length as u16), &payload));
                let copy = wire.receive().expect("a copy");
                let (_, opened) = open_copy(&copy, RECEIVER, (profile, false), index);
                assert_eq!(opened, payload, "{profile:?} {class:?} {length}");
            }
            let packets = class.max_payload() as u64;
            assert_eq!(used(&conference), (packets, packets), "opening had none");
            assert_eq!(conference.kernel.all_drops(), []);
            let control: RingControl = conference.kernel.get(name::SLOT_RINGS, 0);
            assert_eq!(control.position, 100 + packets, "the next packet's index");
        }
    }
}

/// An entry of another packet, key or SSRC, an empty one, and one that is being written: the programs compute.
#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn an_entry_of_another_packet_is_not_used() {
    for profile in PROFILES {
        let mut conference = Conference::with_sender(Kind::Video, profile);
        give_ring(&mut conference, name::SOURCE_RINGS, SOURCE, Class::Long);
        let key = receive_key(SENDER, profile);
        let wrong = [
            |index| KeystreamTag::new(1, SSRC.swap_bytes(), index),
            |index| KeystreamTag::new(0, SSRC, index),
            |index| tag(SSRC, index + u64::from(ENTRIES)),
            |index| tag(SSRC, index + (1 << 32)),
            |_| KeystreamTag::default(),
            |index| KeystreamTag { index, ..tag(SSRC, index) },
        ];
        for (number, wrong) in (1..).zip(wrong) {
            // The blocks are another packet's, too: using them would show.
            prepare(&mut conference, Class::Long, &key, (SSRC, number), KeystreamTag::default());
            prepare(&mut conference, Class::Long, &key, (SSRC, number + 16), wrong(number));
            let payload = vec![number as u8; 600];
            let outcome = conference.assert_forwards(&sent(profile, &header(number as u16), &payload));
            assert_eq!(outcome.frame[54..654], payload, "{profile:?} {number}");
        }
        assert_eq!(used(&conference), (0, wrong.len() as u64), "{profile:?}");
    }
}

/// A ring that lies outside its map is as none.
#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn a_ring_outside_the_map_is_none() {
    let profile = PROFILES[0];
    let mut conference = Conference::with_sender(Kind::Video, profile);
    for (number, class) in (1..).zip([Class::Short, Class::Long]) {
        let ring = Ring { class, first: u32::MAX, entries: 1 << 30 }.to_word();
        conference.kernel.set(name::SOURCE_RINGS, SOURCE, RingControl { ring, position: 0 });
        conference.assert_forwards(&sent(profile, &header(number), b"payload"));
    }
    assert_eq!(used(&conference), (0, 2));
}
