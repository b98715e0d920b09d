//! Sender reports, and the report blocks of both kinds of report.

use super::packet;
use crate::rtcp::{Incoming, parse};

const BLOCK: [u32; 6] = [77, 64 << 24 | 5, 0x0001_0203, 9, 11, 12];
const RECEPTION: Incoming = Incoming::Reception {
    media_ssrc: 77,
    fraction_lost: 64,
    cumulative_lost: 5,
    highest_sequence: 0x0001_0203,
    jitter: 9,
    last_report: 11,
    delay: 12,
};

#[test]
fn a_sender_report_tells_times_and_counts() {
    let report = packet(1, 200, &[&[9, 1, 2, 3, 4, 5][..], &BLOCK].concat());
    let sender =
        Incoming::SenderReport { ssrc: 9, ntp: 1 << 32 | 2, rtp_timestamp: 3, packets: 4, octets: 5 };
    assert_eq!(parse(&report), Ok(vec![sender, RECEPTION]));
}

#[test]
fn a_receiver_report_tells_losses() {
    let report = packet(2, 201, &[&[9][..], &BLOCK, &BLOCK].concat());
    assert_eq!(parse(&report), Ok(vec![RECEPTION, RECEPTION]));
    assert_eq!(parse(&packet(0, 201, &[9])), Ok(vec![]));
}

#[test]
fn a_loss_may_be_negative() {
    let report = packet(1, 201, &[9, 77, 0x00ff_fffe, 0, 0, 0, 0]);
    let found = parse(&report).unwrap();
    assert!(matches!(found[..], [Incoming::Reception { cumulative_lost: -2, .. }]));
}

#[test]
fn a_block_that_is_not_there_is_refused() {
    assert!(parse(&packet(2, 201, &[&[9][..], &BLOCK].concat())).is_err());
    assert!(parse(&packet(1, 200, &[9, 1, 2, 3, 4, 5])).is_err());
}
