//! The RTP header extensions the forwarding plane reads, and those it hides from receivers.
//!
//! Ids are the ones our offer fixes (sft-protocol 5.1): 1 audio level (RFC 6464), 3 transport-wide
//! sequence number, 4 RID (RFC 8852), 5 repaired RID, 11 generic frame descriptor. Payloads are never
//! looked at.

use crate::rtp::{ExtensionProfile, HeaderBuffer, RtpHeader, byte};

/// Elements and padding bytes looked at; more than fit between the fixed header and the longest header.
const MAX_STEPS: usize = 112;

/// Simulcast layer named by a RID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rid {
    Low,
    High,
}

/// What the generic frame descriptor says about key frames (sft-protocol 10.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum KeyframeMark {
    /// The source marks nothing; any packet may start a slot.
    #[default]
    Unmarked = 0,
    /// First packet of a frame that depends on no other.
    Start,
    NotStart,
}

impl KeyframeMark {
    /// The mark with this number; unknown numbers mean [`KeyframeMark::NotStart`].
    #[inline(always)]
    pub const fn from_number(number: u32) -> Self {
        match number {
            0 => KeyframeMark::Unmarked,
            1 => KeyframeMark::Start,
            _ => KeyframeMark::NotStart,
        }
    }
}

/// An element that is overwritten with zeros (padding, RFC 8285 section 4.2) before fan-out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blank {
    /// From the start of the RTP header.
    pub offset: u8,
    /// Element header and data; 0 = nothing to blank.
    pub len: u8,
}

/// What the extensions of one packet say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// -dBov: 0 loud, 127 silent.
    pub audio_level: Option<u8>,
    pub transport_sequence: Option<u16>,
    pub rid: Option<Rid>,
    pub keyframe: KeyframeMark,
    /// The sender's transport-wide sequence number and RIDs concern only its own leg.
    pub blanks: [Blank; 3],
}

/// Walks the extension block of a parsed packet. Stops at the end of the block, at id 15 (RFC 8285
/// section 4.2), and at an element that would reach past the block.
#[inline(always)]
pub fn walk(buffer: &HeaderBuffer, header: &RtpHeader) -> Extensions {
    let mut found = Extensions::default();
    if header.profile == ExtensionProfile::None {
        return found;
    }
    let end = header.extension_offset + header.extension_len;
    let mut at = header.extension_offset;
    let mut steps = 0;
    while steps < MAX_STEPS {
        steps += 1;
        if at >= end {
            break;
        }
        let first = byte(buffer, at);
        if first == 0 {
            at += 1;
            continue;
        }
        let (id, head, len) = match header.profile {
            ExtensionProfile::TwoByte => (first, 2, byte(buffer, at + 1) as usize),
            _ => (first >> 4, 1, (first & 15) as usize + 1),
        };
        if (header.profile == ExtensionProfile::OneByte && id == 15) || at + head + len > end {
            break;
        }
        read(buffer, &mut found, Element { id, offset: at, data: at + head, len });
        at += head + len;
    }
    found
}

struct Element {
    id: u8,
    offset: usize,
    data: usize,
    len: usize,
}

#[inline(always)]
fn read(buffer: &HeaderBuffer, found: &mut Extensions, element: Element) {
    let Element { id, offset, data, len } = element;
    let first = byte(buffer, data);
    match id {
        1 if len == 1 => found.audio_level = Some(first & 0x7f),
        3 if len == 2 => {
            found.transport_sequence = Some(u16::from_be_bytes([first, byte(buffer, data + 1)]));
        }
        4 if len == 1 => {
            found.rid = match first {
                b'l' => Some(Rid::Low),
                b'h' => Some(Rid::High),
                _ => None,
            };
        }
        11 if len >= 1 => {
            let start = first & 0x88 == 0x80;
            found.keyframe = if start { KeyframeMark::Start } else { KeyframeMark::NotStart };
        }
        _ => {}
    }
    if (3..=5).contains(&id) {
        let blank = Blank { offset: offset as u8, len: (data - offset + len) as u8 };
        match id {
            3 => found.blanks[0] = blank,
            4 => found.blanks[1] = blank,
            _ => found.blanks[2] = blank,
        }
    }
}
