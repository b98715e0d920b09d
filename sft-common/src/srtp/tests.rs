//! Published vectors, and every payload length against an independent library.

use aws_lc_rs::{
    aead, cipher,
    hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key as HmacKey, sign},
};
use proptest::prelude::*;

use super::{
    DONE, FORGED, Frame, MALFORMED, MAX_SEALED_HEADER, Work,
    aes::Stream,
    counter_mode, fold, gcm,
    ghash::{self, Ghash},
    sha1::{INITIAL, Sha1, compress},
};
use crate::maps::{KeyRecord, MAX_PAYLOAD, Profile};

const PROFILES: [Profile; 3] = [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmHmacSha1_80];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(|b| !b.is_ascii_whitespace())
        .map(|b| (b as char).to_digit(16).unwrap() as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A session key and the same key as the programs see it.
struct Key {
    profile: Profile,
    encryption: Vec<u8>,
    authentication: Vec<u8>,
    salt: Vec<u8>,
    record: Box<KeyRecord>,
}

impl Key {
    fn new(profile: Profile, encryption: Vec<u8>, authentication: Vec<u8>, salt: Vec<u8>) -> Key {
        let record = Box::new(KeyRecord::expand(profile, &encryption, &authentication, &salt).unwrap());
        Key { profile, encryption, authentication, salt, record }
    }

    fn from_seed(profile: Profile, seed: u8) -> Key {
        let stretch = |length: usize, tweak: u8| -> Vec<u8> {
            (0..length).map(|i| (i as u8).wrapping_mul(37).wrapping_add(seed).wrapping_mul(tweak)).collect()
        };
        let authentication = if profile == Profile::Aes128CmHmacSha1_80 { 20 } else { 0 };
        Key::new(
            profile,
            stretch(profile.key_len(), 3),
            stretch(authentication, 5),
            stretch(profile.salt_len(), 7),
        )
    }

    fn tag_len(&self) -> usize {
        self.profile.tag_len()
    }

    fn seal(&self, frame: &mut [u8], work: &mut Work) -> i32 {
        let frame = frame_of(frame);
        // SAFETY: the slice, the record and the work are ours.
        unsafe {
            match self.profile {
                Profile::AeadAes128Gcm => gcm::compute::<10, true>(frame, &*self.record, work),
                Profile::AeadAes256Gcm => gcm::compute::<14, true>(frame, &*self.record, work),
                Profile::Aes128CmHmacSha1_80 => counter_mode::seal(frame, &*self.record, work),
            }
        }
    }

    fn open(&self, frame: &mut [u8], work: &mut Work) -> i32 {
        let frame = frame_of(frame);
        // SAFETY: the slice, the record and the work are ours.
        unsafe {
            match self.profile {
                Profile::AeadAes128Gcm => gcm::compute::<10, false>(frame, &*self.record, work),
                Profile::AeadAes256Gcm => gcm::compute::<14, false>(frame, &*self.record, work),
                Profile::Aes128CmHmacSha1_80 => counter_mode::open(frame, &*self.record, work),
            }
        }
    }

    /// Payload and tag of the packet by the library's means.
    fn reference(&self, header: &[u8], payload: &[u8], index: u64) -> Vec<u8> {
        let ssrc = &header[8..12];
        match self.profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                let algorithm =
                    if self.encryption.len() == 16 { &aead::AES_128_GCM } else { &aead::AES_256_GCM };
                let mut nonce = [0; 12];
                nonce[2..6].copy_from_slice(ssrc);
                nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
                nonce.iter_mut().zip(&self.salt).for_each(|(n, s)| *n ^= s);
                let mut sealed = payload.to_vec();
                aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, &self.encryption).unwrap())
                    .seal_in_place_append_tag(
                        aead::Nonce::assume_unique_for_key(nonce),
                        aead::Aad::from(header),
                        &mut sealed,
                    )
                    .unwrap();
                sealed
            }
            Profile::Aes128CmHmacSha1_80 => {
                let mut block = [0; 16];
                block[..14].copy_from_slice(&self.salt);
                block[4..8].iter_mut().zip(ssrc).for_each(|(b, s)| *b ^= s);
                block[8..14].iter_mut().zip(&index.to_be_bytes()[2..]).for_each(|(b, i)| *b ^= i);
                let key = cipher::UnboundCipherKey::new(&cipher::AES_128, &self.encryption).unwrap();
                let mut sealed = payload.to_vec();
                cipher::DecryptingKey::ctr(key)
                    .unwrap()
                    .decrypt(&mut sealed, cipher::DecryptionContext::Iv128((&block).into()))
                    .unwrap();
                let mut message = header.to_vec();
                message.extend(&sealed);
                message.extend(((index >> 16) as u32).to_be_bytes());
                let key = HmacKey::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.authentication);
                sealed.extend(&sign(&key, &message).as_ref()[..10]);
                sealed
            }
        }
    }
}

