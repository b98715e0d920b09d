//! RTCP in both directions. One behaviour per file; what we write is read by hand, after the RFCs and the draft.

use crate::{core::table::LegId, dataplane::SourceReading};

mod feedback_arbitrary;
mod feedback_count;
mod feedback_gaps;
mod feedback_late;
mod feedback_restart;
mod feedback_round_trip;
mod feedback_size;
mod feedback_times;
mod incoming_arbitrary;
mod incoming_compound;
mod incoming_goodbye;
mod incoming_keyframes;
mod incoming_nack;
mod incoming_reports;
mod keyframe_request;
mod report_delay;
mod report_jitter;
mod report_loss;
mod report_sequence;
mod report_streams;
mod round_trip;
mod sender_clock;
mod sender_reports;
mod timestamp_mapping;
mod transport_wide;

/// A reading of stream 7.
fn reading(first: u64, highest: u64, packets: u64) -> SourceReading {
    let stats = sft_common::source::SourceStats {
        packets,
        first_index: first,
        highest_index: highest,
        ..Default::default()
    };
    SourceReading { leg: LegId(1), ssrc: 7, stats }
}

/// The fields of one report block: SSRC, fraction, cumulative loss, highest sequence, jitter, LSR, DLSR.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    ssrc: u32,
    fraction: u8,
    cumulative: u32,
    highest: u32,
    jitter: u32,
    last: u32,
    delay: u32,
}

/// A receiver report of sender 1 (RFC 3550 section 6.4.2).
fn blocks(report: &[u8]) -> Vec<Block> {
    let word = |at: usize| u32::from_be_bytes(report[at..at + 4].try_into().unwrap());
    let count = usize::from(report[0] & 0x1f);
    assert_eq!((report[0] >> 5, report[1]), (0b100, 201));
    assert_eq!(usize::from(u16::from_be_bytes([report[2], report[3]])), report.len() / 4 - 1);
    assert_eq!((word(4), report.len()), (1, 8 + 24 * count));
    let block = |at: usize| Block {
        ssrc: word(at),
        fraction: report[at + 4],
        cumulative: word(at + 4) & 0xff_ffff,
        highest: word(at + 8),
        jitter: word(at + 12),
        last: word(at + 16),
        delay: word(at + 20),
    };
    (0..count).map(|number| block(8 + 24 * number)).collect()
}

/// The only block.
fn block(report: Option<Vec<u8>>) -> Block {
    let mut blocks = blocks(&report.unwrap());
    assert_eq!(blocks.len(), 1);
    blocks.remove(0)
}

/// A packet with this count, type and body.
fn packet(count: u8, kind: u8, body: &[u32]) -> Vec<u8> {
    let mut packet = vec![0x80 | count, kind];
    packet.extend((body.len() as u16).to_be_bytes());
    packet.extend(body.iter().flat_map(|word| word.to_be_bytes()));
    packet
}
