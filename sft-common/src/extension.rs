//! The header extensions that forwarding needs to read (RFC 8285; ids as in sft-protocol.md 10.1).

use crate::rtp::{ExtensionProfile, HEADER_BUFFER, HeaderBuffer, RtpHeader, byte};

/// Elements and padding bytes that a walk looks at; whatever follows goes no further.
pub const MAX_STEPS: usize = 32;

/// Ids of the extensions, the same on every m-line.
pub mod id {
    pub const AUDIO_LEVEL: u8 = 1;
    pub const ABSOLUTE_SEND_TIME: u8 = 2;
    pub const TRANSPORT_SEQUENCE: u8 = 3;
    pub const RID: u8 = 4;
    pub const REPAIRED_RID: u8 = 5;
    pub const FRAME_DESCRIPTOR: u8 = 11;
    /// Ends a one-byte walk (RFC 8285 section 4.2).
    pub(super) const STOP: u8 = 15;
}

/// Simulcast layer as the sender names it (RFC 8852).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rid {
    /// `l`
    Low,
    /// `h`
    High,
}

/// What the generic frame descriptor says about a packet (sft-protocol.md 10.2, 10.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum KeyframeMark {
    /// The packet carries no descriptor: nothing is known.
    #[default]
    Unmarked = 0,
    /// First packet of a frame that depends on no other.
    Start = 1,
    /// Any other packet.
    NotStart = 2,
}

/// In the first byte of a descriptor: this packet is the first of its frame.
const FIRST_OF_FRAME: u8 = 0x80;

impl KeyframeMark {
    /// The mark of a descriptor with this first byte.
    #[inline(always)]
    const fn of_descriptor(first: u8) -> KeyframeMark {
        const DEPENDS: u8 = 0x08;
        if first & (FIRST_OF_FRAME | DEPENDS) == FIRST_OF_FRAME {
            KeyframeMark::Start
        } else {
            KeyframeMark::NotStart
        }
    }

    /// The mark with this number, as [`crate::flight::Flight::mark`] holds it.
    #[inline(always)]
    pub const fn from_number(number: u32) -> KeyframeMark {
        match number {
            1 => KeyframeMark::Start,
            2 => KeyframeMark::NotStart,
            _ => KeyframeMark::Unmarked,
        }
    }
}

/// The number of the frame that a packet begins, in its generic frame descriptor (sft-protocol.md 10.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameId {
    /// Where its two bytes are, little-endian, from the start of the packet; 0 = the packet begins no frame.
    pub offset: u8,
    pub id: u16,
}

/// A part of the extension that is overwritten with zeros before fan-out. Zeros are padding in both
/// forms, so the other elements stay where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blank {
    /// From the start of the packet.
    pub offset: u8,
    /// 0 = nothing to blank.
    pub len: u8,
}

/// What was found. Of an id that occurs twice the last element counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// 0 (loud) to 127 (silence), in -dBov (RFC 6464).
    pub audio_level: Option<u8>,
    /// Transport-wide sequence number.
    pub transport_sequence: Option<u16>,
    pub rid: Option<Rid>,
    pub keyframe: KeyframeMark,
    pub frame: FrameId,
    /// Something has been blanked: the buffer is no longer the packet's header.
    pub blanked: bool,
}

/// Reads the extension of a parsed header, and blanks what means something between the sender and us
/// only: send time, transport-wide sequence number, RID, repaired RID. A malformed element ends the walk;
/// what was found before it counts.
#[inline(always)]
pub fn walk(buffer: &mut HeaderBuffer, header: &RtpHeader) -> Extensions {
    let mut walk = Walk::start(header);
    let mut steps = 0;
    while steps < MAX_STEPS && walk.step(buffer) {
        walk.blank.apply(buffer);
        steps += 1;
    }
    walk.give_up().apply(buffer);
    walk.found
}

/// A walk on its way, for callers that keep it in memory between two steps: the verifier would otherwise
/// follow every combination of what can be found.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    pub found: Extensions,
    /// What the last step wants blanked.
    pub blank: Blank,
    /// From the start of the packet.
    offset: u32,
    end: u32,
    two_byte: bool,
}

