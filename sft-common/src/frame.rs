//! From an Ethernet frame to a UDP datagram: what ingress looks at, and what it leaves to the kernel.
//!
//! IPv4 with options, fragments, IPv6 with extension headers and VLAN-tagged frames are left to the
//! kernel's stack: they are rare in media and their parsing would be the longest part of the program.

use crate::{maps::TupleKey, packet::Bytes};

const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const UDP: u8 = 17;
/// Length of an Ethernet header without tags.
pub const ETHERNET: usize = 14;
/// Length of an IPv4 header without options.
pub const IPV4: usize = 20;
/// Length of an IPv6 header without extension headers.
pub const IPV6: usize = 40;
/// Length of a UDP header.
pub const UDP_HEADER: usize = 8;

/// What a frame is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Not plain UDP: the kernel's stack handles it.
    Other,
    /// UDP whose lengths contradict each other or the frame.
    Runt,
    /// A whole UDP datagram.
    Udp(Udp),
}

/// A UDP datagram in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp {
    /// `local` is the destination.
    pub tuple: TupleKey,
    /// Offset of the UDP payload in the frame.
    pub payload_offset: usize,
    /// Length of the UDP payload; the frame may be longer (Ethernet padding).
    pub payload_len: usize,
}

/// An IPv4 address in the 16-byte form of the maps.
#[inline(always)]
pub const fn mapped(v4: [u8; 4]) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, v4[0], v4[1], v4[2], v4[3]]
}

/// Classifies an Ethernet frame.
#[inline(always)]
pub fn classify(frame: &impl Bytes) -> Frame {
    match frame.load::<2>(12) {
        Some(ETHERTYPE_IPV4) => ipv4(frame),
        Some(ETHERTYPE_IPV6) => ipv6(frame),
        _ => Frame::Other,
    }
}

#[inline(always)]
fn ipv4(frame: &impl Bytes) -> Frame {
    let Some(header) = frame.load::<IPV4>(ETHERNET) else { return Frame::Other };
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff;
    if header[0] != 0x45 || header[9] != UDP || fragment != 0 {
        return Frame::Other;
    }
    let ip_payload = (u16::from_be_bytes([header[2], header[3]]) as usize).wrapping_sub(IPV4);
    let source = mapped([header[12], header[13], header[14], header[15]]);
    let destination = mapped([header[16], header[17], header[18], header[19]]);
    udp(frame, ETHERNET + IPV4, ip_payload, source, destination)
}

#[inline(always)]
fn ipv6(frame: &impl Bytes) -> Frame {
    let Some(start) = frame.load::<8>(ETHERNET) else { return Frame::Other };
    if start[0] >> 4 != 6 || start[6] != UDP {
        return Frame::Other;
    }
    let ip_payload = u16::from_be_bytes([start[4], start[5]]) as usize;
    let (Some(source), Some(destination)) = (frame.load::<16>(ETHERNET + 8), frame.load::<16>(ETHERNET + 24))
    else {
        return Frame::Runt;
    };
    udp(frame, ETHERNET + IPV6, ip_payload, source, destination)
}

#[inline(always)]
fn udp(frame: &impl Bytes, at: usize, ip_payload: usize, remote: [u8; 16], local: [u8; 16]) -> Frame {
    let Some(header) = frame.load::<UDP_HEADER>(at) else { return Frame::Runt };
    let length = u16::from_be_bytes([header[4], header[5]]) as usize;
    if length < UDP_HEADER || length > ip_payload || at + length > frame.len() {
        return Frame::Runt;
    }
    Frame::Udp(Udp {
        tuple: TupleKey {
            local,
            remote,
            local_port: [header[2], header[3]],
            remote_port: [header[0], header[1]],
        },
        payload_offset: at + UDP_HEADER,
        payload_len: length - UDP_HEADER,
    })
}
