//! Published SRTP packets are opened.

use crate::support::{
    conference::{Conference, SENDER, SOURCE, remote, server},
    packet::frame,
    srtp::Key,
};
use sft_common::maps::{Kind, Profile, SourceKey, SourceRecord, name};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The packet is the first of its source, sent under this session key.
fn check(key: &Key, packet: &str, payload: &[u8]) {
    let packet = bytes(packet);
    let ssrc = u32::from_be_bytes(packet[8..12].try_into().expect("four bytes"));
    for v6 in [false, true] {
        let mut conference = Conference::with_sender(Kind::Video, key.profile);
        conference.add_leg(SENDER, key.profile, v6);
        conference.kernel.set(name::KEYS, 2 * SENDER, key.record());
        let set_ssrc = |record: &mut SourceRecord| record.ssrc = ssrc;
        conference.kernel.edit(name::SOURCES, SOURCE, set_ssrc);
        conference.kernel.insert(name::SOURCE_IDS, SourceKey { leg: SENDER, ssrc }, SOURCE);
        let outcome = conference.assert_forwards(&frame(&remote(SENDER, v6), &server(v6), &packet));
        let body = server(v6).payload_offset() + 12;
        assert_eq!(outcome.frame[body..body + payload.len()], *payload);
    }
}

/// RFC 7714 sections 16.1.1 and 16.2.1.
#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn aead_packets() {
    let vectors = [
        (
            Profile::AeadAes128Gcm,
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b
             36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        ),
        (
            Profile::AeadAes256Gcm,
            "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f
             1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        ),
    ];
    for (profile, packet) in vectors {
        let key = Key {
            profile,
            encryption: (0..profile.key_len() as u8).collect(),
            authentication: Vec::new(),
            salt: bytes("51756964 2070726f 2071756f"),
        };
        check(&key, packet, b"Gallia est omnis divisa in partes tres");
    }
}

/// The packet with which libsrtp's driver validates itself, under the session keys of RFC 3711 appendix B.3.
#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn counter_mode_packet() {
    let key = Key {
        profile: Profile::Aes128CmHmacSha1_80,
        encryption: bytes("c61e7a93744f39ee10734afe3ff7a087"),
        authentication: bytes("cebe321f6ff7716b6fd4ab49af256a156d38baa4"),
        salt: bytes("30cbbc08863d8c85d49db34a9ae1"),
    };
    let packet = "800f1234 decafbad cafebabe 4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb";
    check(&key, packet, &[0xab; 16]);
}
