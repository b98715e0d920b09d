//! The headers of a copy, made anew from where it goes; nothing of the incoming ones is kept but what
//! the functions take.

use crate::{
    checksum,
    drops::DropReason,
    flight::Flight,
    frame::{
        ETHERNET_LEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN, Family, IPV4_LEN, IPV6_LEN,
        PROTOCOL_UDP, TAGGED_LEN, UDP_LEN,
    },
    maps::PathRecord,
    rtp::FIXED_HEADER,
    slot::Outgoing,
};

/// Bytes of an outgoing RTP header without extension: exactly one CSRC.
pub const RTP_LEN: usize = FIXED_HEADER + 4;
/// Time to live, hop limit.
const HOPS: u8 = 64;

impl PathRecord {
    /// IP version of the path.
    #[inline(always)]
    pub const fn ip_family(&self) -> Family {
        if self.family == Family::V6 as u32 { Family::V6 } else { Family::V4 }
    }
}

/// Does a UDP payload of this length fit into one IP packet of the path?
///
/// # Errors
/// `FrameTooBig`.
#[inline(always)]
pub const fn check_mtu(path: &PathRecord, udp_payload: usize) -> Result<(), DropReason> {
    let ip_header = match path.ip_family() {
        Family::V4 => IPV4_LEN,
        Family::V6 => IPV6_LEN,
    };
    let ip_len = ip_header + UDP_LEN + udp_payload;
    if ip_len <= path.mtu as usize && ip_len <= u16::MAX as usize {
        Ok(())
    } else {
        Err(DropReason::FrameTooBig)
    }
}

/// Ethernet header of a path without VLAN.
#[inline(always)]
pub const fn ethernet(path: &PathRecord) -> [u8; ETHERNET_LEN] {
    let (d, s, [t0, t1]) = (&path.destination_mac, &path.source_mac, ethertype(path));
    [d[0], d[1], d[2], d[3], d[4], d[5], s[0], s[1], s[2], s[3], s[4], s[5], t0, t1]
}

/// Ethernet header with the tag of the path's VLAN, priority 0.
#[inline(always)]
pub const fn tagged_ethernet(path: &PathRecord) -> [u8; TAGGED_LEN] {
    let (d, s, [t0, t1]) = (&path.destination_mac, &path.source_mac, ethertype(path));
    let ([v0, v1], [c0, c1]) = (ETHERTYPE_VLAN, (path.vlan as u16).to_be_bytes());
    #[rustfmt::skip]
    let header = [
        d[0], d[1], d[2], d[3], d[4], d[5], s[0], s[1], s[2], s[3], s[4], s[5], v0, v1, c0, c1, t0, t1,
    ];
    header
}

#[inline(always)]
const fn ethertype(path: &PathRecord) -> [u8; 2] {
    match path.ip_family() {
        Family::V4 => ETHERTYPE_IPV4,
        Family::V6 => ETHERTYPE_IPV6,
    }
}

/// IPv4 and UDP header for a payload that passed [`check_mtu`].
///
/// Don't fragment is set, so the identification means nothing and is 0 (RFC 6864 section 4.1).
#[inline(always)]
pub const fn ipv4(path: &PathRecord, udp_payload: usize, udp_checksum: [u8; 2]) -> [u8; IPV4_LEN + UDP_LEN] {
    let (from, to) = (&path.local, &path.remote);
    let [l0, l1] = ((IPV4_LEN + UDP_LEN + udp_payload) as u16).to_be_bytes();
    let [c0, c1] = ipv4_checksum(path, [l0, l1]);
    let [u0, u1] = ((UDP_LEN + udp_payload) as u16).to_be_bytes();
    #[rustfmt::skip]
    let header = [
        VERSION_AND_LENGTH, 0, l0, l1, 0, 0, DONT_FRAGMENT, 0, HOPS, PROTOCOL_UDP, c0, c1,
        from[12], from[13], from[14], from[15], to[12], to[13], to[14], to[15],
        path.local_port[0], path.local_port[1], path.remote_port[0], path.remote_port[1],
        u0, u1, udp_checksum[0], udp_checksum[1],
    ];
    header
}

const VERSION_AND_LENGTH: u8 = 0x45;
const DONT_FRAGMENT: u8 = 0x40;

