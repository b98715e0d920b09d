//! Which frames are taken as media, and what is read from them.

use proptest::prelude::*;
use sft_common::frame::{Family, Frame, Udp, classify_frame, mapped};

const PAYLOAD: &[u8] = b"payload";

fn ethernet(ethertype: u16) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    frame.extend(ethertype.to_be_bytes());
    frame
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 0x0d, 0x96];
    bytes.extend((8 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

fn ipv4(payload: &[u8]) -> Vec<u8> {
    let mut frame = ethernet(0x0800);
    frame.extend([0x45, 0]);
    frame.extend((28 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 7, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2]);
    frame.extend(udp(payload));
    frame
}

fn ipv6(payload: &[u8]) -> Vec<u8> {
    let mut frame = ethernet(0x86dd);
    frame.extend([0x6a, 0xbc, 0xde, 0xf0]);
    frame.extend((8 + payload.len() as u16).to_be_bytes());
    frame.extend([17, 64]);
    frame.extend(1..=32_u8);
    frame.extend(udp(payload));
    frame
}

/// The frame with an 802.1Q tag of this control information.
fn tagged(mut frame: Vec<u8>, control: u16) -> Vec<u8> {
    let [high, low] = control.to_be_bytes();
    frame.splice(12..12, [0x81, 0x00, high, low]);
    frame
}

fn taken(frame: &[u8]) -> Udp {
    match classify_frame(&frame) {
        Frame::Udp(udp) => udp,
        other => unreachable!("{other:?} is not UDP"),
    }
}

/// The frame with one change.
fn changed(mut frame: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Frame {
    change(&mut frame);
    classify_frame(&frame.as_slice())
}

#[test]
fn reads_ipv4() {
    let udp = taken(&ipv4(PAYLOAD));
    assert_eq!((udp.family, udp.payload_offset, udp.payload_len), (Family::V4, 42, PAYLOAD.len()));
    assert_eq!(udp.tuple.remote, mapped([192, 0, 2, 1]));
    assert_eq!(udp.tuple.local, mapped([198, 51, 100, 2]));
    assert_eq!(udp.tuple.remote_port, [0x12, 0x34]);
    assert_eq!(udp.tuple.local_port, [0x0d, 0x96]);
    assert_eq!(mapped([192, 0, 2, 1]), std::net::Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets());
}

#[test]
fn reads_ipv6() {
    let udp = taken(&ipv6(PAYLOAD));
    assert_eq!((udp.family, udp.payload_offset, udp.payload_len), (Family::V6, 62, PAYLOAD.len()));
    assert_eq!(udp.tuple.remote.to_vec(), (1..=16).collect::<Vec<u8>>());
    assert_eq!(udp.tuple.local.to_vec(), (17..=32).collect::<Vec<u8>>());
}

#[test]
fn reads_what_is_behind_a_tag() {
    for (control, vlan) in
        [(5, 5), (0x0fff, 0x0fff), (0xe000 | 100, 100), (0x1000 | 7, 7), (0xe000, 0), (0, 0)]
    {
        for untagged in [ipv4(PAYLOAD), ipv6(PAYLOAD)] {
            let plain = taken(&untagged);
            assert_eq!(plain.vlan, 0);
            let expected = Udp { vlan, payload_offset: plain.payload_offset + 4, ..plain };
            assert_eq!(taken(&tagged(untagged, control)), expected, "{control:#x}");
        }
    }
}

#[test]
fn the_length_is_that_of_the_headers_not_of_the_padded_frame() {
    for mut frame in [ipv4(b"abc"), ipv6(b"abc")] {
        frame.resize(120, 0xee);
        assert_eq!(taken(&frame).payload_len, 3);
    }
    // UDP may be shorter than what IP carries.
    let mut frame = ipv4(PAYLOAD);
    frame[39] = 8 + 2;
    assert_eq!(taken(&frame).payload_len, 2);
}

#[test]
fn an_empty_payload_is_a_datagram() {
    assert_eq!(taken(&ipv4(b"")).payload_len, 0);
    assert_eq!(taken(&ipv6(b"")).payload_len, 0);
}

#[test]
fn other_shapes_pass() {
    let v4 = || ipv4(PAYLOAD);
    let other = [
        ("more fragments", changed(v4(), |f| f[20] |= 0x20)),
        ("fragment offset, high bits", changed(v4(), |f| f[20] |= 0x01)),
        ("fragment offset, low bits", changed(v4(), |f| f[21] = 1)),
        ("IPv4 options", changed(v4(), |f| f[14] = 0x46)),
        ("IHL below 5", changed(v4(), |f| f[14] = 0x44)),
        ("IPv4 with version 6", changed(v4(), |f| f[14] = 0x65)),
        ("TCP", changed(v4(), |f| f[23] = 6)),
        ("service tag", changed(v4(), |f| drop(f.splice(12..12, [0x88, 0xa8, 0, 5])))),
        (
            "service tag and VLAN tag",
            changed(tagged(v4(), 5), |f| drop(f.splice(12..12, [0x88, 0xa8, 0, 5]))),
        ),
        ("two VLAN tags", changed(tagged(v4(), 5), |f| drop(f.splice(12..12, [0x81, 0, 0, 5])))),
        ("priority tag and VLAN tag", changed(tagged(v4(), 5), |f| drop(f.splice(12..12, [0x81, 0, 0, 0])))),
        ("VLAN tag cut off", changed(tagged(v4(), 5), |f| f.truncate(17))),
        ("VLAN tag and ARP", changed(tagged(v4(), 5), |f| f[16..18].copy_from_slice(&[8, 6]))),
        ("VLAN tag and no IPv4 header", changed(tagged(v4(), 5), |f| f.truncate(37))),
        ("VLAN tag and IPv4 options", changed(tagged(v4(), 5), |f| f[18] = 0x46)),
        ("ARP", changed(v4(), |f| f[12..14].copy_from_slice(&[8, 6]))),
        ("hop-by-hop header", changed(ipv6(PAYLOAD), |f| f[20] = 0)),
        ("fragment header", changed(ipv6(PAYLOAD), |f| f[20] = 44)),
        ("ICMPv6", changed(ipv6(PAYLOAD), |f| f[20] = 58)),
        ("IPv6 with version 4", changed(ipv6(PAYLOAD), |f| f[14] = 0x45)),
        ("no Ethernet header", changed(v4(), |f| f.truncate(13))),
        ("no IPv4 header", changed(v4(), |f| f.truncate(33))),
        ("nothing", changed(v4(), Vec::clear)),
    ];
    for (what, frame) in other {
        assert_eq!(frame, Frame::Other, "{what}");
    }
}

#[test]
fn dont_fragment_is_not_a_fragment() {
    assert!(matches!(changed(ipv4(PAYLOAD), |f| f[20] = 0x40), Frame::Udp(_)));
    assert!(matches!(changed(ipv4(PAYLOAD), |f| f[20] = 0x00), Frame::Udp(_)));
    // The reserved bit (RFC 3514) says nothing about fragments.
    assert!(matches!(changed(ipv4(PAYLOAD), |f| f[20] = 0x80), Frame::Udp(_)));
}

#[test]
fn contradicting_lengths_are_runts() {
    let (v4, v6) = (|| ipv4(PAYLOAD), || ipv6(PAYLOAD));
    let runts = [
        ("frame one byte short", changed(v4(), |f| f.truncate(f.len() - 1))),
        ("no UDP header", changed(v4(), |f| f.truncate(41))),
        ("total length below the header", changed(v4(), |f| f[17] = 19)),
        ("total length without UDP header", changed(v4(), |f| f[17] = 27)),
        ("total length beyond the frame", changed(v4(), |f| f[16] = 2)),
        ("UDP length 7", changed(v4(), |f| f[39] = 7)),
        ("UDP length 0", changed(v4(), |f| f[39] = 0)),
        ("UDP length beyond IP", changed(v4(), |f| f[39] += 1)),
        ("IPv6 frame one byte short", changed(v6(), |f| f.truncate(f.len() - 1))),
        ("IPv6 header cut", changed(v6(), |f| f.truncate(50))),
        ("IPv6 without UDP header", changed(v6(), |f| f.truncate(61))),
        ("IPv6 payload length 0", changed(v6(), |f| f[18..20].fill(0))),
        ("IPv6 payload length beyond the frame", changed(v6(), |f| f[18] = 1)),
        ("UDP length beyond IPv6", changed(v6(), |f| f[59] += 1)),
        ("tagged frame one byte short", changed(tagged(v4(), 5), |f| f.truncate(f.len() - 1))),
        ("tagged frame, IPv6 header cut", changed(tagged(v6(), 5), |f| f.truncate(54))),
        ("tagged frame, UDP length beyond IP", changed(tagged(v4(), 5), |f| f[43] += 1)),
    ];
    for (what, frame) in runts {
        assert_eq!(frame, Frame::Runt, "{what}");
    }
}

proptest! {
    #[test]
    fn a_taken_payload_is_inside_the_frame(
        v6: bool,
        control: Option<u16>,
        edits in prop::collection::vec((0..70_usize, any::<u8>()), 0..4),
        len in 0..120_usize,
    ) {
        let mut frame = if v6 { ipv6(PAYLOAD) } else { ipv4(PAYLOAD) };
        if let Some(control) = control {
            frame = tagged(frame, control);
        }
        for (at, value) in edits {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        frame.resize(len, 0);
        if let Frame::Udp(udp) = classify_frame(&frame.as_slice()) {
            prop_assert!(udp.payload_offset + udp.payload_len <= frame.len());
        }
    }
}
