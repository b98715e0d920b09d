//! Sender reports (RFC 3550 section 6.4.1) on the slots of a leg: what lets a receiver see audio and video of one
//! sender on one clock.

use rtcp_types::{Compound, Sdes, SdesChunk, SdesItem, SenderReport as Report};

use super::{Ntp, bytes};

/// Slots of one compound packet at most: about 1000 bytes, which fits every path.
const SLOTS: usize = 14;

/// What is reported on one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderReport {
    pub ssrc: u32,
    /// The canonical name that the offer gave the SSRC (RFC 3550 section 6.5.1).
    pub cname: String,
    /// This very instant,
    pub ntp: Ntp,
    /// and what a frame that is recorded at it would have as timestamp.
    pub timestamp: u32,
    /// Sent so far, modulo 2^32.
    pub packets: u32,
    /// RTP payload, modulo 2^32.
    pub octets: u32,
}

/// Compound packets with these reports. All reports of a packet come before all names, as RFC 8108 section 5.3.1
/// has it for several SSRCs. The slots' m-lines do not all offer reduced size (RFC 5506).
pub fn sender_reports(reports: &[SenderReport]) -> Vec<Vec<u8>> {
    reports.chunks(SLOTS).filter_map(compound).collect()
}

fn compound(reports: &[SenderReport]) -> Option<Vec<u8>> {
    let mut names = Sdes::builder();
    let mut compound = Compound::builder();
    for report in reports {
        compound = compound.add_packet(
            Report::builder(report.ssrc)
                .ntp_timestamp(report.ntp.0)
                .rtp_timestamp(report.timestamp)
                .packet_count(report.packets)
                .octet_count(report.octets),
        );
        let name = SdesItem::builder(SdesItem::CNAME, &report.cname);
        names = names.add_chunk(SdesChunk::builder(report.ssrc).add_item(name));
    }
    bytes(&compound.add_packet(names))
}
