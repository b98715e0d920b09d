//! Reading what a leg sends. Reduced-size packets are welcome (RFC 5506), and all packets of a compound one
//! count.

use rtcp_types::{Compound, Fir, Packet, Pli};
use sft_common::drops::DropReason;

/// Packets of a compound packet that are looked at.
const PACKETS: usize = 16;

/// What matters to us of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Sender report (RFC 3550 section 6.4.1).
    SenderReport {
        ssrc: u32,
        /// NTP timestamp, 32.32 seconds.
        ntp: u64,
    },
    /// PLI or FIR (RFC 4585 section 6.3.1, RFC 5104 section 4.3.1) for one of our SSRCs.
    KeyframeRequest { media_ssrc: u32 },
    /// Receiver reports, NACK and others: read as packets, of no consequence.
    Other,
}

/// Reads a plain compound packet.
///
/// # Errors
/// `BadRtcp`; nothing of the packet counts then.
pub fn parse(packet: &[u8]) -> Result<Vec<Incoming>, DropReason> {
    let mut found = Vec::new();
    for packet in Compound::parse(packet).map_err(|_| DropReason::BadRtcp)?.take(PACKETS) {
        match packet.map_err(|_| DropReason::BadRtcp)? {
            Packet::Sr(report) => {
                found.push(Incoming::SenderReport { ssrc: report.ssrc(), ntp: report.ntp_timestamp() });
            }
            Packet::PayloadFeedback(feedback) => {
                if feedback.parse_fci::<Pli<'_>>().is_ok() {
                    found.push(Incoming::KeyframeRequest { media_ssrc: feedback.media_ssrc() });
                } else if let Ok(request) = feedback.parse_fci::<Fir<'_>>() {
                    let entries = request.entries().take(PACKETS);
                    found.extend(entries.map(|entry| Incoming::KeyframeRequest { media_ssrc: entry.ssrc() }));
                } else {
                    found.push(Incoming::Other);
                }
            }
            _ => found.push(Incoming::Other),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 3550 section 6.4.1, 4.1 and RFC 4585 section 6.3.1 by hand.
    #[test]
    fn every_packet_of_a_compound_counts() {
        let sender_report = [
            &[0x80, 200, 0, 6, 0, 0, 0, 9][..],
            &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5],
        ]
        .concat();
        let pli = [0x81, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 77];
        let fir = [0x84, 206, 0, 4, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 78, 3, 0, 0, 0];
        let found = parse(&[&sender_report[..], &pli, &fir].concat()).unwrap();
        assert_eq!(
            found,
            [
                Incoming::SenderReport { ssrc: 9, ntp: 1 << 32 | 2 },
                Incoming::KeyframeRequest { media_ssrc: 77 },
                Incoming::KeyframeRequest { media_ssrc: 78 },
            ]
        );
    }

    #[test]
    fn a_reduced_size_packet_needs_no_report() {
        let nack = [0x81, 205, 0, 3, 0, 0, 0, 9, 0, 0, 0, 77, 0, 1, 0, 0];
        assert_eq!(parse(&nack), Ok(vec![Incoming::Other]));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm(
            packet in prop::collection::vec(any::<u8>(), 0..200),
            kind in 190..220_u8,
        ) {
            drop(parse(&packet));
            let words = (packet.len() / 4) as u16;
            let length = words.to_be_bytes();
            for first in [0x80, 0x81, 0x84, 0x8f, 0xa1] {
                let framed = [&[first, kind, length[0], length[1]], &packet[..usize::from(words) * 4]].concat();
                drop(parse(&framed));
            }
        }
    }
}
