//! All packets of a compound packet count, up to a limit; unknown ones are passed over.

use sft_common::drops::DropReason;

use super::packet;
use crate::rtcp::{Incoming, parse};

const REQUEST: Incoming = Incoming::KeyframeRequest { media_ssrc: 77 };

fn pli() -> Vec<u8> {
    packet(1, 206, &[9, 77])
}

#[test]
fn every_packet_of_a_compound_counts() {
    let found = parse(&[packet(0, 201, &[9]), pli(), packet(1, 203, &[9]), pli()].concat()).unwrap();
    assert_eq!(found, [REQUEST, Incoming::Goodbye { ssrc: 9 }, REQUEST]);
}

/// Descriptions, application packets and extended reports that nobody could read, and a type of the future.
#[test]
fn what_is_not_used_is_not_looked_into() {
    for kind in [192, 202, 204, 207, 223] {
        let strange = packet(31, kind, &[0xffff_ffff, 0xffff_ffff]);
        assert_eq!(parse(&[strange, pli()].concat()), Ok(vec![Incoming::Other, REQUEST]), "{kind}");
    }
}

#[test]
fn the_number_of_packets_is_limited() {
    assert_eq!(parse(&pli().repeat(64)).map(|found| found.len()), Ok(64));
    assert_eq!(parse(&pli().repeat(65)), Err(DropReason::BadRtcp));
}

#[test]
fn one_malformed_packet_spoils_all() {
    let refused = [
        Vec::new(),
        vec![0x80, 201, 0],
        // Longer than what is there, and a rest that is no packet.
        [pli(), packet(0, 201, &[9])[..6].to_vec()].concat(),
        [pli(), vec![0x80, 201]].concat(),
        // Another version, first and behind.
        [vec![0x41], pli()[1..].to_vec()].concat(),
        [pli(), vec![0x40, 202, 0, 0]].concat(),
        // Padding anywhere but at the end.
        [packet(1 | 0x20, 206, &[9, 77, 4]), pli()].concat(),
        // Too short for its own header.
        packet(1, 206, &[9]),
    ];
    for (number, packet) in refused.iter().enumerate() {
        assert_eq!(parse(packet), Err(DropReason::BadRtcp), "{number}");
    }
}
