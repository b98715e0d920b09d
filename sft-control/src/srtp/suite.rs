//! The arithmetic of the protection profiles, for RTP and RTCP alike: keys expanded once, nonces made from
//! SSRC and index.
//!
//! It knows neither packet format; who calls it says which bytes are encrypted and which authenticated.

use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey},
    constant_time::verify_slices_are_equal,
    hmac,
};
use sft_common::{maps::Profile, srtp::key::KeyError};

use crate::dataplane::SessionKey;

/// Length of the truncated HMAC-SHA1 tag in bytes.
const HMAC_TAG: usize = Profile::Aes128CmHmacSha1_80.tag_len();
/// Of HMAC-SHA1, in bytes.
const AUTHENTICATION_KEY: usize = 20;

/// The library refused: a tag does not verify, or an input is not what the arithmetic takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// A session key, expanded.
pub(super) enum Suite {
    Gcm(Gcm),
    CounterMode(Box<CounterMode>),
}

impl Suite {
    pub(super) fn new(key: &SessionKey) -> Result<Suite, KeyError> {
        match key.profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => Gcm::new(key).map(Suite::Gcm),
            Profile::Aes128CmHmacSha1_80 => {
                CounterMode::new(key).map(|mode| Suite::CounterMode(Box::new(mode)))
            }
        }
    }

    pub(super) const fn tag_len(&self) -> usize {
        match self {
            Suite::Gcm(_) => Profile::AeadAes128Gcm.tag_len(),
            Suite::CounterMode(_) => HMAC_TAG,
        }
    }
}

/// AES in Galois/Counter Mode (RFC 7714).
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Gcm {
    fn new(key: &SessionKey) -> Result<Gcm, KeyError> {
        if !key.authentication.is_empty() {
            return Err(KeyError::AuthenticationKey);
        }
        let algorithm = if key.profile == Profile::AeadAes256Gcm { &AES_256_GCM } else { &AES_128_GCM };
        let unbound = UnboundKey::new(algorithm, &key.encryption).map_err(|_| KeyError::EncryptionKey)?;
        let salt = key.salt.as_slice().try_into().map_err(|_| KeyError::Salt)?;
        Ok(Gcm { key: LessSafeKey::new(unbound), salt })
    }

    /// Verifies `tag` over `associated` and `body`, and decrypts the body. The body of a forged packet is
    /// overwritten.
    pub(super) fn open(
        &self,
        ssrc: u32,
        index: u64,
        associated: &[u8],
        body: &mut [u8],
        tag: &[u8],
    ) -> Result<(), Refused> {
        self.key
            .open_in_place_separate_tag(self.nonce(ssrc, index), Aad::from(associated), tag, body)
            .map_err(|_| Refused)?;
        Ok(())
    }

    /// Encrypts the body and returns the tag.
    pub(super) fn seal(
        &self,
        ssrc: u32,
        index: u64,
        associated: &[u8],
        body: &mut [u8],
    ) -> Result<impl AsRef<[u8]> + use<>, Refused> {
        self.key
            .seal_in_place_separate_tag(self.nonce(ssrc, index), Aad::from(associated), body)
            .map_err(|_| Refused)
    }

    /// RFC 7714 section 8.1; the shorter index of RTCP (section 9.1) leaves the high bytes 0.
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
        nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        for (byte, salt) in nonce.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// AES in counter mode with HMAC-SHA1 (RFC 3711).
pub(super) struct CounterMode {
    encryption: EncryptingKey,
    authentication: hmac::Key,
    salt: [u8; 14],
}

impl CounterMode {
    fn new(key: &SessionKey) -> Result<CounterMode, KeyError> {
        if key.authentication.len() != AUTHENTICATION_KEY {
            return Err(KeyError::AuthenticationKey);
        }
        let encryption = UnboundCipherKey::new(&AES_128, &key.encryption)
            .and_then(EncryptingKey::ctr)
            .map_err(|_| KeyError::EncryptionKey)?;
        let authentication = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key.authentication);
        let salt = key.salt.as_slice().try_into().map_err(|_| KeyError::Salt)?;
        Ok(CounterMode { encryption, authentication, salt })
    }

    /// Encrypts or decrypts: adds the key stream (RFC 3711 section 4.1.1).
    pub(super) fn apply(&self, ssrc: u32, index: u64, body: &mut [u8]) -> Result<(), Refused> {
        let mut counter = [0; 16];
        counter[4..8].copy_from_slice(&ssrc.to_be_bytes());
        counter[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
        for (byte, salt) in counter.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        self.encryption
            .less_safe_encrypt(body, EncryptionContext::Iv128(counter.into()))
            .map_err(|_| Refused)?;
        Ok(())
    }

    /// The tag over two runs of bytes, one behind the other (RFC 3711 section 4.2).
    pub(super) fn tag(&self, first: &[u8], second: &[u8]) -> [u8; HMAC_TAG] {
        let mut context = hmac::Context::with_key(&self.authentication);
        context.update(first);
        context.update(second);
        let mut tag = [0; HMAC_TAG];
        for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        tag
    }

    /// Compares `tag` with the right one, in constant time.
    pub(super) fn verify(&self, first: &[u8], second: &[u8], tag: &[u8]) -> Result<(), Refused> {
        verify_slices_are_equal(&self.tag(first, second), tag).map_err(|_| Refused)
    }
}