fn frame_of(bytes: &mut [u8]) -> Frame {
    let range = bytes.as_mut_ptr_range();
    Frame { data: range.start, end: range.end }
}

/// A frame with `rtp` bytes of other headers, an RTP packet, room for its tag and nothing behind it.
fn frame(profile: Profile, rtp: usize, header: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xee; rtp];
    frame.extend(header);
    frame.extend(payload);
    frame.extend(vec![0xa5; profile.tag_len()]);
    frame
}

fn header(length: usize) -> Vec<u8> {
    let mut header: Vec<u8> = (0..length).map(|i| (i as u8).wrapping_mul(11) ^ 0x5c).collect();
    header[0] = 0x80;
    header
}

fn work(rtp: usize, header: &[u8], payload: &[u8], index: u64) -> Work {
    Work {
        rtp: rtp as u32,
        header: header.len() as u32,
        payload: payload.len() as u32,
        ssrc: u32::from_le_bytes(header[8..12].try_into().unwrap()),
        index,
        ..Work::default()
    }
}

/// RFC 1071 over bytes, in the byte order of memory.
fn checksum(bytes: &[u8]) -> u64 {
    let sum = bytes.chunks(2).map(|pair| pair[0] as u64 | (*pair.get(1).unwrap_or(&0) as u64) << 8).sum();
    fold(sum)
}

/// Seals, compares with the library, opens again, and checks that forged packets are refused.
fn check(key: &Key, rtp: usize, header: &[u8], payload: &[u8], index: u64) {
    let mut packet = frame(key.profile, rtp, header, payload);
    let mut state = work(rtp, header, payload, index);
    assert_eq!(key.seal(&mut packet, &mut state), DONE);
    let end = rtp + header.len() + payload.len() + key.tag_len();
    let context = format!("{:?}, header {}, payload {}", key.profile, header.len(), payload.len());
    assert_eq!(packet[..rtp], vec![0xee; rtp], "{context}: bytes in front");
    assert_eq!(packet[rtp..rtp + header.len()], *header, "{context}: header");
    assert_eq!(
        packet[rtp + header.len()..end],
        key.reference(header, payload, index),
        "{context}: payload, tag"
    );
    assert_eq!(fold(state.sum), checksum(&packet[rtp..end]), "{context}: checksum");

    let sealed = packet.clone();
    assert_eq!(key.open(&mut packet, &mut state), DONE, "{context}: opens");
    assert_eq!(
        packet[rtp..rtp + header.len() + payload.len()],
        [header, payload].concat(),
        "{context}: opened"
    );

    for position in [rtp + 1, rtp + header.len(), end - key.tag_len(), end - 1] {
        let mut forged = sealed.clone();
        forged[position] ^= 0x10;
        assert_eq!(key.open(&mut forged, &mut state), FORGED, "{context}: byte {position} changed");
    }
    state.index ^= 1 << 16;
    assert_eq!(key.open(&mut sealed.clone(), &mut state), FORGED, "{context}: other rollover counter");
}

#[test]
fn every_payload_length_equals_the_library() {
    for profile in PROFILES {
        for length in 0..=1200 {
            let key = Key::from_seed(profile, length as u8);
            let rtp = [42, 62, 46, 66][length / 2 % 4];
            let payload: Vec<u8> = (0..length).map(|i| (i * 7 + length) as u8).collect();
            check(&key, rtp, &header(12 + 4 * (length % 20)), &payload, 0x89ab_cdef_0000 | length as u64);
        }
    }
}

