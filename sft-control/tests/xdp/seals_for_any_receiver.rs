//! Sender and receiver need not agree on profile or address family, and what the sender put into its header
//! comes through or not, as it should.

use crate::support::{
    conference::{CSRC, Conference, RECEIVER, SENDER, SLOT_SSRC, header, open_copy, sent_by},
    packet::{Header, ONE_BYTE},
    srtp::PROFILES,
    wire::Wire,
};
use sft_common::maps::Profile;

/// Without room behind the frame a longer tag moves the payload: enough lengths that it happens.
const LENGTHS: usize = 130;

#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn profiles_and_families_of_the_two_ends_are_independent() {
    for sending in PROFILES {
        for receiving in PROFILES {
            for (from_v6, to_v6) in [(false, false), (false, true), (true, false)] {
                check((sending, from_v6), (receiving, to_v6));
            }
        }
    }
}

fn check(sender: (Profile, bool), receiver: (Profile, bool)) {
    let wire = Wire::new();
    let conference = Conference::on_wire(&wire, sender, receiver);
    for number in 0..LENGTHS {
        let context = format!("{sender:?} to {receiver:?}, packet {number}");
        let sent = any_header(number);
        let payload: Vec<u8> = (0..number + 1).map(|i| (i * 3 + number) as u8).collect();
        wire.send(&sent_by(SENDER, sender.0, &sent, &payload, number as u64, sender.1));
        let copy = wire.receive();
        assert!(copy.is_some(), "{context}: no copy, drops {:?}", conference.kernel.all_drops());
        let copy = copy.expect("just asserted");
        let (received, opened) = open_copy(&copy, RECEIVER, receiver, 100 + number as u64);
        assert_eq!(opened, payload, "{context}");
        let expected = Header {
            extension: any_header_with(number, number as u16).extension,
            sequence: 100 + number as u16,
            timestamp: 5000 + sent.timestamp,
            ssrc: SLOT_SSRC,
            csrcs: vec![CSRC],
            ..sent
        };
        assert_eq!(received, expected, "{context}");
    }
    assert_eq!(conference.kernel.all_drops(), []);
}

fn any_header(number: usize) -> Header {
    any_header_with(number, (65_500 + number) as u16)
}

/// Every number of CSRCs, extensions of several lengths, most of which begin this frame, marker and payload type.
fn any_header_with(number: usize, frame: u16) -> Header {
    let mut header = header(number as u16);
    header.marker = number.is_multiple_of(3);
    header.payload_type = (number % 64) as u8;
    header.csrcs = (0..number as u32 % 16).collect();
    match number % 5 {
        0 => header,
        words => {
            let [low, high] = frame.to_le_bytes();
            let elements = [&[0x90, 7].repeat(words * 2)[..], &[0xb4, 0x88, 1, low, high, 4]].concat();
            header.with_extension(ONE_BYTE, &elements)
        }
    }
}
