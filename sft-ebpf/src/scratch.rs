//! What one run of a program keeps beside its stack, which is too small for the header, the arithmetic of
//! the seal and the stages together.
//!
//! Programs are chains of stages, each a global subprogram: the verifier walks it once, and its stack is given
//! back before the next one runs. A stage leaves here what later ones need.

use sft_common::{
    drops::DropReason,
    extension::Walk,
    maps::{MAX_PAYLOAD, MAX_RTP_HEADER},
    rtp::HeaderBuffer,
    source::Admitted,
    srtp::Work,
};

use crate::ingress::header::Parsed;

/// One per CPU: neither program interrupts another on the same CPU.
#[repr(C)]
pub struct Scratch {
    /// RTP header of the packet at ingress.
    pub header: HeaderBuffer,
    /// An `extension::Walk`; words, because BTF has no words for its type.
    pub walk: [u32; size_of::<Walk>() / 4],
    pub parsed: Parsed,
    pub packet: Packet,
    pub copy: Copy,
    pub work: Work,
    pub chained: Chained,
    /// Extension and payload on their way to another place in the frame.
    pub moved: [u8; MOVED],
}

/// A power of two above what can have to be moved.
pub const MOVED: usize = 2048;

const _: () = assert!(MAX_RTP_HEADER + MAX_PAYLOAD < MOVED && MOVED.is_power_of_two());
const _: () = assert!(size_of::<Walk>().is_multiple_of(4) && align_of::<Walk>() <= 4);

/// A packet at ingress. All lengths are in bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Packet {
    /// Of its arrival, CLOCK_MONOTONIC in ns.
    pub now: u64,
    pub leg: u32,
    pub source: u32,
    pub receive_key: u32,
    /// Length of the tag under this key.
    pub tag: u32,
    pub conference: u32,
    pub csrc: u32,
    /// `maps::Kind` as a number.
    pub kind: u32,
    pub udp_payload: u32,
    pub payload_offset: u32,
    /// `RingControl::ring` of the source.
    pub ring: u64,
    /// Once it is committed.
    pub admitted: Admitted,
    /// Number of the replicator, once the receivers are known.
    pub replicator: u32,
}

/// A copy at egress. All lengths are in bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Copy {
    pub path: u32,
    pub key: u32,
    /// `maps::Kind` as a number.
    pub kind: u32,
    pub udp_payload: u32,
    /// Of the frame that it begins, if it begins one that is numbered.
    pub frame_id: u16,
    /// `RingControl::ring` of the slot.
    pub ring: u64,
}

/// What has gone to the next stage, and has not been reported yet.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Chained {
    pub frames: u32,
    /// The copies that each of them stands for.
    pub copies: [u32; BATCH],
}

/// Frames that the kernel transmits and reports at once (`DEV_MAP_BULK_SIZE`).
pub const BATCH: usize = 16;

/// How a stage ended, as a subprogram can say it: the number of a `DropReason`, or one of the values below.
pub type Verdict = i32;
/// Go on with the next stage.
pub const CONTINUE: Verdict = -1;
/// The packet is for the kernel's stack: nothing to count.
pub const ASIDE: Verdict = -2;

/// Why a stage does not go on.
pub enum End {
    Aside,
    /// With the number of a `DropReason`.
    Drop(u32),
}

impl From<DropReason> for End {
    #[inline(always)]
    fn from(reason: DropReason) -> End {
        End::Drop(reason as u32)
    }
}

/// The verdict of a stage.
#[inline(always)]
pub fn verdict(result: Result<(), End>) -> Verdict {
    match result {
        Ok(()) => CONTINUE,
        Err(End::Aside) => ASIDE,
        Err(End::Drop(reason)) => reason as Verdict,
    }
}

/// Defines a stage: a global subprogram around a function that may end early.
macro_rules! stage {
    ($(#[$doc:meta])* $name:ident, $function:path) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// Called by the programs of this object only, as the verifier makes sure.
        #[unsafe(no_mangle)]
        #[inline(never)]
        pub unsafe extern "C" fn $name(
            ctx: *mut aya_ebpf::bindings::xdp_md,
            scratch: *mut $crate::scratch::Scratch,
        ) -> $crate::scratch::Verdict {
            if scratch.is_null() {
                return $crate::scratch::ASIDE;
            }
            // SAFETY: the program's context and this CPU's scratch.
            $crate::scratch::verdict(unsafe { $function(ctx, scratch) })
        }
    };
}
pub(crate) use stage;
