//! Published vectors, and every packet against the arithmetic of the XDP programs.

use proptest::prelude::*;
use sft_common::{
    drops::DropReason,
    maps::{KeyRecord, Profile},
    srtp::{self, Frame, TAG_ROOM, Work, counter_mode, gcm},
};

use super::RtpCipher;
use crate::{
    dataplane::SessionKey,
    srtp::{
        session_keys,
        testing::{PROFILES, bytes, key, rfc_7714},
    },
};

/// Seals and opens a packet and compares with what it has to be.
fn check(key: &SessionKey, plain: &[u8], header_len: usize, ssrc: u32, index: u64, sealed: &[u8]) {
    let cipher = RtpCipher::new(key).unwrap();
    let mut packet = plain.to_vec();
    assert_eq!(cipher.seal(&mut packet, header_len, ssrc, index), Ok(sealed.len()));
    assert_eq!(packet, sealed);
    assert_eq!(cipher.open(&mut packet, header_len, ssrc, index), Ok(plain.len() - header_len));
    assert_eq!(packet[..plain.len()], *plain);
}

/// RFC 7714 sections 16.1.1 and 16.2.1.
#[test]
fn aead_packets_match_the_rfc() {
    let header = "8040f17b 8041f8d3 5501a0b2";
    let mut plain = bytes(header);
    plain.extend(b"Gallia est omnis divisa in partes tres");
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
        let sealed = [bytes(header), bytes(sealed)].concat();
        check(&rfc_7714(profile), &plain, 12, 0x5501_a0b2, 0xf17b, &sealed);
    }
}

/// RFC 3711 appendix B.2: the key stream of SSRC 0 and index 0 is what a payload of zeros becomes.
#[test]
fn counter_mode_key_stream_matches_the_rfc() {
    let key = SessionKey {
        profile: Profile::Aes128CmHmacSha1_80,
        encryption: bytes("2b7e151628aed2a6abf7158809cf4f3c"),
        authentication: vec![0; 20],
        salt: bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfd"),
    };
    let mut packet = vec![0; 12 + 48];
    RtpCipher::new(&key).unwrap().seal(&mut packet, 12, 0, 0).unwrap();
    let stream = "e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab
                  41e95b3bb0a2e8dd477901e4fca894c0";
    assert_eq!(packet[12..60], bytes(stream));
}

/// The reference packet of libsrtp (`srtp_validate`), under the master key of RFC 3711 appendix B.3.
#[test]
fn counter_mode_packet_matches_libsrtp() {
    let keys = session_keys(
        Profile::Aes128CmHmacSha1_80,
        &bytes("e1f97a0d3e018be0d64fa32c06de4139"),
        &bytes("0ec675ad498afeebb6960b3aabe6"),
    )
    .unwrap();
    let header = "800f1234 decafbad cafebabe";
    let plain = [bytes(header), vec![0xab; 16]].concat();
    let sealed = [bytes(header), bytes("4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb")].concat();
    check(&keys.rtp, &plain, 12, 0xcafe_babe, 0x1234, &sealed);
}

/// The packet as the XDP programs seal it.
fn sealed_by_programs(key: &SessionKey, plain: &[u8], header_len: usize, ssrc: u32, index: u64) -> Vec<u8> {
    const RTP: usize = 42;
    let record =
        Box::new(KeyRecord::expand(key.profile, &key.encryption, &key.authentication, &key.salt).unwrap());
    let mut frame = [&[0; RTP], plain, &[0; TAG_ROOM]].concat();
    let mut work = Work {
        rtp: RTP as u32,
        header: header_len as u32,
        payload: (plain.len() - header_len) as u32,
        ssrc: u32::from_ne_bytes(ssrc.to_be_bytes()),
        index,
        ..Work::default()
    };
    let range = frame.as_mut_ptr_range();
    let bounds = Frame { data: range.start, end: range.end };
    // SAFETY: frame, record and work are ours and live through the call.
    let result = unsafe {
        match key.profile {
            Profile::AeadAes128Gcm => gcm::process::<10, true>(bounds, &*record, &raw mut work),
            Profile::AeadAes256Gcm => gcm::process::<14, true>(bounds, &*record, &raw mut work),
            Profile::Aes128CmHmacSha1_80 => counter_mode::seal(bounds, &*record, &raw mut work),
        }
    };
    assert_eq!(result, srtp::DONE);
    frame[RTP..RTP + plain.len() + key.profile.tag_len()].to_vec()
}

proptest! {
    #[test]
    fn both_lanes_seal_alike(
        profile in prop::sample::select(&PROFILES[..]),
        seed: u8,
        words in 3_usize..=32,
        ssrc: u32,
        index in 0_u64..1 << 48,
        payload in prop::collection::vec(any::<u8>(), 0..1200),
    ) {
        let key = key(profile, seed);
        let mut plain = vec![seed; 4 * words];
        plain[8..12].copy_from_slice(&ssrc.to_be_bytes());
        plain.extend(payload);
        check(&key, &plain, 4 * words, ssrc, index, &sealed_by_programs(&key, &plain, 4 * words, ssrc, index));
    }

    #[test]
    fn any_change_is_noticed(
        profile in prop::sample::select(&PROFILES[..]),
        position: prop::sample::Index,
        bit in 0_u32..8,
        payload in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let cipher = RtpCipher::new(&key(profile, 1)).unwrap();
        let mut packet = [vec![0x80; 12], payload].concat();
        cipher.seal(&mut packet, 12, 7, 9).unwrap();
        let at = position.index(packet.len());
        packet[at] ^= 1_u8 << bit;
        prop_assert_eq!(cipher.open(&mut packet, 12, 7, 9), Err(DropReason::AuthFailed));
    }
}

#[test]
fn index_and_ssrc_are_authenticated() {
    for profile in PROFILES {
        let cipher = RtpCipher::new(&key(profile, 1)).unwrap();
        let mut packet = vec![0x80; 40];
        packet[8..12].copy_from_slice(&7_u32.to_be_bytes());
        cipher.seal(&mut packet, 12, 7, 0x1_0005).unwrap();
        let refused = cipher.open(&mut packet.clone(), 12, 7, 0x2_0005);
        assert_eq!(refused, Err(DropReason::AuthFailed), "{profile:?}: rollover counter");
        assert_eq!(cipher.open(&mut packet, 12, 7, 0x1_0005), Ok(28));
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
