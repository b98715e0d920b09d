//! Asking a sender for a key frame.

use rtcp_types::{PayloadFeedback, Pli};

use super::bytes;

/// Asks for a key frame of `media_ssrc`: a PLI alone (RFC 4585 section 6.3.1), reduced in size.
///
/// The original sends FIR (sft-protocol.md 11). Every stock client is built on libwebrtc, which does the same for
/// both, whether they were negotiated or not; but of two FIRs with the same sequence number it ignores the second
/// (RFC 5104 section 4.3.1.1), so a FIR needs a counter for each stream, and a new one after a restart. A PLI has
/// no state to get wrong. Sending both would only be counted twice. Either can be lost: whoever still waits asks
/// again, which is the core's to decide.
///
/// `None` never happens; it stands for the writer's refusal.
pub fn keyframe_request(sender_ssrc: u32, media_ssrc: u32) -> Option<Vec<u8>> {
    let pli = Pli::builder();
    bytes(&PayloadFeedback::builder(&pli).sender_ssrc(sender_ssrc).media_ssrc(media_ssrc))
}
