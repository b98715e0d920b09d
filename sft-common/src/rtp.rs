//! The RTP header (RFC 3550 section 5.1) and its extension block (RFC 8285).
//!
//! Works on a fixed buffer of the packet's first bytes: every index is masked or bounded, so neither a
//! panic nor an unbounded read is possible for any input.

use crate::{drops::DropReason, maps::MAX_RTP_HEADER};

/// Size of the buffer that holds the first bytes of an RTP packet.
pub const HEADER_BUFFER: usize = 128;
/// The first bytes of a UDP payload, zero-filled behind its end.
pub type HeaderBuffer = [u8; HEADER_BUFFER];
/// Length of the fixed RTP header.
pub const FIXED: usize = 12;

const _: () = assert!(MAX_RTP_HEADER <= HEADER_BUFFER && HEADER_BUFFER.is_power_of_two());

/// How extension elements are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionProfile {
    /// No extension block, or a profile that is skipped as a whole.
    None,
    /// 0xBEDE: 4-bit ids, 1 to 16 bytes.
    OneByte,
    /// 0x100X: 8-bit ids, 0 to 255 bytes.
    TwoByte,
}

/// A parsed RTP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// 0..=15.
    pub csrc_count: u8,
    /// P bit.
    pub padding: bool,
    /// With CSRCs and extension block, in bytes; at most [`MAX_RTP_HEADER`].
    pub header_len: usize,
    pub profile: ExtensionProfile,
    /// First byte of the extension's elements; meaningless without one.
    pub extension_offset: usize,
    /// Bytes of elements.
    pub extension_len: usize,
}

/// The byte at `i`; indices wrap instead of failing, callers bound them.
#[inline(always)]
pub(crate) fn byte(buffer: &HeaderBuffer, i: usize) -> u8 {
    buffer[i & (HEADER_BUFFER - 1)]
}

#[inline(always)]
fn word(buffer: &HeaderBuffer, i: usize) -> u16 {
    u16::from_be_bytes([byte(buffer, i), byte(buffer, i + 1)])
}

#[inline(always)]
fn long(buffer: &HeaderBuffer, i: usize) -> u32 {
    (word(buffer, i) as u32) << 16 | word(buffer, i + 2) as u32
}

/// Parses the header of an RTP packet whose UDP payload has `payload_len` bytes.
///
/// # Errors
/// [`DropReason::BadRtpHeader`] if version or lengths contradict the packet,
/// [`DropReason::HeaderTooLong`] above [`MAX_RTP_HEADER`].
#[inline(always)]
pub fn parse(buffer: &HeaderBuffer, payload_len: usize) -> Result<RtpHeader, DropReason> {
    let first = buffer[0];
    if first >> 6 != 2 || payload_len < FIXED {
        return Err(DropReason::BadRtpHeader);
    }
    let csrc_count = first & 15;
    let mut header_len = FIXED + 4 * csrc_count as usize;
    let (mut profile, mut extension_offset, mut extension_len) = (ExtensionProfile::None, 0, 0);
    if first & 0x10 != 0 {
        if header_len + 4 > payload_len {
            return Err(DropReason::BadRtpHeader);
        }
        profile = match word(buffer, header_len) {
            0xbede => ExtensionProfile::OneByte,
            id if id & 0xfff0 == 0x1000 => ExtensionProfile::TwoByte,
            _ => ExtensionProfile::None,
        };
        extension_len = 4 * word(buffer, header_len + 2) as usize;
        extension_offset = header_len + 4;
        header_len = extension_offset + extension_len;
    }
    if header_len > payload_len {
        return Err(DropReason::BadRtpHeader);
    }
    if header_len > MAX_RTP_HEADER {
        return Err(DropReason::HeaderTooLong);
    }
    Ok(RtpHeader {
        sequence: word(buffer, 2),
        timestamp: long(buffer, 4),
        ssrc: long(buffer, 8),
        csrc_count,
        padding: first & 0x20 != 0,
        header_len,
        profile,
        extension_offset,
        extension_len,
    })
}
