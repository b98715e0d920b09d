//! The headers of a copy: what a receiver's stack checks, and what the RTP header keeps.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use sft_common::{
    checksum::{add_bytes, finish_udp},
    drops::DropReason,
    frame::{Frame, classify_frame, mapped},
    maps::PathRecord,
    rewrite::{check_mtu, ipv4, ipv6, rtp, udp_checksum},
    slot::Outgoing,
};

fn path(family: u32) -> PathRecord {
    let address = |last| if family == 4 { mapped([198, 51, 100, last]) } else { [last; 16] };
    PathRecord {
        local: address(1),
        remote: address(2),
        local_port: [0x0d, 0x96],
        remote_port: [0x30, 0x39],
        source_mac: [2, 0, 0, 0, 0, 1],
        destination_mac: [2, 0, 0, 0, 0, 2],
        family,
        interface: 1,
        mtu: 1500,
    }
}

/// Big-endian ones' complement sum, byte by byte: the textbook form.
fn textbook_sum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).copied().unwrap_or(0) as u32;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn frame(family: u32, payload: &[u8]) -> Vec<u8> {
    let path = path(family);
    let checksum = udp_checksum(&path, payload.len(), add_bytes(0, payload));
    let mut frame = match family {
        4 => ipv4(&path, payload.len(), checksum).to_vec(),
        _ => ipv6(&path, payload.len(), checksum).to_vec(),
    };
    frame.extend(payload);
    frame
}

/// What a receiver sums: source and destination address, protocol, length, UDP header and payload.
fn received_sum(family: u32, frame: &[u8]) -> u16 {
    let (addresses, udp) = if family == 4 { (26..34, 34) } else { (22..54, 54) };
    let length = (frame.len() - udp) as u16;
    let pseudo = [&frame[addresses], &[0, 17], &length.to_be_bytes()].concat();
    textbook_sum(&[&pseudo, &frame[udp..]].concat())
}

#[test]
fn a_copy_is_addressed_from_us_to_the_receiver() {
    for family in [4, 6] {
        let frame = frame(family, b"media");
        let Frame::Udp(udp) = classify_frame(&frame.as_slice()) else { panic!("not a datagram") };
        assert_eq!((udp.tuple.remote, udp.tuple.local), (path(family).local, path(family).remote));
        assert_eq!((udp.tuple.remote_port, udp.tuple.local_port), ([0x0d, 0x96], [0x30, 0x39]));
        assert_eq!(udp.payload_len, 5);
        assert_eq!(frame[..12], [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    }
}

#[test]
fn the_ipv4_header_checksum_is_right() {
    assert_eq!(textbook_sum(&frame(4, b"media")[14..34]), 0xffff);
}

#[test]
fn a_checksum_of_zero_is_sent_as_all_ones() {
    assert_eq!(finish_udp(0xffff), [0xff, 0xff]);
    assert!((0..=u16::MAX).all(|sum| finish_udp(u64::from(sum)) != [0, 0]));
}

#[test]
fn the_mtu_counts_the_ip_packet() {
    for (family, largest) in [(4, 1472), (6, 1452)] {
        assert_eq!(check_mtu(&path(family), largest), Ok(()));
        assert_eq!(check_mtu(&path(family), largest + 1), Err(DropReason::FrameTooBig));
    }
}

#[test]
fn rtp_keeps_its_flags_and_gets_one_csrc() {
    let outgoing = Outgoing { index: 0xffff_0102, timestamp: 0x0304_0506 };
    let header = rtp(0xbf, 0xef, outgoing, 0x0708_090a, 0x0b0c_0d0e);
    assert_eq!(header, [0xb1, 0xef, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn receivers_find_the_udp_checksum_right(payload in prop::collection::vec(any::<u8>(), 0..1200), six in any::<bool>()) {
        let family = if six { 6 } else { 4 };
        prop_assert_eq!(received_sum(family, &frame(family, &payload)), 0xffff);
    }
}
