//! RTP headers and extension blocks: limits, both profiles, and arbitrary bytes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use proptest::prelude::*;
use sft_common::{
    drops::DropReason,
    extension::{Blank, Extensions, KeyframeMark, Rid, walk},
    maps::MAX_RTP_HEADER,
    rtp::{header_buffer as buffer, parse},
};

/// A packet with `csrcs` CSRCs and an extension block of this profile, and one payload byte.
fn packet(csrcs: u8, profile: u16, elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x90 | csrcs, 111, 0x12, 0x34, 0, 0, 0, 5, 0xde, 0xad, 0xbe, 0xef];
    bytes.extend(vec![0; 4 * csrcs as usize]);
    bytes.extend(profile.to_be_bytes());
    bytes.extend((elements.len().div_ceil(4) as u16).to_be_bytes());
    bytes.extend(elements);
    bytes.extend(vec![0; elements.len().next_multiple_of(4) - elements.len()]);
    bytes.push(0xff);
    bytes
}

fn extensions(bytes: &[u8]) -> Extensions {
    let buffer = buffer(bytes);
    walk(&buffer, &parse(&buffer, bytes.len()).unwrap())
}

#[test]
fn both_profiles_carry_the_same_elements() {
    let one = packet(0, 0xbede, &[0x10, 0x85, 0x31, 0xab, 0xcd, 0, 0x40, b'h', 0xb0, 0x80]);
    let two = packet(2, 0x1003, &[1, 1, 0x85, 3, 2, 0xab, 0xcd, 0, 4, 1, b'h', 11, 1, 0x80]);
    for bytes in [one, two] {
        let found = extensions(&bytes);
        assert_eq!(found.audio_level, Some(5), "the voice activity bit is not level");
        assert_eq!(found.transport_sequence, Some(0xabcd));
        assert_eq!(found.rid, Some(Rid::High));
        assert_eq!(found.keyframe, KeyframeMark::Start);
    }
}

#[test]
fn key_frames_are_first_packets_without_dependencies() {
    for (descriptor, mark) in [
        (0x80, KeyframeMark::Start),
        (0xf0, KeyframeMark::Start),
        (0x88, KeyframeMark::NotStart),
        (0x00, KeyframeMark::NotStart),
    ] {
        assert_eq!(extensions(&packet(0, 0xbede, &[0xb0, descriptor])).keyframe, mark);
    }
    assert_eq!(extensions(&packet(0, 0xbede, &[0x10, 1])).keyframe, KeyframeMark::Unmarked);
}

#[test]
fn what_concerns_only_the_senders_leg_is_blanked() {
    let bytes = packet(1, 0xbede, &[0x31, 1, 2, 0x40, b'l', 0x50, b'l', 0x10, 9]);
    let found = extensions(&bytes);
    let mut blanked = bytes.clone();
    for blank in found.blanks {
        blanked[blank.offset as usize..][..blank.len as usize].fill(0);
    }
    let after = extensions(&blanked);
    assert_eq!((after.transport_sequence, after.rid), (None, None));
    assert_eq!(after.audio_level, found.audio_level);
    assert_eq!(after.blanks, [Blank::default(); 3]);
}

#[test]
fn id_fifteen_and_overlong_elements_end_the_walk() {
    assert_eq!(extensions(&packet(0, 0xbede, &[0xf0, 0, 0x10, 9])).audio_level, None);
    assert_eq!(
        extensions(&packet(0, 0xbede, &[0x10, 9, 0x3f, 0])),
        Extensions { audio_level: Some(9), ..Extensions::default() }
    );
}

#[test]
fn unknown_profiles_are_skipped_as_a_block() {
    let bytes = packet(0, 0x4321, &[0x10, 9, 0, 0]);
    assert_eq!(extensions(&bytes), Extensions::default());
    assert_eq!(parse(&buffer(&bytes), bytes.len()).unwrap().header_len, 20);
}

#[test]
fn lengths_are_checked_against_packet_and_limit() {
    let whole = packet(15, 0xbede, &[0; MAX_RTP_HEADER - 12 - 60 - 4]);
    let header = parse(&buffer(&whole), whole.len()).unwrap();
    assert_eq!((header.header_len, header.csrc_count), (MAX_RTP_HEADER, 15));
    let longer = packet(15, 0xbede, &[0; MAX_RTP_HEADER - 12 - 60]);
    assert_eq!(parse(&buffer(&longer), longer.len()), Err(DropReason::HeaderTooLong));
    assert_eq!(parse(&buffer(&whole), MAX_RTP_HEADER - 1), Err(DropReason::BadRtpHeader));
    for length in 0..12 {
        assert_eq!(parse(&buffer(&whole), length), Err(DropReason::Runt));
    }
    let version_one = [&[0x50], &whole[1..]].concat();
    assert_eq!(parse(&buffer(&version_one), whole.len()), Err(DropReason::BadRtpHeader));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_stay_within_the_header(
        mut bytes in prop::collection::vec(any::<u8>(), 12..200),
        elements in any::<bool>(),
    ) {
        bytes[0] = 0x80 | bytes[0] & 0x1f;
        if elements {
            bytes[0] = 0x90;
            bytes.splice(12..12, [0xbe, 0xde, 0, 6]);
        }
        let buffer = buffer(&bytes);
        if let Ok(header) = parse(&buffer, bytes.len()) {
            prop_assert!(header.header_len <= bytes.len().min(MAX_RTP_HEADER));
            for blank in walk(&buffer, &header).blanks {
                prop_assert!((blank.offset + blank.len) as usize <= header.header_len);
            }
        }
    }
}
