//! The RTP header (RFC 3550 section 5.1) of a packet on its way in.

use crate::{
    drops::DropReason,
    maps::{MAX_PAYLOAD, MAX_RTP_HEADER},
};

/// The first bytes of a UDP payload; zeros where the payload is shorter.
pub type HeaderBuffer = [u8; HEADER_BUFFER];
/// A power of two above [`MAX_RTP_HEADER`], so that any masked offset is inside.
pub const HEADER_BUFFER: usize = 128;
/// Bytes of an RTP header without CSRCs and extension.
pub const FIXED_HEADER: usize = 12;

const _: () = assert!(MAX_RTP_HEADER < HEADER_BUFFER && HEADER_BUFFER.is_power_of_two());

/// Form of the header extension (RFC 8285 section 4.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExtensionProfile {
    /// No extension.
    None,
    /// 0xBEDE.
    OneByte,
    /// 0x1000 to 0x100F.
    TwoByte,
    /// Some other profile; carried along, not read.
    Other,
}

/// A parsed header. All lengths and offsets are in bytes from the start of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    pub marker: bool,
    /// The P bit: the last byte of the payload counts padding bytes.
    pub padding: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub csrc_count: u8,
    /// With CSRCs and extension; 12 to [`MAX_RTP_HEADER`].
    pub header_len: usize,
    /// First byte behind the extension's own 4-byte header.
    pub extension_offset: usize,
    /// Without the extension's own 4-byte header.
    pub extension_len: usize,
    pub profile: ExtensionProfile,
}

/// The byte at `offset`, which must be below [`HEADER_BUFFER`].
#[inline(always)]
pub(crate) fn byte(buffer: &HeaderBuffer, offset: usize) -> u8 {
    buffer[offset & (HEADER_BUFFER - 1)]
}

/// Copies the start of a payload; for those who hold it as a slice.
pub fn header_buffer(payload: &[u8]) -> HeaderBuffer {
    let mut buffer = [0; HEADER_BUFFER];
    for (to, from) in buffer.iter_mut().zip(payload) {
        *to = *from;
    }
    buffer
}

/// Reads the header of a packet whose UDP payload, authentication tag included, is `payload_len` long.
///
/// # Errors
/// `Runt` if no fixed header fits, `BadRtpHeader` if the version is not 2 or the header is longer than
/// the packet, `HeaderTooLong` if it is longer than [`MAX_RTP_HEADER`].
#[inline(always)]
pub fn parse(buffer: &HeaderBuffer, payload_len: usize) -> Result<RtpHeader, DropReason> {
    if payload_len < FIXED_HEADER {
        return Err(DropReason::Runt);
    }
    if buffer[0] >> 6 != 2 {
        return Err(DropReason::BadRtpHeader);
    }
    let csrc_count = buffer[0] & 0x0f;
    let mut header_len = FIXED_HEADER + 4 * csrc_count as usize;
    let mut extension_len = 0;
    let mut profile = ExtensionProfile::None;
    if buffer[0] & 0x10 != 0 {
        if header_len + 4 > payload_len {
            return Err(DropReason::BadRtpHeader);
        }
        profile = extension_profile(byte(buffer, header_len), byte(buffer, header_len + 1));
        let words = u16::from_be_bytes([byte(buffer, header_len + 2), byte(buffer, header_len + 3)]);
        extension_len = 4 * words as usize;
        header_len += 4 + extension_len;
    }
    if header_len > payload_len {
        return Err(DropReason::BadRtpHeader);
    }
    if header_len > MAX_RTP_HEADER {
        return Err(DropReason::HeaderTooLong);
    }
    Ok(RtpHeader {
        marker: buffer[1] & 0x80 != 0,
        padding: buffer[0] & 0x20 != 0,
        payload_type: buffer[1] & 0x7f,
        sequence: u16::from_be_bytes([buffer[2], buffer[3]]),
        timestamp: u32::from_be_bytes([buffer[4], buffer[5], buffer[6], buffer[7]]),
        ssrc: u32::from_be_bytes([buffer[8], buffer[9], buffer[10], buffer[11]]),
        csrc_count,
        header_len,
        extension_offset: header_len - extension_len,
        extension_len,
        profile,
    })
}

/// Length of the RTP payload, padding included, between a header of `header_len` and a tag of `tag_len`, when
/// all three are `packet_len` long.
///
/// # Errors
/// `AuthFailed` if there is no room for a tag, `PayloadTooLong` if more than [`MAX_PAYLOAD`] is left.
#[inline(always)]
pub const fn body_len(packet_len: usize, header_len: usize, tag_len: usize) -> Result<usize, DropReason> {
    let around = header_len + tag_len;
    if packet_len < around {
        return Err(DropReason::AuthFailed);
    }
    let body = packet_len - around;
    if body > MAX_PAYLOAD { Err(DropReason::PayloadTooLong) } else { Ok(body) }
}

#[inline(always)]
fn extension_profile(high: u8, low: u8) -> ExtensionProfile {
    match (high, low) {
        (0xbe, 0xde) => ExtensionProfile::OneByte,
        (0x10, 0x00..=0x0f) => ExtensionProfile::TwoByte,
        _ => ExtensionProfile::Other,
    }
}

impl RtpHeader {
    /// `true` if a decrypted payload of `payload_len` bytes that ends with `last` is padding only
    /// (RFC 3550 section 5.1, P bit).
    #[inline(always)]
    pub fn is_padding_only(&self, payload_len: usize, last: u8) -> bool {
        self.padding && last != 0 && last as usize == payload_len
    }
}
