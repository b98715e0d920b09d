//! Reading what a leg sends. Reduced-size packets are welcome (RFC 5506), and all packets of a compound one
//! count.

use rtcp_types::{
    Bye, Compound, Fir, Nack, PayloadFeedback, Pli, ReceiverReport, ReportBlock, SenderReport,
    TransportFeedback, prelude::*,
};
use sft_common::drops::DropReason;

/// Packets of a compound packet at most: reports on all that a leg sends, and a request for each video slot.
const PACKETS: usize = 64;

/// What matters to us of one packet, or of one entry of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Sender report (RFC 3550 section 6.4.1).
    SenderReport {
        ssrc: u32,
        /// NTP timestamp, 32.32 seconds.
        ntp: u64,
        /// The same instant in the clock of the stream's RTP timestamps.
        rtp_timestamp: u32,
        /// Sent so far, modulo 2^32.
        packets: u32,
        /// Payload sent so far, modulo 2^32.
        octets: u32,
    },
    /// A block of a sender or receiver report: how a stream of ours arrives (RFC 3550 section 6.4.1).
    Reception {
        media_ssrc: u32,
        /// Since the report before, of 256.
        fraction_lost: u8,
        /// In total; negative if packets arrive twice.
        cumulative_lost: i32,
        /// Extended by the rollovers.
        highest_sequence: u32,
        /// In ticks of the RTP clock.
        jitter: u32,
        /// Middle 32 bits of the NTP timestamp of our last sender report; 0 = none has come.
        last_report: u32,
        /// Since that one came, in units of 1/65536 s.
        delay: u32,
    },
    /// PLI or an entry of a FIR (RFC 4585 section 6.3.1, RFC 5104 section 4.3.1) for one of our SSRCs.
    KeyframeRequest { media_ssrc: u32 },
    /// Generic NACK (RFC 4585 section 6.2.1) for this many packets. None is kept, so none is sent again.
    Nack { media_ssrc: u32, packets: u32 },
    /// An SSRC ends (RFC 3550 section 6.6). Legs end on the data channel, whatever this says.
    Goodbye { ssrc: u32 },
    /// Anything else: of no consequence, and not looked into.
    Other,
}

/// Reads a plain compound packet.
///
/// # Errors
/// `BadRtcp`; nothing of the packet counts then.
pub fn parse(packet: &[u8]) -> Result<Vec<Incoming>, DropReason> {
    // Lengths and padding of all packets; a version other than 2 is found packet by packet.
    Compound::parse(packet).map_err(|_| DropReason::BadRtcp)?;
    let mut found = Vec::new();
    let mut rest = packet;
    for _ in 0..PACKETS {
        let (first, others) = split(rest).ok_or(DropReason::BadRtcp)?;
        read(first, &mut found).ok_or(DropReason::BadRtcp)?;
        if others.is_empty() {
            return Ok(found);
        }
        rest = others;
    }
    Err(DropReason::BadRtcp)
}

/// The first packet and the others. `Compound`'s own iterator looks into every packet, and one that we do not
/// read would spoil those that we do.
fn split(packets: &[u8]) -> Option<(&[u8], &[u8])> {
    let words = packets.get(2..4).and_then(|length| <[u8; 2]>::try_from(length).ok())?;
    packets.split_at_checked(4 * (usize::from(u16::from_be_bytes(words)) + 1))
}

/// `None` if a packet of a type that we read is malformed.
fn read(packet: &[u8], found: &mut Vec<Incoming>) -> Option<()> {
    let (first, kind) = (*packet.first()?, *packet.get(1)?);
    match kind {
        SenderReport::PACKET_TYPE => {
            let report = SenderReport::parse(packet).ok()?;
            found.push(Incoming::SenderReport {
                ssrc: report.ssrc(),
                ntp: report.ntp_timestamp(),
                rtp_timestamp: report.rtp_timestamp(),
                packets: report.packet_count(),
                octets: report.octet_count(),
            });
            found.extend(report.report_blocks().map(reception));
        }
        ReceiverReport::PACKET_TYPE => {
            found.extend(ReceiverReport::parse(packet).ok()?.report_blocks().map(reception));
        }
        Bye::PACKET_TYPE => {
            found.extend(Bye::parse(packet).ok()?.ssrcs().map(|ssrc| Incoming::Goodbye { ssrc }));
        }
        TransportFeedback::PACKET_TYPE => {
            let feedback = TransportFeedback::parse(packet).ok()?;
            let control = control(packet, feedback.padding())?;
            found.push(transport(feedback.count(), feedback.media_ssrc(), control)?);
        }
        PayloadFeedback::PACKET_TYPE => {
            let feedback = PayloadFeedback::parse(packet).ok()?;
            let control = control(packet, feedback.padding())?;
            payload(feedback.count(), feedback.media_ssrc(), control, found)?;
        }
        _ if first >> 6 == 2 => found.push(Incoming::Other),
        _ => return None,
    }
    Some(())
}

/// The control information of a feedback packet (RFC 4585 section 6.1). The library's own view of it has the
/// padding in it.
fn control(packet: &[u8], padding: Option<u8>) -> Option<&[u8]> {
    const HEADER: usize = 12;
    packet.get(HEADER..packet.len().checked_sub(usize::from(padding.unwrap_or(0)))?)
}

fn transport(format: u8, media_ssrc: u32, control: &[u8]) -> Option<Incoming> {
    if format != Nack::FCI_FORMAT {
        return Some(Incoming::Other);
    }
    let packets = Nack::parse(control).ok()?.entries().count() as u32;
    Some(Incoming::Nack { media_ssrc, packets })
}

fn payload(format: u8, media_ssrc: u32, control: &[u8], found: &mut Vec<Incoming>) -> Option<()> {
    match format {
        Pli::FCI_FORMAT => found.push(Incoming::KeyframeRequest { media_ssrc }),
        // The header's media SSRC means nothing here (RFC 5104 section 4.3.1.2).
        Fir::FCI_FORMAT => {
            let request = Fir::parse(control).ok()?;
            found.extend(
                request.entries().map(|entry| Incoming::KeyframeRequest { media_ssrc: entry.ssrc() }),
            );
        }
        _ => found.push(Incoming::Other),
    }
    Some(())
}

fn reception(block: ReportBlock<'_>) -> Incoming {
    // 24 bits with a sign.
    let cumulative_lost = (block.cumulative_lost() << 8) as i32 >> 8;
    Incoming::Reception {
        media_ssrc: block.ssrc(),
        fraction_lost: block.fraction_lost(),
        cumulative_lost,
        highest_sequence: block.extended_sequence_number(),
        jitter: block.interarrival_jitter(),
        last_report: block.last_sender_report_timestamp(),
        delay: block.delay_since_last_sender_report_timestamp(),
    }
}
