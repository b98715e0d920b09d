//! The headers of a copy: Ethernet, IP and UDP of the receiver's path, and the RTP header of its slot.
//!
//! Returns small arrays that both lanes copy into place; what follows them in the packet (extension
//! block, payload) is not touched here.

use crate::{
    checksum::{ipv4_field, last_four},
    frame::{ETHERNET, IPV4, IPV6, UDP_HEADER},
    maps::PathRecord,
};

/// Ethernet, IPv4 and UDP headers together, in bytes.
pub const IPV4_HEADERS: usize = ETHERNET + IPV4 + UDP_HEADER;
/// Ethernet, IPv6 and UDP headers together, in bytes.
pub const IPV6_HEADERS: usize = ETHERNET + IPV6 + UDP_HEADER;
/// Fixed RTP header and one CSRC, in bytes.
pub const RTP_HEADER: usize = 16;
/// Hop limit of copies: they start a new journey, so a loop of servers ends.
const HOP_LIMIT: u8 = 64;
const UDP: u8 = 17;

/// What changes in an RTP header on the way to a receiver (sft-protocol 10.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpRewrite {
    /// First two bytes as the source sent them; P, X, M and payload type are kept.
    pub start: [u8; 2],
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Names the source; replaces whatever CSRC list the packet had.
    pub csrc: u32,
}

impl RtpRewrite {
    /// The fixed header with exactly one CSRC.
    #[inline(always)]
    pub const fn header(&self) -> [u8; RTP_HEADER] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [r0, r1, r2, r3] = self.ssrc.to_be_bytes();
        let [c0, c1, c2, c3] = self.csrc.to_be_bytes();
        let first = 0x80 | self.start[0] & 0x30 | 1;
        [first, self.start[1], s0, s1, t0, t1, t2, t3, r0, r1, r2, r3, c0, c1, c2, c3]
    }
}

/// Whether an IP packet with this UDP payload fits the path's MTU.
#[inline(always)]
pub const fn fits(path: &PathRecord, payload: usize) -> bool {
    let ip = if path.family == 4 { IPV4 } else { IPV6 };
    ip + UDP_HEADER + payload <= path.mtu as usize
}

/// Ethernet, IPv4 and UDP header of a copy with this UDP payload length and checksum field.
#[inline(always)]
pub fn ipv4_headers(path: &PathRecord, payload: u16, checksum: [u8; 2]) -> [u8; IPV4_HEADERS] {
    let total = (payload + (IPV4 + UDP_HEADER) as u16).to_be_bytes();
    let mut ip = [0; IPV4];
    ip[0] = 0x45;
    ip[2] = total[0];
    ip[3] = total[1];
    ip[6] = 0x40; // don't fragment: an identification is not needed (RFC 6864)
    ip[8] = HOP_LIMIT;
    ip[9] = UDP;
    ip[12..16].copy_from_slice(&last_four(&path.local));
    ip[16..20].copy_from_slice(&last_four(&path.remote));
    let field = ipv4_field(&ip);
    ip[10] = field[0];
    ip[11] = field[1];
    let mut headers = [0; IPV4_HEADERS];
    headers[..ETHERNET].copy_from_slice(&ethernet(path, [0x08, 0x00]));
    headers[ETHERNET..ETHERNET + IPV4].copy_from_slice(&ip);
    headers[ETHERNET + IPV4..].copy_from_slice(&udp(path, payload, checksum));
    headers
}

/// Ethernet, IPv6 and UDP header of a copy with this UDP payload length and checksum field.
#[inline(always)]
pub fn ipv6_headers(path: &PathRecord, payload: u16, checksum: [u8; 2]) -> [u8; IPV6_HEADERS] {
    let length = (payload + UDP_HEADER as u16).to_be_bytes();
    let mut headers = [0; IPV6_HEADERS];
    headers[..ETHERNET].copy_from_slice(&ethernet(path, [0x86, 0xdd]));
    headers[ETHERNET] = 0x60;
    headers[ETHERNET + 4] = length[0];
    headers[ETHERNET + 5] = length[1];
    headers[ETHERNET + 6] = UDP;
    headers[ETHERNET + 7] = HOP_LIMIT;
    headers[ETHERNET + 8..ETHERNET + 24].copy_from_slice(&path.local);
    headers[ETHERNET + 24..ETHERNET + IPV6].copy_from_slice(&path.remote);
    headers[ETHERNET + IPV6..].copy_from_slice(&udp(path, payload, checksum));
    headers
}

#[inline(always)]
fn ethernet(path: &PathRecord, ethertype: [u8; 2]) -> [u8; ETHERNET] {
    let mut header = [0; ETHERNET];
    header[..6].copy_from_slice(&path.destination_mac);
    header[6..12].copy_from_slice(&path.source_mac);
    header[12..].copy_from_slice(&ethertype);
    header
}

#[inline(always)]
const fn udp(path: &PathRecord, payload: u16, checksum: [u8; 2]) -> [u8; UDP_HEADER] {
    let [l0, l1] = (payload + UDP_HEADER as u16).to_be_bytes();
    let ([s0, s1], [d0, d1]) = (path.local_port, path.remote_port);
    [s0, s1, d0, d1, l0, l1, checksum[0], checksum[1]]
}
