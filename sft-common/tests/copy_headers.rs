//! The headers of a copy: what a receiver's stack checks, and what the RTP header keeps.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use sft_common::{
    checksum::{pseudo_header, udp_field},
    frame::{Frame, classify, mapped},
    maps::PathRecord,
    rewrite::{RtpRewrite, fits, ipv4_headers, ipv6_headers},
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

fn payload_sum(payload: &[u8]) -> u64 {
    payload
        .chunks(2)
        .map(|pair| u16::from_ne_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]) as u64)
        .sum()
}

fn frame(family: u32, payload: &[u8]) -> Vec<u8> {
    let path = path(family);
    let checksum = udp_field(pseudo_header(&path, payload.len() as u16 + 8) + payload_sum(payload));
    let length = payload.len() as u16;
    let mut frame = match family {
        4 => ipv4_headers(&path, length, checksum).to_vec(),
        _ => ipv6_headers(&path, length, checksum).to_vec(),
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
        let Frame::Udp(udp) = classify(&frame.as_slice()) else { panic!("not a datagram") };
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
    let path = path(4);
    let header = pseudo_header(&path, 10);
    let found = (0..=u16::MAX).any(|word| {
        let sum = header + u64::from(word);
        let plain = !sft_common::checksum::fold(sum);
        assert_ne!(udp_field(sum), [0, 0]);
        plain == 0 && udp_field(sum) == [0xff, 0xff]
    });
    assert!(found);
}

#[test]
fn the_mtu_counts_the_ip_packet() {
    assert!(fits(&path(4), 1472));
    assert!(!fits(&path(4), 1473));
    assert!(fits(&path(6), 1452));
    assert!(!fits(&path(6), 1453));
}

#[test]
fn rtp_keeps_its_flags_and_gets_one_csrc() {
    let rewrite = RtpRewrite {
        start: [0xbf, 0xef],
        sequence: 0x0102,
        timestamp: 0x0304_0506,
        ssrc: 0x0708_090a,
        csrc: 0x0b0c_0d0e,
    };
    let expected = [0xb1, 0xef, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
    assert_eq!(rewrite.header(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn receivers_find_the_udp_checksum_right(payload in prop::collection::vec(any::<u8>(), 0..1200), six in any::<bool>()) {
        let family = if six { 6 } else { 4 };
        prop_assert_eq!(received_sum(family, &frame(family, &payload)), 0xffff);
    }
}