#[inline(always)]
const fn ipv4_checksum(path: &PathRecord, total_len: [u8; 2]) -> [u8; 2] {
    let (from, to) = (&path.local, &path.remote);
    let mut sum = checksum::add4(0, [VERSION_AND_LENGTH, 0, total_len[0], total_len[1]]);
    sum = checksum::add4(sum, [0, 0, DONT_FRAGMENT, 0]);
    sum = checksum::add4(sum, [HOPS, PROTOCOL_UDP, 0, 0]);
    sum = checksum::add4(sum, [from[12], from[13], from[14], from[15]]);
    sum = checksum::add4(sum, [to[12], to[13], to[14], to[15]]);
    checksum::finish(sum)
}

/// IPv6 and UDP header for a payload that passed [`check_mtu`]; traffic class and flow label 0.
#[inline(always)]
pub const fn ipv6(path: &PathRecord, udp_payload: usize, udp_checksum: [u8; 2]) -> [u8; IPV6_LEN + UDP_LEN] {
    let (f, t) = (&path.local, &path.remote);
    let [u0, u1] = ((UDP_LEN + udp_payload) as u16).to_be_bytes();
    #[rustfmt::skip]
    let header = [
        0x60, 0, 0, 0, u0, u1, PROTOCOL_UDP, HOPS,
        f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10], f[11], f[12], f[13], f[14], f[15],
        t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13], t[14], t[15],
        path.local_port[0], path.local_port[1], path.remote_port[0], path.remote_port[1],
        u0, u1, udp_checksum[0], udp_checksum[1],
    ];
    header
}

/// The UDP checksum of a payload whose bytes sum up to `payload_sum` (see [`checksum`]).
///
/// Both families at once: the pseudo header (RFC 768, RFC 8200 section 8.1) is the addresses, the
/// protocol and the UDP length, and the 0xffff of a mapped IPv4 address is another zero in ones'
/// complement.
#[inline(always)]
pub const fn udp_checksum(path: &PathRecord, udp_payload: usize, payload_sum: u64) -> [u8; 2] {
    let [u0, u1] = ((UDP_LEN + udp_payload) as u16).to_be_bytes();
    let mut sum = checksum::add16(payload_sum, path.local);
    sum = checksum::add16(sum, path.remote);
    sum = checksum::add4(sum, [0, PROTOCOL_UDP, u0, u1]);
    sum = checksum::add4(
        sum,
        [path.local_port[0], path.local_port[1], path.remote_port[0], path.remote_port[1]],
    );
    sum = checksum::add4(sum, [u0, u1, 0, 0]);
    checksum::finish_udp(sum)
}

/// The RTP header of a copy. `first` and `second` are the incoming header's first two bytes, of which
/// P, X, M and PT are kept; the incoming CSRCs are replaced by the one that names the source
/// (sft-protocol.md 10.6). The extension, if any, follows unchanged.
#[inline(always)]
pub const fn rtp(first: u8, second: u8, outgoing: Outgoing, ssrc: u32, csrc: u32) -> [u8; RTP_LEN] {
    const VERSION_2: u8 = 0x80;
    const PADDING_AND_EXTENSION: u8 = 0x30;
    const ONE_CSRC: u8 = 1;
    let [n0, n1] = (outgoing.index as u16).to_be_bytes();
    let [t0, t1, t2, t3] = outgoing.timestamp.to_be_bytes();
    let [s0, s1, s2, s3] = ssrc.to_be_bytes();
    let [c0, c1, c2, c3] = csrc.to_be_bytes();
    let first = VERSION_2 | first & PADDING_AND_EXTENSION | ONE_CSRC;
    [first, second, n0, n1, t0, t1, t2, t3, s0, s1, s2, s3, c0, c1, c2, c3]
}

/// Where a copy has the number of the frame that it begins, from the start of its RTP header, if it has one
/// ([`Outgoing::frame_id`] belongs there): the extension moves with the number of CSRCs.
#[inline(always)]
pub const fn frame_id_offset(flight: &Flight) -> usize {
    let incoming = FIXED_HEADER + 4 * flight.csrc_count as usize;
    RTP_LEN + (flight.frame_id_offset as usize).saturating_sub(incoming)
}
