//! Step 4: the RTP header and its extensions, as a global subprogram: the walk over extensions is verified once.

use aya_ebpf::{bindings::xdp_md, helpers::generated::bpf_xdp_load_bytes};
use sft_common::{
    drops::DropReason,
    extension::{Blank, FrameId, MAX_STEPS, Walk},
    rtp::{self, HEADER_BUFFER},
};

use crate::scratch::{ASIDE, CONTINUE, End, Scratch, Verdict};

/// What ingress needs of a header. All lengths are in bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Parsed {
    pub ssrc: u32,
    pub timestamp: u32,
    pub header_len: u32,
    pub sequence: u16,
    /// 0 or 1: there is a transport-wide sequence number.
    pub has_transport_sequence: u8,
    /// 0 or 1: an element has been blanked in the header buffer.
    pub blanked: u8,
    pub transport_sequence: u16,
    /// Audio level; above 127 = none.
    pub level: u8,
    /// The P bit.
    pub padding: u8,
    /// `extension::KeyframeMark` as a number.
    pub mark: u32,
    pub frame: FrameId,
}

/// No audio level in the packet.
pub const NO_LEVEL: u8 = 0xff;

/// Copies the start of the packet and reads it into `Scratch::parsed`.
///
/// # Safety
/// `ctx` is the program's context, `scratch` this CPU's.
#[inline(always)]
pub unsafe fn read(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the caller's promise, and a buffer of that length.
    unsafe {
        let packet = &raw const (*scratch).packet;
        // At least 2, as was checked; the verifier has to see that it is not 0. What an earlier packet left
        // behind a shorter one is not read: header and elements end within the payload.
        let length = ((*packet).udp_payload as usize).clamp(1, HEADER_BUFFER) as u32;
        let header = (&raw mut (*scratch).header).cast();
        if bpf_xdp_load_bytes(ctx, (*packet).payload_offset, header, length) != 0 {
            return Err(DropReason::Runt.into());
        }
        match sft_read_header(scratch, (*packet).udp_payload) {
            CONTINUE => Ok(()),
            reason => Err(End::Drop(reason as u32)),
        }
    }
}

/// Reads `Scratch::header` into `Scratch::parsed` and blanks the elements that go no further.
///
/// # Safety
/// Called by the programs of this object only, as the verifier makes sure.
#[unsafe(no_mangle)]
#[inline(never)]
unsafe extern "C" fn sft_read_header(scratch: *mut Scratch, udp_payload: u32) -> Verdict {
    if scratch.is_null() {
        return ASIDE;
    }
    // SAFETY: this CPU's scratch, with a walk that has just been written.
    unsafe {
        let header = match rtp::parse(&(*scratch).header, udp_payload as usize) {
            Ok(header) => header,
            Err(reason) => return reason as Verdict,
        };
        let walk = (&raw mut (*scratch).walk).cast::<Walk>();
        walk.write(Walk::start(&header));
        let mut steps = 0;
        while steps < MAX_STEPS && sft_walk(scratch) == CONTINUE {
            steps += 1;
        }
        blank(scratch, (*walk).give_up());
        let found = &(*walk).found;
        (*scratch).parsed = Parsed {
            ssrc: header.ssrc,
            timestamp: header.timestamp,
            header_len: header.header_len as u32,
            sequence: header.sequence,
            has_transport_sequence: found.transport_sequence.is_some() as u8,
            blanked: found.blanked as u8,
            transport_sequence: found.transport_sequence.unwrap_or(0),
            level: found.audio_level.unwrap_or(NO_LEVEL),
            padding: header.padding as u8,
            mark: found.keyframe as u32,
            frame: found.frame,
        };
    }
    CONTINUE
}

#[inline(always)]
unsafe fn blank(scratch: *mut Scratch, part: Blank) {
    if part.len > 0 {
        // SAFETY: the caller's scratch.
        unsafe { sft_blank(scratch, part.offset as u32, part.len as u32) };
    }
}

/// Takes one step of the walk and blanks what it says; `CONTINUE` until it has ended.
///
/// # Safety
/// As for [`sft_read_header`].
#[unsafe(no_mangle)]
#[inline(never)]
unsafe extern "C" fn sft_walk(scratch: *mut Scratch) -> Verdict {
    if scratch.is_null() {
        return ASIDE;
    }
    // SAFETY: this CPU's scratch; the caller has started the walk.
    unsafe {
        let walk = (&raw mut (*scratch).walk).cast::<Walk>();
        let goes_on = (*walk).step(&(*scratch).header);
        blank(scratch, (*walk).blank);
        if goes_on { CONTINUE } else { ASIDE }
    }
}

/// Overwrites a part of `Scratch::header` with zeros.
///
/// # Safety
/// As for [`sft_read_header`].
#[unsafe(no_mangle)]
#[inline(never)]
unsafe extern "C" fn sft_blank(scratch: *mut Scratch, offset: u32, len: u32) -> Verdict {
    if scratch.is_null() {
        return ASIDE;
    }
    // SAFETY: this CPU's scratch.
    unsafe { Blank { offset: offset as u8, len: len as u8 }.apply(&mut (*scratch).header) };
    CONTINUE
}
