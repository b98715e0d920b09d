//! Keys for tests.

use sft_common::maps::Profile;

use crate::dataplane::SessionKey;

pub(crate) const PROFILES: [Profile; 3] =
    [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmHmacSha1_80];

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A session key that differs with `seed`.
pub(crate) fn key(profile: Profile, seed: u8) -> SessionKey {
    let stretch = |length: usize, tweak: u8| -> Vec<u8> {
        (0..length).map(|i| (i as u8).wrapping_mul(37).wrapping_add(seed).wrapping_mul(tweak)).collect()
    };
    let authentication = if profile == Profile::Aes128CmHmacSha1_80 { 20 } else { 0 };
    SessionKey {
        profile,
        encryption: stretch(profile.key_len(), 3),
        authentication: stretch(authentication, 5),
        salt: stretch(profile.salt_len(), 7),
    }
}

/// The session key of RFC 7714 sections 16 and 17.
pub(crate) fn rfc_7714(profile: Profile) -> SessionKey {
    SessionKey {
        profile,
        encryption: (0..profile.key_len() as u8).collect(),
        authentication: Vec::new(),
        salt: bytes("51756964 2070726f 2071756f"),
    }
}
