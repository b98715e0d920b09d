//! From an SRTP session key to the record that sealing and opening read.

use super::{
    aes::{Stream, substitute},
    ghash,
    sha1::{INITIAL, Sha1, compress},
};
use crate::maps::{KeyRecord, Profile};

/// A session key whose parts do not fit its profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The encryption key is not [`Profile::key_len`] bytes.
    EncryptionKey,
    /// The authentication key is not 20 bytes (HMAC-SHA1) or not empty (AEAD).
    AuthenticationKey,
    /// The salt is not [`Profile::salt_len`] bytes.
    Salt,
}

impl core::fmt::Display for KeyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            KeyError::EncryptionKey => "SRTP encryption key has the wrong length for its profile",
            KeyError::AuthenticationKey => "SRTP authentication key has the wrong length for its profile",
            KeyError::Salt => "SRTP salt has the wrong length for its profile",
        })
    }
}

impl core::error::Error for KeyError {}

impl KeyRecord {
    /// A record of zeros, for a place in a map that holds no key.
    pub const EMPTY: KeyRecord = KeyRecord {
        salt: [0; 4],
        one: 1,
        epoch: 0,
        profile: 0,
        pad: 0,
        round_keys: [0; 60],
        ghash: [[0; 2]; 128],
        hmac_inner: [0; 5],
        hmac_outer: [0; 5],
    };

    /// Expands a *session* key (RFC 3711 section 4.3), not a master key.
    pub fn expand(
        profile: Profile,
        encryption_key: &[u8],
        authentication_key: &[u8],
        salt: &[u8],
    ) -> Result<KeyRecord, KeyError> {
        let authentication_len = if profile == Profile::Aes128CmHmacSha1_80 { 20 } else { 0 };
        if encryption_key.len() != profile.key_len() {
            return Err(KeyError::EncryptionKey);
        }
        if authentication_key.len() != authentication_len {
            return Err(KeyError::AuthenticationKey);
        }
        if salt.len() != profile.salt_len() {
            return Err(KeyError::Salt);
        }
        let mut record = KeyRecord { profile: profile as u32, ..KeyRecord::EMPTY };
        for (word, bytes) in record.salt.iter_mut().zip(salt.chunks(4)) {
            *word = little_endian(bytes);
        }
        record.round_keys = round_keys(encryption_key);
        match profile {
            Profile::AeadAes128Gcm => record.ghash = ghash::table(hash_key::<10>(&record.round_keys)),
            Profile::AeadAes256Gcm => record.ghash = ghash::table(hash_key::<14>(&record.round_keys)),
            Profile::Aes128CmHmacSha1_80 => {
                record.hmac_inner = padded(authentication_key, 0x36);
                record.hmac_outer = padded(authentication_key, 0x5c);
            }
        }
        Ok(record)
    }
}

/// Up to four bytes as a little-endian word.
fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | byte as u32)
}

/// The AES key schedule (FIPS 197 section 5.2).
fn round_keys(key: &[u8]) -> [u32; 60] {
    let mut words = [0; 60];
    let length = key.len() / 4;
    for (word, bytes) in words.iter_mut().zip(key.chunks(4)) {
        *word = little_endian(bytes);
    }
    let mut constant = 1;
    for i in length..4 * (length + 7) {
        let mut word = words[i - 1];
        if i % length == 0 {
            word = u32::from_le_bytes(word.rotate_right(8).to_le_bytes().map(substitute)) ^ constant;
            constant = constant << 1 ^ (if constant & 0x80 != 0 { 0x11b } else { 0 });
        } else if length > 6 && i % length == 4 {
            word = u32::from_le_bytes(word.to_le_bytes().map(substitute));
        }
        words[i] = words[i - length] ^ word;
    }
    words
}

/// GHASH's key: the encrypted zero block.
fn hash_key<const ROUNDS: usize>(round_keys: &[u32; 60]) -> u128 {
    // SAFETY: the schedule is complete, and lives through both calls.
    let (first, second) = unsafe { Stream::new(round_keys.as_ptr().cast(), [0; 4]).block::<ROUNDS>(0) };
    (first.swap_bytes() as u128) << 64 | second.swap_bytes() as u128
}

/// SHA-1's state after a key's HMAC pad (RFC 2104).
fn padded(key: &[u8], pad: u8) -> [u32; 5] {
    let mut bytes = [pad; 64];
    for (byte, key) in bytes.iter_mut().zip(key) {
        *byte ^= key;
    }
    let mut hash = Sha1 { state: INITIAL, block: [0; 16] };
    for (word, bytes) in hash.block.iter_mut().zip(bytes.chunks(4)) {
        *word = little_endian(bytes).swap_bytes();
    }
    // SAFETY: the hash is ours.
    unsafe { compress(&raw mut hash) };
    hash.state
}
