//! Which frames are media to us and which the kernel keeps: one case per way to be neither.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use sft_common::frame::{Frame, Udp, classify_frame, mapped};

fn ipv4(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([0x08, 0x00, 0x45, 0]);
    frame.extend((28 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 198, 51, 100, 2, 198, 51, 100, 1]);
    frame.extend([0x30, 0x39, 0x0d, 0x96]);
    frame.extend((8 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}

fn ipv6(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
    frame.extend((8 + payload.len() as u16).to_be_bytes());
    frame.extend([17, 64]);
    frame.extend([[0xfd; 16], [0xfe; 16]].concat());
    frame.extend([0x30, 0x39, 0x0d, 0x96]);
    frame.extend((8 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}

fn class(frame: &[u8]) -> Frame {
    classify_frame(&frame)
}

fn udp(frame: &[u8]) -> Udp {
    match class(frame) {
        Frame::Udp(udp) => udp,
        other => panic!("not a datagram but {other:?}"),
    }
}

#[test]
fn destination_is_local_and_source_is_remote() {
    let four = udp(&ipv4(b"media"));
    assert_eq!((four.payload_offset, four.payload_len), (42, 5));
    assert_eq!(four.tuple.remote, mapped([198, 51, 100, 2]));
    assert_eq!(four.tuple.local, mapped([198, 51, 100, 1]));
    assert_eq!((four.tuple.remote_port, four.tuple.local_port), ([0x30, 0x39], [0x0d, 0x96]));
    let six = udp(&ipv6(b"media"));
    assert_eq!((six.payload_offset, six.payload_len), (62, 5));
    assert_eq!((six.tuple.remote, six.tuple.local), ([0xfd; 16], [0xfe; 16]));
}

#[test]
fn ethernet_padding_is_not_payload() {
    let frame = [ipv4(b"x"), vec![0; 17]].concat();
    assert_eq!(udp(&frame).payload_len, 1);
}

#[test]
fn what_is_not_plain_udp_is_left_to_the_kernel() {
    let change = |offset: usize, value: u8| {
        let mut frame = ipv4(b"media");
        frame[offset] = value;
        frame
    };
    for (case, frame) in [
        ("IP options", change(14, 0x46)),
        ("TCP", change(23, 6)),
        ("first fragment", change(20, 0x20)),
        ("later fragment", change(21, 1)),
        ("VLAN tag", change(12, 0x81)),
        ("cut in the IP header", ipv4(b"")[..30].to_vec()),
        ("empty", vec![]),
    ] {
        assert_eq!(class(&frame), Frame::Other, "{case}");
    }
    let mut extended = ipv6(b"media");
    extended[20] = 44;
    assert_eq!(class(&extended), Frame::Other, "IPv6 fragment header");
}

#[test]
fn contradicting_lengths_are_runts() {
    let with_udp_length = |length: u16| {
        let mut frame = ipv4(b"media");
        frame[38..40].copy_from_slice(&length.to_be_bytes());
        frame
    };
    for length in [0, 7, 14, 65_535] {
        assert_eq!(class(&with_udp_length(length)), Frame::Runt, "UDP length {length}");
    }
    let whole = ipv4(b"media");
    assert_eq!(class(&whole[..whole.len() - 1]), Frame::Runt);
    assert_eq!(class(&whole[..40]), Frame::Runt);
    assert_eq!(class(&ipv6(b"media")[..50]), Frame::Runt);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_frames_never_reach_past_their_end(bytes in prop::collection::vec(any::<u8>(), 0..120), six in any::<bool>()) {
        let mut frame = if six { ipv6(&bytes) } else { ipv4(&bytes) };
        for (at, byte) in bytes.iter().enumerate().filter(|(_, b)| **b < 40) {
            let place = (at * 7) % frame.len();
            frame[place] = *byte;
        }
        if let Frame::Udp(udp) = class(&frame) {
            prop_assert!(udp.payload_offset + udp.payload_len <= frame.len());
        }
    }
}
