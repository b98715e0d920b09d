//! RTCP of one leg, terminated hop by hop: what its packets say, and the reports and feedback for it.
//!
//! Plain packets in and out, time passed in; SRTCP is in [`crate::srtp`].

mod clock;
mod feedback;
mod incoming;
mod keyframe;
mod reporter;
mod sender_report;

#[cfg(test)]
mod tests;

pub use clock::{Mapping, Ntp, SenderClock};
pub use feedback::Feedback;
pub use incoming::{Incoming, parse};
pub use keyframe::keyframe_request;
pub use reporter::Reporter;
pub use sender_report::{SenderReport, sender_reports};

use rtcp_types::RtcpPacketWriter;

/// The bytes of a packet; `None` if the writer's limits are exceeded.
fn bytes(packet: &impl RtcpPacketWriter) -> Option<Vec<u8>> {
    let mut bytes = vec![0; packet.calculate_size().ok()?];
    packet.write_into_unchecked(&mut bytes);
    Some(bytes)
}
