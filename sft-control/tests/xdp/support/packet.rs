//! Frames and RTP headers, made and taken apart byte by byte.

use std::net::{IpAddr, SocketAddr};

use sft_common::frame::mapped;

/// One end of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) mac: [u8; 6],
    pub(crate) socket: SocketAddr,
}

impl Endpoint {
    pub(crate) fn new(mac: [u8; 6], socket: &str) -> Endpoint {
        Endpoint { mac, socket: socket.parse().unwrap() }
    }

    /// As the maps hold it.
    pub(crate) fn address(&self) -> [u8; 16] {
        match self.socket.ip() {
            IpAddr::V4(address) => mapped(address.octets()),
            IpAddr::V6(address) => address.octets(),
        }
    }

    /// As the maps hold it.
    pub(crate) fn port(&self) -> [u8; 2] {
        self.socket.port().to_be_bytes()
    }

    /// Offset of the UDP payload in frames of this family.
    pub(crate) fn payload_offset(&self) -> usize {
        if self.socket.is_ipv4() { 42 } else { 62 }
    }
}

/// An Ethernet frame with a UDP datagram.
pub(crate) fn frame(from: &Endpoint, to: &Endpoint, payload: &[u8]) -> Vec<u8> {
    let udp_len = (8 + payload.len() as u16).to_be_bytes();
    let mut udp = [from.port(), to.port(), udp_len, [0, 0]].concat();
    udp.extend(payload);
    let mut frame = [to.mac, from.mac].concat();
    match (from.socket.ip(), to.socket.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            frame.extend([0x08, 0x00]);
            let total_len = (20 + udp.len() as u16).to_be_bytes();
            let mut ip = [0x45, 0, total_len[0], total_len[1], 0, 7, 0x40, 0, 57, 17, 0, 0].to_vec();
            ip.extend(from.octets());
            ip.extend(to.octets());
            let checksum = (!sum(&ip)).to_be_bytes();
            ip[10..12].copy_from_slice(&checksum);
            frame.extend(ip);
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, udp_len[0], udp_len[1], 17, 57]);
            frame.extend(from.octets());
            frame.extend(to.octets());
            // Not optional, unlike over IPv4 (RFC 8200 section 8.1).
            let pseudo = [&from.octets()[..], &to.octets(), &[0, 0], &udp_len, &[0, 0, 0, 17], &udp].concat();
            udp[6..8].copy_from_slice(&(!sum(&pseudo)).to_be_bytes());
        }
        _ => panic!("ends of two families"),
    }
    frame.extend(udp);
    frame
}

/// The frame with an 802.1Q tag of this control information.
pub(crate) fn tagged(mut frame: Vec<u8>, control: u16) -> Vec<u8> {
    let [high, low] = control.to_be_bytes();
    frame.splice(12..12, [0x81, 0x00, high, low]);
    frame
}

/// A datagram as it was found in a frame whose lengths and checksums are right.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    /// Tag control information; 0 = none.
    pub(crate) vlan: u16,
    pub(crate) from: Endpoint,
    pub(crate) to: Endpoint,
    pub(crate) hops: u8,
    pub(crate) payload: Vec<u8>,
}

/// Takes a frame apart; `None` if it is not UDP.
pub(crate) fn datagram(frame: &[u8]) -> Option<Datagram> {
    let mac = |at: usize| -> [u8; 6] { frame[at..at + 6].try_into().unwrap() };
    let (addresses, hops, udp): (_, u8, &[u8]) = match frame[12..14] {
        [0x08, 0x00] if frame[14] == 0x45 && frame[23] == 17 => {
            assert_eq!(sum(&frame[14..34]), 0xffff, "IPv4 checksum");
            assert_eq!(be16(frame, 16), frame.len() - 14, "IPv4 length");
            (ip_pair(&frame[26..34]), frame[22], &frame[34..])
        }
        [0x86, 0xdd] if frame[20] == 17 => {
            assert_eq!(be16(frame, 18), frame.len() - 54, "IPv6 length");
            (ip_pair(&frame[22..54]), frame[21], &frame[54..])
        }
        _ => return None,
    };
    assert_eq!(be16(udp, 4), udp.len(), "UDP length");
    assert_ne!(&udp[6..8], [0, 0], "there is a UDP checksum");
    let pseudo = [addresses.2, vec![0, 17], (udp.len() as u16).to_be_bytes().to_vec(), udp.to_vec()].concat();
    assert_eq!(sum(&pseudo), 0xffff, "UDP checksum");
    let port = |at: usize| be16(udp, at) as u16;
    Some(Datagram {
        vlan: 0,
        from: Endpoint { mac: mac(6), socket: SocketAddr::new(addresses.0, port(0)) },
        to: Endpoint { mac: mac(0), socket: SocketAddr::new(addresses.1, port(2)) },
        hops,
        payload: udp[8..].to_vec(),
    })
}

