//! The Internet checksum (RFC 1071).
//!
//! Sums are of native words over the bytes as they lie in the packet: ones' complement arithmetic does
//! not care about byte order as long as the result is stored the way the words were loaded.

/// Adds a word to a sum, carry included.
#[inline(always)]
pub const fn add(sum: u64, word: u64) -> u64 {
    let (sum, carry) = sum.overflowing_add(word);
    // After an overflow the sum is at most 2^64 - 2.
    sum.wrapping_add(carry as u64)
}

/// Adds 4 bytes that start at an even offset.
#[inline(always)]
pub const fn add4(sum: u64, bytes: [u8; 4]) -> u64 {
    add(sum, u32::from_ne_bytes(bytes) as u64)
}

/// Adds 16 bytes that start at an even offset.
#[inline(always)]
pub const fn add16(sum: u64, b: [u8; 16]) -> u64 {
    let first = u64::from_ne_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
    let second = u64::from_ne_bytes([b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]]);
    add(add(sum, first), second)
}

/// Adds bytes that start at an even offset; for those who hold them as a slice.
pub fn add_bytes(mut sum: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        sum = add(sum, u64::from_ne_bytes(*word));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    add(sum, u64::from_ne_bytes(last))
}

/// The 16-bit complement of a sum, as the bytes of a checksum field.
#[inline(always)]
pub const fn finish(sum: u64) -> [u8; 2] {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    (!(sum as u16)).to_ne_bytes()
}

/// [`finish`] for UDP, where 0 would mean that there is no checksum (RFC 768, RFC 8200 section 8.1).
#[inline(always)]
pub const fn finish_udp(sum: u64) -> [u8; 2] {
    match finish(sum) {
        [0, 0] => [0xff, 0xff],
        checksum => checksum,
    }
}
