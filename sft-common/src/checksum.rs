//! Internet checksums (RFC 1071) of the headers that copies get.
//!
//! Sums are of native-endian words, which is right for either byte order as long as the result is stored
//! as it is (RFC 1071 section 2 (B)).

use crate::{frame, maps::PathRecord};

/// Protocol number of UDP.
const UDP: u8 = 17;

/// Adds bytes at an even offset of the checksummed data to a sum that is not folded yet.
#[inline(always)]
pub fn add<const N: usize>(mut sum: u64, bytes: &[u8; N]) -> u64 {
    let mut i = 0;
    while i + 1 < N {
        sum += u16::from_ne_bytes([bytes[i], bytes[i + 1]]) as u64;
        i += 2;
    }
    if N % 2 == 1 {
        sum += u16::from_ne_bytes([bytes[N - 1], 0]) as u64;
    }
    sum
}

/// Folds a sum into 16 bits.
#[inline(always)]
pub const fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    ((sum >> 16) + (sum & 0xffff)) as u16
}

/// Sum of the pseudo-header (RFC 768; RFC 8200 section 8.1) and the UDP header of a copy.
/// `length` is that of UDP header and payload.
#[inline(always)]
pub fn pseudo_header(path: &PathRecord, length: u16) -> u64 {
    let ports = [path.local_port[0], path.local_port[1], path.remote_port[0], path.remote_port[1]];
    let length = length.to_be_bytes();
    let mut sum = add(add(0, &ports), &[0, UDP]);
    // Once in the pseudo-header, once in the UDP header.
    sum = add(add(sum, &length), &length);
    if path.family == 4 {
        add(add(sum, &last_four(&path.local)), &last_four(&path.remote))
    } else {
        add(add(sum, &path.local), &path.remote)
    }
}

/// The UDP checksum field for a sum over pseudo-header, UDP header and payload; never 0, which would mean
/// "none" (RFC 768).
#[inline(always)]
pub const fn udp_field(sum: u64) -> [u8; 2] {
    match !fold(sum) {
        0 => [0xff, 0xff],
        checksum => checksum.to_ne_bytes(),
    }
}

/// The checksum field of an IPv4 header whose own field is zero.
#[inline(always)]
pub fn ipv4_field(header: &[u8; frame::IPV4]) -> [u8; 2] {
    (!fold(add(0, header))).to_ne_bytes()
}

/// The IPv4 address in a mapped one.
#[inline(always)]
pub const fn last_four(address: &[u8; 16]) -> [u8; 4] {
    [address[12], address[13], address[14], address[15]]
}