#[test]
fn every_header_length_equals_the_library() {
    for profile in PROFILES {
        let key = Key::from_seed(profile, 1);
        for length in (12..=MAX_SEALED_HEADER).step_by(4) {
            check(&key, 42, &header(length), &[0x77; 61], 5);
        }
        check(&key, super::MAX_RTP_OFFSET, &header(MAX_SEALED_HEADER), &[0x13; MAX_PAYLOAD], u64::MAX >> 16);
    }
}

#[test]
fn lengths_beyond_the_limits_or_the_frame_are_refused() {
    for profile in PROFILES {
        let key = Key::from_seed(profile, 9);
        let plain = frame(profile, 42, &header(12), &[1; 40]);
        let good = work(42, &header(12), &[1; 40], 0);
        let bad = [
            Work { header: 8, ..good },
            Work { header: MAX_SEALED_HEADER as u32 + 4, ..good },
            Work { payload: MAX_PAYLOAD as u32 + 1, ..good },
            Work { rtp: 63, ..good },
            Work { payload: 41, ..good },
            Work { payload: 200, ..good },
            Work { header: 16, ..good },
        ];
        for mut work in bad {
            assert_eq!(key.seal(&mut plain.clone(), &mut work), MALFORMED, "{profile:?} {work:?}");
            assert_eq!(key.open(&mut plain.clone(), &mut work), MALFORMED, "{profile:?} {work:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_packet_equals_the_library(
        profile in prop::sample::select(&PROFILES[..]),
        seed: u8,
        ipv6: bool,
        extra in 0usize..=29,
        fields in prop::array::uniform11(any::<u8>()),
        payload in prop::collection::vec(any::<u8>(), 0..1473),
        index in 0u64..1 << 48,
    ) {
        let mut header = header(12 + 4 * extra);
        header[1..12].copy_from_slice(&fields);
        check(&Key::from_seed(profile, seed), if ipv6 { 62 } else { 42 }, &header, &payload, index);
    }
}

/// RFC 3711 appendix B.2.
#[test]
fn counter_mode_key_stream() {
    let record = KeyRecord::expand(
        Profile::Aes128CmHmacSha1_80,
        &bytes("2b7e151628aed2a6abf7158809cf4f3c"),
        &[0; 20],
        &bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfd"),
    )
    .unwrap();
    let block = record.salt.map(|word| word as u64);
    let expected = [
        (0, "e03ead0935c95e80e166b16dd92b4eb4"),
        (1, "d23513162b02d0f72a43a2fe4a5f97ab"),
        (2, "41e95b3bb0a2e8dd477901e4fca894c0"),
    ];
    for (number, stream) in expected {
        // SAFETY: the schedule of a 128-bit key has 11 round keys.
        let (a, b) = unsafe { Stream::new(record.round_keys.as_ptr().cast(), block).block::<10>(number) };
        assert_eq!([a.to_le_bytes(), b.to_le_bytes()].concat(), bytes(stream), "block {number}");
    }
}

/// FIPS 197 appendix C.1 and C.3.
#[test]
fn aes_block() {
    let plain = [0x3322_1100u64, 0x7766_5544, 0xbbaa_9988, 0x00ee_ddcc];
    let key: Vec<u8> = (0..32).collect();
    // The stream's counter is the last byte: the vector's plaintext ends in 0xff.
    let long = KeyRecord::expand(Profile::AeadAes256Gcm, &key, &[], &[0; 12]).unwrap();
    let short = KeyRecord::expand(Profile::AeadAes128Gcm, &key[..16], &[], &[0; 12]).unwrap();
    // SAFETY: the schedules are as long as the key lengths demand.
    let (long, short) = unsafe {
        (
            Stream::new(long.round_keys.as_ptr().cast(), plain).block::<14>(0xff),
            Stream::new(short.round_keys.as_ptr().cast(), plain).block::<10>(0xff),
        )
    };
    assert_eq!(
        [short.0.to_le_bytes(), short.1.to_le_bytes()].concat(),
        bytes("69c4e0d86a7b0430d8cdb78070b4c55a")
    );
    assert_eq!(
        [long.0.to_le_bytes(), long.1.to_le_bytes()].concat(),
        bytes("8ea2b7ca516745bfeafc49904b496089")
    );
}

/// Test case 2 of the GCM specification (McGrew and Viega), the hash alone.
#[test]
fn ghash_of_one_block() {
    let table = ghash::table(0x66e9_4bd4_ef8a_2c3b_884c_fa59_ca34_2b2e);
    let table = table.as_ptr().cast();
    let mut hash = Ghash::default();
    let block = bytes("0388dace60b6a392f328c2b971b2fe78");
    let word = |range: core::ops::Range<usize>| u64::from_le_bytes(block[range].try_into().unwrap());
    // SAFETY: the table has its 128 entries.
    let (a, b) = unsafe {
        hash.update(table, word(0..8), word(8..16));
        hash.finish(table, 0, 16)
    };
    assert_eq!([a.to_le_bytes(), b.to_le_bytes()].concat(), bytes("f38cbb1ad69223dcc3457ae5b6b0f885"));
}

/// RFC 7714 sections 16.1.1 and 16.2.1.
#[test]
fn aead_packets() {
    let header = bytes("8040f17b 8041f8d3 5501a0b2");
    let payload = b"Gallia est omnis divisa in partes tres";
    let key: Vec<u8> = (0..32).collect();
    let salt = bytes("51756964 2070726f 2071756f");
    let vectors = [
        (
            Profile::AeadAes128Gcm,
            "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1
             6a9152cf 765ee439 0cce",
        ),
        (
            Profile::AeadAes256Gcm,
            "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff
             d6b0f9bb 7878d7a7 6c13",
        ),
    ];
    for (profile, sealed) in vectors {
        let key = Key::new(profile, key[..profile.key_len()].to_vec(), vec![], salt.clone());
        let mut packet = frame(profile, 42, &header, payload);
        assert_eq!(key.seal(&mut packet, &mut work(42, &header, payload, 0xf17b)), DONE);
        assert_eq!(packet[54..], bytes(sealed), "{profile:?}");
    }
}

/// RFC 2202 section 3, cases 1 and 3.
#[test]
fn hmac_sha1() {
    let cases = [
        ([0x0b; 20], b"Hi There".to_vec(), "b617318655057264e28bc0b6fb378c8ef146be00"),
        ([0xaa; 20], vec![0xdd; 50], "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
    ];
    for (key, message, expected) in cases {
        let record = KeyRecord::expand(Profile::Aes128CmHmacSha1_80, &[0; 16], &key, &[0; 14]).unwrap();
        let finish = |state: [u32; 5], message: &[u8]| {
            let mut block = [0; 64];
            block[..message.len()].copy_from_slice(message);
            block[message.len()] = 0x80;
            block[56..].copy_from_slice(&((64 + message.len() as u64) * 8).to_be_bytes());
            let mut hash = Sha1 { state, block: [0; 16] };
            for (word, bytes) in hash.block.iter_mut().zip(block.chunks(4)) {
                *word = u32::from_be_bytes(bytes.try_into().unwrap());
            }
            // SAFETY: the hash is ours.
            unsafe { compress(&raw mut hash) };
            hash.state.map(u32::to_be_bytes).concat()
        };
        let inner = finish(record.hmac_inner, &message);
        assert_eq!(finish(record.hmac_outer, &inner), bytes(expected));
    }
}

/// FIPS 180 appendix A: "abc".
#[test]
fn sha1_of_one_block() {
    let mut hash = Sha1 { state: INITIAL, block: [0; 16] };
    hash.block[0] = 0x6162_6380;
    hash.block[15] = 24;
    // SAFETY: the hash is ours.
    unsafe { compress(&raw mut hash) };
    assert_eq!(hash.state, [0xa999_3e36, 0x4706_816a, 0xba3e_2571, 0x7850_c26c, 0x9cd0_d89d]);
}

#[test]
fn keys_of_the_wrong_length_are_refused() {
    use super::key::KeyError;
    let expand = |profile, encryption: usize, authentication: usize, salt: usize| {
        KeyRecord::expand(profile, &vec![0; encryption], &vec![0; authentication], &vec![0; salt]).err()
    };
    assert_eq!(expand(Profile::AeadAes128Gcm, 32, 0, 12), Some(KeyError::EncryptionKey));
    assert_eq!(expand(Profile::AeadAes256Gcm, 32, 20, 12), Some(KeyError::AuthenticationKey));
    assert_eq!(expand(Profile::Aes128CmHmacSha1_80, 16, 20, 12), Some(KeyError::Salt));
    assert_eq!(expand(Profile::Aes128CmHmacSha1_80, 16, 20, 14), None);
}
