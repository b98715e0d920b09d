//! Requests for key frames: PLI and every entry of a FIR.

use super::packet;
use crate::rtcp::{Incoming, parse};

fn requested(packet: &[u8]) -> Vec<u32> {
    let ssrc = |found: Incoming| match found {
        Incoming::KeyframeRequest { media_ssrc } => media_ssrc,
        other => panic!("{other:?}"),
    };
    parse(packet).unwrap().into_iter().map(ssrc).collect()
}

#[test]
fn a_pli_names_its_stream_in_the_header() {
    assert_eq!(requested(&packet(1, 206, &[9, 77])), [77]);
}

#[test]
fn a_fir_names_its_streams_in_its_entries() {
    assert_eq!(requested(&packet(4, 206, &[9, 5, 78, 3 << 24, 79, 4 << 24])), [78, 79]);
    assert!(parse(&packet(4, 206, &[9, 5])).is_err());
}

#[test]
fn padding_is_no_entry() {
    let mut fir = packet(4, 206, &[9, 0, 78, 3 << 24, 0, 8]);
    fir[0] |= 0x20;
    assert_eq!(requested(&fir), [78]);
    fir[27] = 32;
    assert!(parse(&fir).is_err());
}

#[test]
fn other_payload_feedback_is_none() {
    // REMB (application layer feedback), and a slice loss.
    assert_eq!(parse(&packet(15, 206, &[9, 0, 0x5245_4d42, 0x0102_0304, 77])), Ok(vec![Incoming::Other]));
    assert_eq!(parse(&packet(2, 206, &[9, 77, 1])), Ok(vec![Incoming::Other]));
}
