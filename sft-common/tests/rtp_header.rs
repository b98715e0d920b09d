//! RTP headers: what is read, what is refused.

use proptest::prelude::*;
use sft_common::{
    drops::DropReason,
    maps::{MAX_PAYLOAD, MAX_RTP_HEADER},
    rtp::{ExtensionProfile, HeaderBuffer, body_len, header_buffer, parse},
};

fn packet(csrcs: usize, extension: Option<(u16, usize)>) -> Vec<u8> {
    let mut p = vec![0x80 | csrcs as u8, 111, 0x12, 0x34, 1, 2, 3, 4, 0xca, 0xfe, 0xba, 0xbe];
    p.resize(12 + 4 * csrcs, 0xcc);
    if let Some((profile, words)) = extension {
        p[0] |= 0x10;
        p.extend(profile.to_be_bytes());
        p.extend((words as u16).to_be_bytes());
        p.resize(p.len() + 4 * words, 0);
    }
    p
}

fn refused(packet: &[u8], len: usize) -> DropReason {
    parse(&header_buffer(packet), len).expect_err("a header to refuse")
}

#[test]
fn reads_every_field() {
    let mut bytes = packet(3, Some((0xbede, 2)));
    bytes[0] |= 0x20;
    bytes[1] |= 0x80;
    let header = parse(&header_buffer(&bytes), bytes.len()).unwrap();
    assert!(header.marker && header.padding);
    assert_eq!((header.payload_type, header.sequence, header.timestamp), (111, 0x1234, 0x0102_0304));
    assert_eq!((header.ssrc, header.csrc_count), (0xcafe_babe, 3));
    assert_eq!((header.header_len, header.extension_offset, header.extension_len), (36, 28, 8));
    assert_eq!(header.profile, ExtensionProfile::OneByte);
}

#[test]
fn tells_the_profiles_apart() {
    let profile = |number| {
        let bytes = packet(0, Some((number, 1)));
        parse(&header_buffer(&bytes), bytes.len()).unwrap().profile
    };
    assert_eq!(profile(0xbede), ExtensionProfile::OneByte);
    for number in 0x1000..=0x100f {
        assert_eq!(profile(number), ExtensionProfile::TwoByte);
    }
    for number in [0x0fff, 0x1010, 0xbedd, 0xbeee, 0] {
        assert_eq!(profile(number), ExtensionProfile::Other);
    }
    let bytes = packet(0, None);
    assert_eq!(parse(&header_buffer(&bytes), 12).unwrap().profile, ExtensionProfile::None);
}

#[test]
fn refuses_what_contradicts_itself() {
    let plain = packet(0, None);
    for len in 0..12 {
        assert_eq!(refused(&plain[..len], len), DropReason::Runt);
    }
    for version in [0, 0x40, 0xc0] {
        let mut bytes = plain.clone();
        bytes[0] = version;
        assert_eq!(refused(&bytes, 12), DropReason::BadRtpHeader);
    }
    for bytes in
        [packet(1, None), packet(15, None), packet(0, Some((0xbede, 0))), packet(2, Some((0xbede, 3)))]
    {
        let len = bytes.len();
        assert!(parse(&header_buffer(&bytes), len).is_ok());
        assert_eq!(refused(&bytes, len - 1), DropReason::BadRtpHeader);
    }
}

#[test]
fn refuses_headers_beyond_the_limit() {
    let longest = packet(15, Some((0xbede, 12)));
    assert_eq!(longest.len(), MAX_RTP_HEADER);
    assert_eq!(parse(&header_buffer(&longest), 1200).unwrap().header_len, MAX_RTP_HEADER);
    let longer = packet(15, Some((0xbede, 13)));
    assert_eq!(refused(&longer, 1200), DropReason::HeaderTooLong);
    let endless = packet(0, Some((0xbede, 0xffff)));
    assert_eq!(refused(&endless, 1200), DropReason::BadRtpHeader);
}

#[test]
fn the_payload_is_what_header_and_tag_leave() {
    assert_eq!(body_len(12 + 100 + 16, 12, 16), Ok(100));
    assert_eq!(body_len(12 + 10, 12, 10), Ok(0));
    assert_eq!(body_len(12 + 9, 12, 10), Err(DropReason::AuthFailed));
    assert_eq!(body_len(12 + MAX_PAYLOAD + 16, 12, 16), Ok(MAX_PAYLOAD));
    assert_eq!(body_len(12 + MAX_PAYLOAD + 17, 12, 16), Err(DropReason::PayloadTooLong));
}

#[test]
fn padding_only_is_a_matter_of_length() {
    let mut bytes = packet(0, None);
    bytes[0] |= 0x20;
    let padded = parse(&header_buffer(&bytes), 40).unwrap();
    assert!(padded.is_padding_only(20, 20));
    assert!(!padded.is_padding_only(20, 19));
    assert!(!padded.is_padding_only(20, 21));
    assert!(!padded.is_padding_only(0, 0));
    let plain = parse(&header_buffer(&packet(0, None)), 40).unwrap();
    assert!(!plain.is_padding_only(20, 20));
}

proptest! {
    #[test]
    fn a_header_lies_inside_the_packet_and_the_limit(
        bytes: [u8; 32], rest: [u8; 32], version_ok: bool, len in 0..1500_usize,
    ) {
        let mut buffer: HeaderBuffer = [0; 128];
        for chunk in buffer.chunks_mut(64) {
            chunk[..32].copy_from_slice(&bytes);
            chunk[32..].copy_from_slice(&rest);
        }
        if version_ok {
            buffer[0] = buffer[0] & 0x3f | 0x80;
        }
        if let Ok(header) = parse(&buffer, len) {
            prop_assert!(header.header_len <= len.min(MAX_RTP_HEADER));
            prop_assert!(header.extension_offset + header.extension_len == header.header_len);
        }
    }
}