/// Source, destination, and both as bytes.
fn ip_pair(bytes: &[u8]) -> (IpAddr, IpAddr, Vec<u8>) {
    let (from, to) = bytes.split_at(bytes.len() / 2);
    let ip = |bytes: &[u8]| match <[u8; 4]>::try_from(bytes) {
        Ok(v4) => IpAddr::from(v4),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes).unwrap()),
    };
    (ip(from), ip(to), bytes.to_vec())
}

fn be16(bytes: &[u8], at: usize) -> usize {
    u16::from_be_bytes([bytes[at], bytes[at + 1]]) as usize
}

/// The sum of RFC 1071, without its complement.
fn sum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// An RTP header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) padding: bool,
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) csrcs: Vec<u32>,
    /// Profile and content, a multiple of 4 bytes.
    pub(crate) extension: Option<(u16, Vec<u8>)>,
}

/// The profile of one-byte extensions.
pub(crate) const ONE_BYTE: u16 = 0xbede;
/// The first profile of two-byte extensions.
pub(crate) const TWO_BYTE: u16 = 0x1000;

impl Header {
    /// With an extension of these elements, padded.
    pub(crate) fn with_extension(mut self, profile: u16, elements: &[u8]) -> Header {
        let mut content = elements.to_vec();
        content.resize(content.len().next_multiple_of(4), 0);
        self.extension = Some((profile, content));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let flags = u8::from(self.padding) << 5 | u8::from(self.extension.is_some()) << 4;
        let mut bytes = vec![0x80 | flags | self.csrcs.len() as u8];
        bytes.push(u8::from(self.marker) << 7 | self.payload_type);
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.timestamp.to_be_bytes());
        bytes.extend(self.ssrc.to_be_bytes());
        for csrc in &self.csrcs {
            bytes.extend(csrc.to_be_bytes());
        }
        if let Some((profile, content)) = &self.extension {
            bytes.extend(profile.to_be_bytes());
            bytes.extend((content.len() as u16 / 4).to_be_bytes());
            bytes.extend(content);
        }
        bytes
    }

    /// Reads a header; also returns its length.
    pub(crate) fn read(packet: &[u8]) -> (Header, usize) {
        let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        assert_eq!(packet[0] >> 6, 2, "version");
        let mut length = 12 + 4 * usize::from(packet[0] & 0x0f);
        let csrcs = (12..length).step_by(4).map(word).collect();
        let mut extension = None;
        if packet[0] & 0x10 != 0 {
            let content = 4 * be16(packet, length + 2);
            let (profile, start) = (be16(packet, length) as u16, length + 4);
            length = start + content;
            extension = Some((profile, packet[start..length].to_vec()));
        }
        let header = Header {
            padding: packet[0] & 0x20 != 0,
            marker: packet[1] & 0x80 != 0,
            payload_type: packet[1] & 0x7f,
            sequence: be16(packet, 2) as u16,
            timestamp: word(4),
            ssrc: word(8),
            csrcs,
            extension,
        };
        (header, length)
    }
}

/// The elements of a well-formed extension in one-byte form, as (id, data) (RFC 8285 section 4.2).
pub(crate) fn elements(mut content: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut elements = Vec::new();
    while let Some((&first, rest)) = content.split_first() {
        let (data, rest) = if first == 0 {
            (None, rest)
        } else {
            let (data, rest) = rest.split_at(usize::from(first & 0x0f) + 1);
            (Some(data), rest)
        };
        elements.extend(data.map(|data| (first >> 4, data.to_vec())));
        content = rest;
    }
    elements
}
