//! The headers of a copy, read back by code that does not share theirs.

use proptest::prelude::*;
use sft_common::{
    checksum,
    drops::DropReason,
    frame::{Frame, classify_frame, mapped},
    maps::PathRecord,
    rewrite,
    rtp::{header_buffer, parse},
    slot::Outgoing,
};

/// RFC 1071, 16 bits at a time.
fn ones_complement(bytes: &[u8]) -> u16 {
    let mut sum = 0_u64;
    for pair in bytes.chunks(2) {
        sum += u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]) as u64;
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn path(v6: bool, vlan: u32, local: [u8; 16], remote: [u8; 16], ports: [u8; 4]) -> PathRecord {
    let address = |a: [u8; 16]| if v6 { a } else { mapped([a[0], a[1], a[2], a[3]]) };
    PathRecord {
        local: address(local),
        remote: address(remote),
        local_port: [ports[0], ports[1]],
        remote_port: [ports[2], ports[3]],
        source_mac: [2, 1, 2, 3, 4, 5],
        destination_mac: [2, 6, 7, 8, 9, 10],
        family: if v6 { 6 } else { 4 },
        interface: 1,
        mtu: 1500,
        vlan,
    }
}

/// A whole frame as a lane builds it.
fn frame(path: &PathRecord, payload: &[u8]) -> Vec<u8> {
    let sum = checksum::add_bytes(0, payload);
    let udp = rewrite::udp_checksum(path, payload.len(), sum);
    let mut frame = match path.vlan {
        0 => rewrite::ethernet(path).to_vec(),
        _ => rewrite::tagged_ethernet(path).to_vec(),
    };
    if path.family == 6 {
        frame.extend(rewrite::ipv6(path, payload.len(), udp));
    } else {
        frame.extend(rewrite::ipv4(path, payload.len(), udp));
    }
    frame.extend(payload);
    frame
}

proptest! {
    #[test]
    fn a_receiver_reads_what_was_meant(
        v6: bool, vlan in prop_oneof![Just(0_u32), 1..4095_u32],
        local: [u8; 16], remote: [u8; 16], ports: [u8; 4],
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let path = path(v6, vlan, local, remote, ports);
        let mut frame = frame(&path, &payload);
        prop_assert_eq!(&frame[..6], &path.destination_mac);
        prop_assert_eq!(&frame[6..12], &path.source_mac);
        let Frame::Udp(udp) = classify_frame(&frame.as_slice()) else { unreachable!("not UDP") };
        prop_assert_eq!(udp.payload_offset + udp.payload_len, frame.len());
        prop_assert_eq!(&frame[udp.payload_offset..], &payload[..]);
        prop_assert_eq!((udp.tuple.remote, udp.tuple.local), (path.local, path.remote));
        prop_assert_eq!((udp.tuple.remote_port, udp.tuple.local_port), (path.local_port, path.remote_port));

        prop_assert_eq!(u32::from(udp.vlan), vlan);
        if vlan != 0 {
            let tag: Vec<u8> = frame.drain(12..16).collect();
            prop_assert_eq!(tag, [&[0x81, 0x00], &(vlan as u16).to_be_bytes()[..]].concat());
        }

        let (addresses, datagram) = if v6 { (22..54, 54..) } else { (26..34, 34..) };
        if v6 {
            prop_assert_eq!(&frame[14..18], &[0x60, 0, 0, 0]);
            prop_assert_eq!(frame[21], 64);
        } else {
            prop_assert_eq!(ones_complement(&frame[14..34]), 0xffff);
            prop_assert_eq!(&frame[18..23], &[0, 0, 0x40, 0, 64]);
        }
        let mut pseudo = frame[addresses].to_vec();
        pseudo.extend([0, 17]);
        pseudo.extend((8 + payload.len() as u16).to_be_bytes());
        pseudo.extend(&frame[datagram]);
        prop_assert_eq!(ones_complement(&pseudo), 0xffff);
    }

    #[test]
    fn the_checksum_is_that_of_rfc_1071(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let expected = (!ones_complement(&bytes)).to_be_bytes();
        prop_assert_eq!(checksum::finish(checksum::add_bytes(0, &bytes)), expected);
    }

    #[test]
    fn the_rtp_header_keeps_what_it_must(
        first: u8, second: u8, index in 0..1_u64 << 48, timestamp: u32, ssrc: u32, csrc: u32,
    ) {
        let bytes = rewrite::rtp(first, second, Outgoing { index, timestamp, frame_id: None }, ssrc, csrc);
        let mut packet = bytes.to_vec();
        packet.extend([0xbe, 0xde, 0, 0, 1]);
        let header = parse(&header_buffer(&packet), packet.len()).unwrap();
        prop_assert_eq!((header.sequence, header.timestamp, header.ssrc), (index as u16, timestamp, ssrc));
        prop_assert_eq!((header.payload_type, header.marker), (second & 0x7f, second >= 0x80));
        prop_assert_eq!((header.padding, header.csrc_count), (first & 0x20 != 0, 1));
        prop_assert_eq!(header.header_len, if first & 0x10 != 0 { 20 } else { 16 });
        prop_assert_eq!(&bytes[12..], &csrc.to_be_bytes());
    }
}

#[test]
fn the_wording_of_checksums_at_their_edges() {
    assert_eq!(checksum::finish(0), [0xff, 0xff]);
    assert_eq!(checksum::finish(0xffff), [0, 0]);
    assert_eq!(checksum::finish_udp(0xffff), [0xff, 0xff]);
    assert_eq!(checksum::finish(checksum::add(u64::MAX, u64::MAX)), [0, 0]);
    assert_eq!(checksum::finish(checksum::add(u64::MAX, 1)), checksum::finish(1));
}

#[test]
fn the_mtu_limits_the_ip_packet() {
    for (v6, room) in [(false, 1500 - 28), (true, 1500 - 48)] {
        let path = path(v6, 5, [1; 16], [2; 16], [0; 4]);
        assert_eq!(rewrite::check_mtu(&path, room), Ok(()));
        assert_eq!(rewrite::check_mtu(&path, room + 1), Err(DropReason::FrameTooBig));
    }
}
