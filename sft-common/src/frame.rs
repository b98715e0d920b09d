//! Which frames carry media that this code may touch.
//!
//! Only the plain shape is taken: Ethernet with at most one 802.1Q tag, IPv4 without options or IPv6 without
//! extension headers, not a fragment, UDP. Every other frame is for the kernel's stack.

use crate::{maps::TupleKey, packet::Bytes};

/// Bytes of an Ethernet header.
pub const ETHERNET_LEN: usize = 14;
/// Bytes of an 802.1Q tag: its type and the tag control information.
pub const TAG_LEN: usize = 4;
/// Bytes of an Ethernet header with a tag.
pub const TAGGED_LEN: usize = ETHERNET_LEN + TAG_LEN;
/// Bytes of an IPv4 header without options.
pub const IPV4_LEN: usize = 20;
/// Bytes of an IPv6 header.
pub const IPV6_LEN: usize = 40;
/// Bytes of a UDP header.
pub const UDP_LEN: usize = 8;
/// Where the UDP payload of an untagged IPv4 frame starts.
pub const IPV4_PAYLOAD: usize = ETHERNET_LEN + IPV4_LEN + UDP_LEN;
/// Where the UDP payload of an untagged IPv6 frame starts.
pub const IPV6_PAYLOAD: usize = ETHERNET_LEN + IPV6_LEN + UDP_LEN;

pub(crate) const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
pub(crate) const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
pub(crate) const ETHERTYPE_VLAN: [u8; 2] = [0x81, 0x00];
pub(crate) const PROTOCOL_UDP: u8 = 17;
/// First 12 bytes of an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2).
const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/// The VLAN's number in the tag control information; priority and drop eligibility are the rest.
const VLAN_MASK: u16 = 0x0fff;

/// IP version of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Family {
    V4 = 4,
    V6 = 6,
}

/// A UDP datagram inside a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp {
    /// `local` is the destination, `remote` the source.
    pub tuple: TupleKey,
    /// The VLAN that the frame came on; 0 = none. A priority tag (IEEE 802.1Q section 6.9) names none either.
    pub vlan: u16,
    /// [`IPV4_PAYLOAD`] or [`IPV6_PAYLOAD`], and [`TAG_LEN`] more behind a tag.
    pub payload_offset: usize,
    /// As the UDP header says; the frame may be longer (Ethernet pads to 60 bytes).
    pub payload_len: usize,
    pub family: Family,
}

/// What a frame is to the media path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Not of the shape described above: pass it on.
    Other,
    /// UDP whose length fields contradict each other or the frame.
    Runt,
    Udp(Udp),
}

/// Reads the headers of a frame.
#[inline(always)]
pub fn classify_frame(frame: &impl Bytes) -> Frame {
    match frame.load::<2>(ETHERNET_LEN - 2) {
        Some(ETHERTYPE_IPV4) => classify_ipv4::<ETHERNET_LEN>(frame, 0),
        Some(ETHERTYPE_IPV6) => classify_ipv6::<ETHERNET_LEN>(frame, 0),
        Some(ETHERTYPE_VLAN) => classify_tagged(frame),
        _ => Frame::Other,
    }
}

#[inline(always)]
fn classify_tagged(frame: &impl Bytes) -> Frame {
    let Some([c0, c1, t0, t1]) = frame.load::<TAG_LEN>(ETHERNET_LEN) else { return Frame::Other };
    let vlan = u16::from_be_bytes([c0, c1]) & VLAN_MASK;
    match [t0, t1] {
        ETHERTYPE_IPV4 => classify_ipv4::<TAGGED_LEN>(frame, vlan),
        ETHERTYPE_IPV6 => classify_ipv6::<TAGGED_LEN>(frame, vlan),
        _ => Frame::Other,
    }
}

#[inline(always)]
fn classify_ipv4<const IP: usize>(frame: &impl Bytes, vlan: u16) -> Frame {
    let Some(ip) = frame.load::<IPV4_LEN>(IP) else { return Frame::Other };
    // The flag "more fragments" or an offset: the ports are elsewhere or the rest of the data is.
    let fragment = (ip[6] & 0x3f) | ip[7] != 0;
    if ip[0] != 0x45 || ip[9] != PROTOCOL_UDP || fragment {
        return Frame::Other;
    }
    let total_len = u16::from_be_bytes([ip[2], ip[3]]) as usize;
    if total_len < IPV4_LEN {
        return Frame::Runt;
    }
    udp::<IP>(
        frame,
        vlan,
        Family::V4,
        total_len - IPV4_LEN,
        mapped([ip[12], ip[13], ip[14], ip[15]]),
        mapped([ip[16], ip[17], ip[18], ip[19]]),
    )
}

#[inline(always)]
fn classify_ipv6<const IP: usize>(frame: &impl Bytes, vlan: u16) -> Frame {
    let Some(ip) = frame.load::<8>(IP) else { return Frame::Other };
    if ip[0] >> 4 != 6 || ip[6] != PROTOCOL_UDP {
        return Frame::Other;
    }
    let (Some(source), Some(destination)) = (frame.load::<16>(IP + 8), frame.load::<16>(IP + 24)) else {
        return Frame::Runt;
    };
    udp::<IP>(frame, vlan, Family::V6, u16::from_be_bytes([ip[4], ip[5]]) as usize, source, destination)
}

/// `ip_payload` is what the IP header says follows it.
#[inline(always)]
fn udp<const IP: usize>(
    frame: &impl Bytes,
    vlan: u16,
    family: Family,
    ip_payload: usize,
    source: [u8; 16],
    destination: [u8; 16],
) -> Frame {
    let udp_offset = match family {
        Family::V4 => IP + IPV4_LEN,
        Family::V6 => IP + IPV6_LEN,
    };
    let Some(udp) = frame.load::<UDP_LEN>(udp_offset) else { return Frame::Runt };
    let udp_len = u16::from_be_bytes([udp[4], udp[5]]) as usize;
    if udp_len < UDP_LEN || udp_len > ip_payload || udp_offset + ip_payload > frame.len() {
        return Frame::Runt;
    }
    Frame::Udp(Udp {
        tuple: TupleKey {
            local: destination,
            remote: source,
            local_port: [udp[2], udp[3]],
            remote_port: [udp[0], udp[1]],
        },
        vlan,
        payload_offset: udp_offset + UDP_LEN,
        payload_len: udp_len - UDP_LEN,
        family,
    })
}

/// An IPv4 address as `TUPLES` and `LOCAL` hold it.
#[inline(always)]
pub const fn mapped(v4: [u8; 4]) -> [u8; 16] {
    let m = MAPPED;
    [m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8], m[9], m[10], m[11], v4[0], v4[1], v4[2], v4[3]]
}
