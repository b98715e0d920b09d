//! Published vectors, and the arithmetic of the XDP programs as a second implementation.

use proptest::prelude::*;
use sft_common::{
    drops::DropReason,
    maps::{KeyRecord, Profile},
    srtp::{DONE, Frame, TAG_ROOM, Work, counter_mode, gcm},
};

use super::*;
use crate::dataplane::SessionKey;

const PROFILES: [Profile; 3] = [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmHmacSha1_80];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn key(profile: Profile, seed: u8) -> SessionKey {
    let stretch =
        |length: usize, part: u8| (0..length).map(|n| (n as u8).wrapping_mul(29) ^ seed ^ part).collect();
    SessionKey {
        profile,
        encryption: stretch(profile.key_len(), 1),
        authentication: match profile {
            Profile::Aes128CmHmacSha1_80 => stretch(20, 2),
            _ => Vec::new(),
        },
        salt: stretch(profile.salt_len(), 3),
    }
}

/// RFC 7714 section 16.1.1: SRTP with AEAD_AES_128_GCM.
#[test]
fn gcm_packet_matches_the_rfc() {
    let key = SessionKey {
        profile: Profile::AeadAes128Gcm,
        encryption: bytes("000102030405060708090a0b0c0d0e0f"),
        authentication: Vec::new(),
        salt: bytes("517569642070726f2071756f"),
    };
    let mut packet = bytes(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070
         61727465 73207472 6573",
    );
    let plain = packet.clone();
    let cipher = RtpCipher::new(&key).unwrap();
    cipher.seal(&mut packet, 12, 0x5501_a0b2, 0xf17b).unwrap();
    let expected = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a
         51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce";
    assert_eq!(packet, bytes(expected));
    let payload = cipher.open(&mut packet, 12, 0x5501_a0b2, 0xf17b).unwrap();
    assert_eq!(packet[..12 + payload], plain);
}

/// RFC 7714 section 17.1: SRTCP with AEAD_AES_128_GCM; the index there is 5d4.
#[test]
fn gcm_rtcp_packet_matches_the_rfc() {
    let key = SessionKey {
        profile: Profile::AeadAes128Gcm,
        encryption: bytes("000102030405060708090a0b0c0d0e0f"),
        authentication: Vec::new(),
        salt: bytes("517569642070726f2071756f"),
    };
    let sealed = bytes(
        "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda
         4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
    );
    let plain = RtcpReceiver::new(&key).unwrap().open(&sealed).unwrap();
    let expected = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef
         deadbeef deadbeef deadbeef";
    assert_eq!(plain, bytes(expected));
}

/// The packet as the XDP programs seal it.
fn sealed_by_programs(key: &SessionKey, packet: &[u8], header: usize, ssrc: u32, index: u64) -> Vec<u8> {
    let record = KeyRecord::expand(key.profile, &key.encryption, &key.authentication, &key.salt).unwrap();
    let mut frame = [packet, &[0; TAG_ROOM]].concat();
    let mut work = Work {
        header: header as u32,
        payload: (packet.len() - header) as u32,
        ssrc: ssrc.swap_bytes(),
        index,
        ..Work::default()
    };
    let range = frame.as_mut_ptr_range();
    let bounds = Frame { data: range.start, end: range.end };
    // SAFETY: the frame, the record and the work are ours.
    let verdict = unsafe {
        match key.profile {
            Profile::AeadAes128Gcm => gcm::process::<10, true>(bounds, &record, &mut work),
            Profile::AeadAes256Gcm => gcm::process::<14, true>(bounds, &record, &mut work),
            Profile::Aes128CmHmacSha1_80 => counter_mode::seal(bounds, &record, &mut work),
        }
    };
    assert_eq!(verdict, DONE);
    frame.truncate(packet.len() + key.profile.tag_len());
    frame
}

proptest! {
    #[test]
    fn both_implementations_seal_alike(
        profile in prop::sample::select(&PROFILES[..]),
        payload in prop::collection::vec(any::<u8>(), 0..1200),
        ssrc: u32,
        index in 0..1_u64 << 48,
    ) {
        let key = key(profile, 7);
        let mut packet = vec![0x80, 111, 0, 0, 0, 0, 0, 0];
        packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend(&payload);
        let expected = sealed_by_programs(&key, &packet, 12, ssrc, index);
        let cipher = RtpCipher::new(&key).unwrap();
        cipher.seal(&mut packet, 12, ssrc, index).unwrap();
        prop_assert_eq!(&packet, &expected);
        prop_assert_eq!(cipher.open(&mut packet, 12, ssrc, index), Ok(payload.len()));
        prop_assert_eq!(&packet[12..12 + payload.len()], &payload[..]);
    }

    #[test]
    fn a_changed_packet_is_refused(
        profile in prop::sample::select(&PROFILES[..]),
        payload in prop::collection::vec(any::<u8>(), 0..64),
        place: prop::sample::Index,
        bit in 0..8,
    ) {
        let cipher = RtpCipher::new(&key(profile, 7)).unwrap();
        let mut packet = [&[0x80, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9][..], &payload].concat();
        cipher.seal(&mut packet, 12, 9, 1).unwrap();
        let place = place.index(packet.len());
        packet[place] ^= 1_u8 << bit;
        prop_assert_eq!(cipher.open(&mut packet, 12, 9, 1), Err(DropReason::AuthFailed));
    }

    #[test]
    fn rtcp_comes_back_once(
        profile in prop::sample::select(&PROFILES[..]),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let packet = [&[0x80, 201, 0, 1, 1, 2, 3, 4][..], &body].concat();
        let mut sender = RtcpSender::new(&key(profile, 3)).unwrap();
        let mut receiver = RtcpReceiver::new(&key(profile, 3)).unwrap();
        let first = sender.seal(&packet).unwrap();
        let second = sender.seal(&packet).unwrap();
        prop_assert_ne!(&first, &second);
        prop_assert_eq!(receiver.open(&second), Ok(packet.clone()));
        prop_assert_eq!(receiver.open(&first), Ok(packet));
        prop_assert_eq!(receiver.open(&first), Err(DropReason::BadRtcp));
    }

    #[test]
    fn arbitrary_rtcp_is_refused(
        profile in prop::sample::select(&PROFILES[..]),
        packet in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut receiver = RtcpReceiver::new(&key(profile, 3)).unwrap();
        prop_assert_eq!(receiver.open(&packet), Err(DropReason::BadRtcp));
    }
}
