//! Memory of one packet at a time that does not fit on BPF's 512 bytes of stack.

use sft_common::{rtp::HeaderBuffer, srtp::Work};

/// One per CPU.
#[repr(C)]
pub struct Scratch {
    /// Start of the UDP payload.
    pub header: HeaderBuffer,
    pub work: Work,
}
