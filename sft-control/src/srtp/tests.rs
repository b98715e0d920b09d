//! RTP: published vectors, and the arithmetic of the XDP programs as a second implementation.

use proptest::prelude::*;
use sft_common::{
    drops::DropReason,
    maps::{KeyRecord, Profile},
    srtp::{DONE, Frame, TAG_ROOM, Work, counter_mode, gcm},
};

use super::*;
use crate::dataplane::SessionKey;

mod rtcp;

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

/// The session key of RFC 7714 sections 16 and 17.
fn rfc_7714(profile: Profile) -> SessionKey {
    SessionKey {
        profile,
        encryption: (0..profile.key_len() as u8).collect(),
        authentication: Vec::new(),
        salt: bytes("51756964 2070726f 2071756f"),
    }
}

/// The session keys of RFC 3711 appendix B.3, whose master key libsrtp's reference packets
/// (`srtp_validate`) are made under, too.
fn rfc_3711() -> SessionKeys {
    session_keys(
        Profile::Aes128CmHmacSha1_80,
        &bytes("e1f97a0d 3e018be0 d64fa32c 06de4139"),
        &bytes("0ec675ad 498afeeb b6960b3a abe6"),
    )
    .unwrap()
}

/// Seals and opens a packet with a header of 12 bytes.
fn check_rtp(key: &SessionKey, plain: &[u8], ssrc: u32, index: u64, sealed: &[u8]) {
    let cipher = RtpCipher::new(key).unwrap();
    let mut packet = plain.to_vec();
    cipher.seal(&mut packet, 12, ssrc, index).unwrap();
    assert_eq!(packet, sealed);
    assert_eq!(cipher.open(&mut packet, 12, ssrc, index), Ok(plain.len() - 12));
    assert_eq!(packet[..plain.len()], *plain);
}

/// RFC 7714 sections 16.1.1 and 16.2.1.
#[test]
fn gcm_packets_match_the_rfc() {
    let header = bytes("8040f17b 8041f8d3 5501a0b2");
    let plain = [&header[..], b"Gallia est omnis divisa in partes tres"].concat();
    let vectors = [
        (
            Profile::AeadAes128Gcm,
            "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d
             7f27beb1 6a9152cf 765ee439 0cce",
        ),
        (
            Profile::AeadAes256Gcm,
            "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3
             db36dfff d6b0f9bb 7878d7a7 6c13",
        ),
    ];
    for (profile, sealed) in vectors {
        let sealed = [&header[..], &bytes(sealed)].concat();
        check_rtp(&rfc_7714(profile), &plain, 0x5501_a0b2, 0xf17b, &sealed);
    }
}

/// RFC 3711 appendix B.2: a payload of zeros becomes the key stream.
#[test]
fn counter_mode_key_stream_matches_the_rfc() {
    let key = SessionKey {
        profile: Profile::Aes128CmHmacSha1_80,
        encryption: bytes("2b7e1516 28aed2a6 abf71588 09cf4f3c"),
        authentication: vec![0; 20],
        salt: bytes("f0f1f2f3 f4f5f6f7 f8f9fafb fcfd"),
    };
    let mut packet = vec![0; 12 + 48];
    RtpCipher::new(&key).unwrap().seal(&mut packet, 12, 0, 0).unwrap();
    let stream = "e03ead09 35c95e80 e166b16d d92b4eb4 d2351316 2b02d0f7 2a43a2fe 4a5f97ab 41e95b3b b0a2e8dd
         477901e4 fca894c0";
    assert_eq!(packet[12..60], bytes(stream));
}

#[test]
fn counter_mode_packet_matches_libsrtp() {
    let header = bytes("800f1234 decafbad cafebabe");
    let plain = [&header[..], &[0xab; 16]].concat();
    let payload = bytes("4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb");
    check_rtp(&rfc_3711().rtp, &plain, 0xcafe_babe, 0x1234, &[header, payload].concat());
}

#[test]
fn the_rollover_counter_is_authenticated() {
    for profile in PROFILES {
        let cipher = RtpCipher::new(&key(profile, 1)).unwrap();
        let mut packet = vec![0x80; 40];
        cipher.seal(&mut packet, 12, 0x8080_8080, 0x1_8080).unwrap();
        let other = cipher.open(&mut packet.clone(), 12, 0x8080_8080, 0x2_8080);
        assert_eq!(other, Err(DropReason::AuthFailed), "{profile:?}");
        assert_eq!(cipher.open(&mut packet, 12, 0x8080_8080, 0x1_8080), Ok(28), "{profile:?}");
    }
}

#[test]
fn packets_without_room_for_a_tag_are_refused() {
    for profile in PROFILES {
        let cipher = RtpCipher::new(&key(profile, 1)).unwrap();
        for length in 0..12 + cipher.tag_len() {
            let refused = cipher.open(&mut vec![0x80; length], 12, 7, 9);
            assert_eq!(refused, Err(DropReason::AuthFailed), "{profile:?}, {length} bytes");
        }
        assert_eq!(cipher.seal(&mut vec![0x80; 11], 12, 7, 9), Err(DropReason::SealFailed));
    }
}

#[test]
fn keys_of_the_wrong_length_are_refused() {
    for profile in PROFILES {
        for part in 0..3 {
            let mut wrong = key(profile, 5);
            [&mut wrong.encryption, &mut wrong.authentication, &mut wrong.salt][part].push(0);
            assert_eq!(RtpCipher::new(&wrong).err(), Some(KeyError), "{profile:?}, part {part}");
            assert_eq!(RtcpReceiver::new(&wrong).err(), Some(KeyError), "{profile:?}, part {part}");
            assert_eq!(RtcpSender::new(&wrong).err(), Some(KeyError), "{profile:?}, part {part}");
        }
    }
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
            Profile::AeadAes128Gcm => gcm::compute::<10, true>(bounds, &record, &mut work),
            Profile::AeadAes256Gcm => gcm::compute::<14, true>(bounds, &record, &mut work),
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
}