impl Walk {
    /// At the first element.
    #[inline(always)]
    pub fn start(header: &RtpHeader) -> Walk {
        let len = match header.profile {
            ExtensionProfile::OneByte | ExtensionProfile::TwoByte => header.extension_len,
            ExtensionProfile::None | ExtensionProfile::Other => 0,
        };
        Walk {
            found: Extensions::default(),
            blank: Blank::default(),
            offset: header.extension_offset as u32,
            end: (header.extension_offset + len) as u32,
            two_byte: matches!(header.profile, ExtensionProfile::TwoByte),
        }
    }

    /// Takes one element or byte of padding; `false` if the walk has ended.
    #[inline(always)]
    pub fn step(&mut self, buffer: &HeaderBuffer) -> bool {
        self.blank = Blank::default();
        let (offset, end) = (self.offset as usize, self.end as usize);
        if offset >= end {
            return false;
        }
        let first = byte(buffer, offset);
        if first == 0 {
            self.offset += 1;
            return true;
        }
        let element = if self.two_byte {
            Element { id: first, data: offset + 2, len: byte(buffer, offset + 1) as usize }
        } else {
            Element { id: first >> 4, data: offset + 1, len: (first & 0x0f) as usize + 1 }
        };
        // RFC 8285 section 4.2: id 15, and id 0 with a length, end the extension.
        let stop = !self.two_byte && (element.id == id::STOP || element.id == 0);
        if stop || element.data + element.len > end {
            self.offset = self.end;
            return false;
        }
        self.found.take(buffer, element);
        self.offset = (element.data + element.len) as u32;
        if is_ours_alone(element.id) {
            self.blank = self.blank_from(offset as u32);
        }
        true
    }

    /// Ends the walk where it is. What it has not reached is to be blanked, since nobody has looked at it.
    #[inline(always)]
    pub fn give_up(&mut self) -> Blank {
        let start = self.offset;
        if start >= self.end {
            return Blank::default();
        }
        self.offset = self.end;
        self.blank_from(start)
    }

    /// From here to where the walk is now.
    #[inline(always)]
    fn blank_from(&mut self, start: u32) -> Blank {
        self.found.blanked = true;
        Blank { offset: start as u8, len: (self.offset - start) as u8 }
    }
}

/// Whether an element means something between the sender and us only.
#[inline(always)]
const fn is_ours_alone(id: u8) -> bool {
    matches!(id, id::ABSOLUTE_SEND_TIME | id::TRANSPORT_SEQUENCE | id::RID | id::REPAIRED_RID)
}

#[derive(Clone, Copy)]
struct Element {
    id: u8,
    /// Offset of the data.
    data: usize,
    /// Of the data.
    len: usize,
}

impl Extensions {
    #[inline(always)]
    fn take(&mut self, buffer: &HeaderBuffer, element: Element) {
        let Element { id, data, len } = element;
        let first = byte(buffer, data);
        match id {
            id::AUDIO_LEVEL if len == 1 => self.audio_level = Some(first & 0x7f),
            id::TRANSPORT_SEQUENCE if len == 2 => {
                self.transport_sequence = Some(u16::from_be_bytes([first, byte(buffer, data + 1)]));
            }
            id::RID if len == 1 && first == b'l' => self.rid = Some(Rid::Low),
            id::RID if len == 1 && first == b'h' => self.rid = Some(Rid::High),
            id::FRAME_DESCRIPTOR if len > 0 => {
                self.keyframe = KeyframeMark::of_descriptor(first);
                self.frame = FrameId::of_descriptor(buffer, element);
            }
            _ => {}
        }
    }
}

impl FrameId {
    #[inline(always)]
    fn of_descriptor(buffer: &HeaderBuffer, descriptor: Element) -> FrameId {
        let Element { data, len, .. } = descriptor;
        if byte(buffer, data) & FIRST_OF_FRAME == 0 || len < 4 {
            return FrameId::default();
        }
        let id = u16::from_le_bytes([byte(buffer, data + 2), byte(buffer, data + 3)]);
        FrameId { offset: (data + 2) as u8, id }
    }
}

impl Blank {
    /// Overwrites the part of the header that this is about.
    #[inline(always)]
    pub fn apply(self, buffer: &mut HeaderBuffer) {
        let mut done = 0;
        while done < self.len as usize && done < HEADER_BUFFER {
            buffer[(self.offset as usize + done) & (HEADER_BUFFER - 1)] = 0;
            done += 1;
        }
    }
}
