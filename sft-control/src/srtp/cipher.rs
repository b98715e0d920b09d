//! One direction's key, expanded, and the arithmetic that RTP and RTCP share.

use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey},
    constant_time::verify_slices_are_equal,
    error::Unspecified,
    hmac,
};
use sft_common::maps::Profile;

use super::{KeyError, derive::AUTHENTICATION_KEY};
use crate::dataplane::SessionKey;

/// Bytes of an HMAC-SHA1 tag that go into a packet.
pub(super) const SHORT_TAG: usize = 10;

/// An expanded session key. Remembers no index: the caller lets none occur twice.
pub(super) struct Direction {
    pub(super) profile: Profile,
    /// 12 or 14 bytes, rest 0.
    salt: [u8; 14],
    pub(super) cipher: Cipher,
}

pub(super) enum Cipher {
    Gcm(LessSafeKey),
    CounterMode(Box<CounterMode>),
}

pub(super) struct CounterMode {
    pub(super) encryption: EncryptingKey,
    pub(super) authentication: hmac::Key,
}

impl Direction {
    pub(super) fn new(key: &SessionKey) -> Result<Self, KeyError> {
        let salt = salt_of(key)?;
        let authentication_len = match key.profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => 0,
            Profile::Aes128CmHmacSha1_80 => AUTHENTICATION_KEY,
        };
        let fits =
            key.encryption.len() == key.profile.key_len() && key.authentication.len() == authentication_len;
        if !fits {
            return Err(KeyError);
        }
        let gcm = |algorithm| UnboundKey::new(algorithm, &key.encryption).map(LessSafeKey::new);
        let cipher = match key.profile {
            Profile::AeadAes128Gcm => Cipher::Gcm(gcm(&AES_128_GCM)?),
            Profile::AeadAes256Gcm => Cipher::Gcm(gcm(&AES_256_GCM)?),
            Profile::Aes128CmHmacSha1_80 => Cipher::CounterMode(Box::new(CounterMode {
                encryption: EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, &key.encryption)?)?,
                authentication: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key.authentication),
            })),
        };
        Ok(Direction { profile: key.profile, salt, cipher })
    }

    pub(super) fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        Nonce::assume_unique_for_key(gcm_nonce(&self.salt, ssrc, index))
    }

    /// Counter mode: encrypts and decrypts.
    pub(super) fn crypt(
        &self,
        key: &EncryptingKey,
        payload: &mut [u8],
        ssrc: u32,
        index: u64,
    ) -> Result<(), Unspecified> {
        let counter = counter_block(&self.salt, ssrc, index);
        key.less_safe_encrypt(payload, EncryptionContext::Iv128(counter.into())).map(drop)
    }
}

/// The salt of a session key, 12 or 14 bytes, rest 0.
pub(super) fn salt_of(key: &SessionKey) -> Result<[u8; 14], KeyError> {
    let mut salt = [0; 14];
    if key.salt.len() != key.profile.salt_len() {
        return Err(KeyError);
    }
    salt.iter_mut().zip(&key.salt).for_each(|(byte, salt)| *byte = *salt);
    Ok(salt)
}

/// RFC 7714 section 8.1; with the 31-bit index of SRTCP also section 9.1.
pub(super) fn gcm_nonce(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
    nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
    nonce.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    nonce
}

/// The initial counter block of RFC 3711 section 4.1.1.
pub(super) fn counter_block(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut block = [0; 16];
    block[4..8].copy_from_slice(&ssrc.to_be_bytes());
    block[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
    block.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    block
}

/// HMAC-SHA1 over these parts, cut to the tag (RFC 3711 section 4.2.1).
pub(super) fn authenticate(key: &hmac::Key, parts: [&[u8]; 3]) -> [u8; SHORT_TAG] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let mut tag = [0; SHORT_TAG];
    tag.copy_from_slice(&context.sign().as_ref()[..SHORT_TAG]);
    tag
}

/// Whether a received tag is the right one; where they differ does not show in the time.
pub(super) fn is_authentic(expected: &[u8; SHORT_TAG], received: &[u8]) -> bool {
    verify_slices_are_equal(expected, received).is_ok()
}
