//! NACKs are counted by the packets that they name, and need no report in front (RFC 5506).

use super::packet;
use crate::rtcp::{Incoming, parse};

#[test]
fn the_packets_of_all_entries_count() {
    let nack = packet(1, 205, &[9, 77, 100 << 16, 200 << 16 | 0b1000_0000_0000_0101]);
    assert_eq!(parse(&nack), Ok(vec![Incoming::Nack { media_ssrc: 77, packets: 5 }]));
}

#[test]
fn padding_names_none() {
    let mut nack = packet(1, 205, &[9, 77, 100 << 16, 4]);
    nack[0] |= 0x20;
    assert_eq!(parse(&nack), Ok(vec![Incoming::Nack { media_ssrc: 77, packets: 1 }]));
}

#[test]
fn other_transport_feedback_is_none() {
    assert_eq!(parse(&packet(15, 205, &[9, 77, 1, 0, 0])), Ok(vec![Incoming::Other]));
}
