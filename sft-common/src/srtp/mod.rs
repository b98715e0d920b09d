//! SRTP (RFC 3711, RFC 7714) as the XDP programs need it: one packet in place, nothing but integer
//! arithmetic, table look-ups and bounds that the verifier can follow.
//!
//! The same functions run in host tests. The userspace lane does not use them: it has a library with
//! hardware instructions. What is here may not allocate, may not loop without [`memory::may_continue`],
//! and may not index a slice (a bounds check that survives is a panic, which BPF cannot express).
//!
//! Layout in the frame, in both directions: RTP header, payload, then the 10 or 16 bytes of the profile's tag.
//! Nothing behind the tag is touched: not every frame has room there.
//!
//! Table AES and table GHASH leak through the cache to whoever shares the core; docs/security.md weighs it.

pub mod aes;
pub mod counter_mode;
pub mod gcm;
pub mod ghash;
pub mod key;
pub mod memory;
pub mod sha1;
pub mod stream;

#[cfg(test)]
mod tests;

use crate::{
    frame::{IPV6_PAYLOAD, TAG_LEN},
    maps::{MAX_PAYLOAD, MAX_RTP_HEADER},
};
use memory::opaque;

/// Room behind the payload for the tag of any profile.
pub const TAG_ROOM: usize = 16;
/// Longest RTP header at egress: the longest one taken in, and the CSRC that sealing's caller may have added.
pub const MAX_SEALED_HEADER: usize = MAX_RTP_HEADER + 4;
/// Largest offset of the RTP header in a frame: Ethernet with a VLAN tag, IPv6, UDP.
pub const MAX_RTP_OFFSET: usize = IPV6_PAYLOAD + TAG_LEN;

/// The packet was sealed, or opened and its tag verified.
pub const DONE: i32 = 0;
/// The lengths in [`Work`] contradict the frame or the limits above; nothing was verified.
pub const MALFORMED: i32 = 1;
/// The tag does not verify. The payload has been overwritten.
pub const FORGED: i32 = 2;

/// What sealing and opening are told about a packet, and their scratch memory. One per CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Offset of the RTP header in the frame: 42 (IPv4) or 62 (IPv6), behind a VLAN tag 46 or 66.
    pub rtp: u32,
    /// Length of the RTP header with CSRCs and extensions: 12..=[`MAX_SEALED_HEADER`], a multiple of 4.
    pub header: u32,
    /// Length of the payload with RTP padding and without tag: 0..=[`MAX_PAYLOAD`].
    pub payload: u32,
    /// SSRC, as the four bytes lie in the header.
    pub ssrc: u32,
    /// 48-bit packet index: rollover counter and sequence number (RFC 3711 section 3.3.1).
    pub index: u64,
    /// Set by sealing: sum of the 16-bit words, as they lie in memory, from the RTP header to the end of
    /// the tag, not folded. Input to the UDP checksum (RFC 1071).
    pub sum: u64,
    /// Scratch of HMAC-SHA1.
    pub sha1: sha1::Sha1,
}

/// The bytes of a frame: `data` up to and without `end`.
#[derive(Clone, Copy)]
pub struct Frame {
    pub data: *mut u8,
    pub end: *mut u8,
}

impl Frame {
    /// Whether `length` bytes at `at`, which is not in front of the frame, belong to it.
    #[inline(always)]
    fn holds(self, at: *mut u8, length: usize) -> bool {
        at.wrapping_add(length) <= self.end
    }
}

/// The lengths of [`Work`], within limits that the verifier has seen.
#[derive(Clone, Copy)]
struct Extent {
    /// First byte of the RTP header.
    start: *mut u8,
    header: u64,
    payload: u64,
}

impl Extent {
    /// `None` where the record exceeds the limits.
    ///
    /// # Safety
    /// `work` points to a record.
    #[inline(always)]
    unsafe fn of(frame: Frame, work: *const Work) -> Option<Extent> {
        // SAFETY: the caller's promise.
        let (rtp, header, payload) =
            unsafe { ((*work).rtp as u64, (*work).header as u64, (*work).payload as u64) };
        // Mask, hide from the optimiser, compare: otherwise it drops the masks it can prove useless, and
        // with them the bounds that the verifier needs.
        let (rtp, header, payload) = (opaque(rtp & 127), opaque(header & 255), opaque(payload & 2047));
        if rtp > MAX_RTP_OFFSET as u64 {
            return None;
        }
        if header < 12 {
            return None;
        }
        if header > MAX_SEALED_HEADER as u64 {
            return None;
        }
        if payload > MAX_PAYLOAD as u64 {
            return None;
        }
        Some(Extent { start: frame.data.wrapping_add(rtp as usize), header, payload })
    }

    /// First byte of the payload.
    #[inline(always)]
    fn body(self) -> *mut u8 {
        self.start.wrapping_add(self.header as usize)
    }

    /// First byte of the tag.
    #[inline(always)]
    fn tag(self) -> *mut u8 {
        self.start.wrapping_add(opaque((self.header + self.payload) & 0x7ff) as usize)
    }
}

/// The halves of a 64-bit word, for a checksum: their 16-bit words add up to the same sum (mod 2^16 - 1).
#[inline(always)]
fn halves(word: u64) -> u64 {
    (word & 0xffff_ffff) + (word >> 32)
}

/// A sum of 16-bit words folded to 16 bits, with the bytes swapped if the words began at an odd offset.
#[inline(always)]
fn at_parity(sum: u64, odd: bool) -> u64 {
    let folded = fold(sum) as u16;
    (if odd { folded.swap_bytes() } else { folded }) as u64
}

/// A sum of 16-bit words folded to 16 bits (RFC 1071).
#[inline(always)]
pub fn fold(mut sum: u64) -> u64 {
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    (sum & 0xffff) + (sum >> 16)
}
