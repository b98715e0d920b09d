//! Key stream of packets that do not exist yet, for the XDP programs to exclusive-or with.

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use sft_common::maps::Profile;

use super::{
    KeyError,
    cipher::{counter_block, gcm_nonce, salt_of},
};
use crate::dataplane::SessionKey;

/// One direction's encryption key in counter mode. Gives the same bytes however often it is asked; that each is
/// used for one packet is the reader's business (`sft_common::keystream`).
pub struct Keystream {
    profile: Profile,
    salt: [u8; 14],
    key: EncryptingKey,
}

impl Keystream {
    /// Expands a session key.
    ///
    /// # Errors
    /// [`KeyError`] if its parts do not fit its profile.
    pub fn new(key: &SessionKey) -> Result<Self, KeyError> {
        let algorithm = match key.profile {
            Profile::AeadAes128Gcm | Profile::Aes128CmHmacSha1_80 => &AES_128,
            Profile::AeadAes256Gcm => &AES_256,
        };
        let expanded = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, &key.encryption)?)?;
        Ok(Keystream { profile: key.profile, salt: salt_of(key)?, key: expanded })
    }

    /// Fills `bytes`, a multiple of 16 below 4096, with the blocks from
    /// `sft_common::keystream::first_counter` on.
    ///
    /// # Errors
    /// The library's; none is known for counter mode.
    pub fn fill(&self, bytes: &mut [u8], ssrc: u32, index: u64) -> Result<(), KeyError> {
        let first = match self.profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                let mut block = [0; 16];
                block[..12].copy_from_slice(&gcm_nonce(&self.salt, ssrc, index));
                block[15] = 1;
                block
            }
            Profile::Aes128CmHmacSha1_80 => counter_block(&self.salt, ssrc, index),
        };
        bytes.fill(0);
        self.key.less_safe_encrypt(bytes, EncryptionContext::Iv128(first.into()))?;
        Ok(())
    }
}
