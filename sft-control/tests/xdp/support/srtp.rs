//! SRTP by another library's means.

use aws_lc_rs::{
    aead, cipher,
    hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key as HmacKey, sign},
};
use sft_common::maps::{KeyRecord, Profile};

pub(crate) const PROFILES: [Profile; 3] =
    [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmHmacSha1_80];

/// A session key.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) profile: Profile,
    pub(crate) encryption: Vec<u8>,
    pub(crate) authentication: Vec<u8>,
    pub(crate) salt: Vec<u8>,
}

impl Key {
    /// Some key of this profile, another one for every seed.
    pub(crate) fn from_seed(profile: Profile, seed: u32) -> Key {
        let stretch = |length: usize, part: u32| -> Vec<u8> {
            let start = (3 * seed + part + 1).wrapping_mul(0x9e37_79b1);
            let bytes = (0..length as u32).map(|i| start.wrapping_mul(2 * i + 1).to_be_bytes()[1]);
            bytes.collect()
        };
        let authentication = if profile == Profile::Aes128CmHmacSha1_80 { 20 } else { 0 };
        Key {
            profile,
            encryption: stretch(profile.key_len(), 0),
            authentication: stretch(authentication, 1),
            salt: stretch(profile.salt_len(), 2),
        }
    }

    /// As `KEYS` holds it.
    pub(crate) fn record(&self) -> KeyRecord {
        KeyRecord::expand(self.profile, &self.encryption, &self.authentication, &self.salt).unwrap()
    }

    /// The packet with this header and payload.
    pub(crate) fn seal(&self, header: &[u8], payload: &[u8], index: u64) -> Vec<u8> {
        let mut packet = header.to_vec();
        let mut body = payload.to_vec();
        match self.profile {
            Profile::Aes128CmHmacSha1_80 => {
                self.counter_mode(header, &mut body, index);
                packet.extend(body);
                let tag = self.hmac(&packet, index);
                packet.extend(tag);
            }
            _ => {
                let (key, nonce) = self.aead(header, index);
                key.seal_in_place_append_tag(nonce, aead::Aad::from(header), &mut body).unwrap();
                packet.extend(body);
            }
        }
        packet
    }

    /// Key stream of the packet with this header, from the first counter value that its profile uses.
    pub(crate) fn keystream(&self, header: &[u8], blocks: &mut [u8], index: u64) {
        blocks.fill(0);
        let mut block = [0; 16];
        match self.profile {
            Profile::Aes128CmHmacSha1_80 => return self.counter_mode(header, blocks, index),
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                block[2..6].copy_from_slice(&header[8..12]);
                block[6..12].copy_from_slice(&index.to_be_bytes()[2..]);
                block.iter_mut().zip(&self.salt).for_each(|(byte, salt)| *byte ^= salt);
                block[15] = 1;
            }
        }
        let algorithm =
            if self.profile == Profile::AeadAes256Gcm { &cipher::AES_256 } else { &cipher::AES_128 };
        let key = cipher::UnboundCipherKey::new(algorithm, &self.encryption).unwrap();
        let context = cipher::DecryptionContext::Iv128((&block).into());
        cipher::DecryptingKey::ctr(key).unwrap().decrypt(blocks, context).unwrap();
    }

    /// The payload of a packet whose header has this length; `None` if its tag does not verify.
    pub(crate) fn open(&self, packet: &[u8], header_len: usize, index: u64) -> Option<Vec<u8>> {
        let (header, body) = packet.split_at(header_len);
        match self.profile {
            Profile::Aes128CmHmacSha1_80 => {
                let (message, tag) = packet.split_at(packet.len() - 10);
                if self.hmac(message, index) != tag {
                    return None;
                }
                let mut body = message[header_len..].to_vec();
                self.counter_mode(header, &mut body, index);
                Some(body)
            }
            _ => {
                let (key, nonce) = self.aead(header, index);
                let mut body = body.to_vec();
                let opened = key.open_in_place(nonce, aead::Aad::from(header), &mut body).ok()?;
                Some(opened.to_vec())
            }
        }
    }

    /// RFC 7714 section 8.1.
    fn aead(&self, header: &[u8], index: u64) -> (aead::LessSafeKey, aead::Nonce) {
        let algorithm = if self.encryption.len() == 16 { &aead::AES_128_GCM } else { &aead::AES_256_GCM };
        let mut nonce = [0; 12];
        nonce[2..6].copy_from_slice(&header[8..12]);
        nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        nonce.iter_mut().zip(&self.salt).for_each(|(byte, salt)| *byte ^= salt);
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, &self.encryption).unwrap());
        (key, aead::Nonce::assume_unique_for_key(nonce))
    }

    /// RFC 3711 section 4.1.1; encrypts and decrypts.
    fn counter_mode(&self, header: &[u8], body: &mut [u8], index: u64) {
        let mut block = [0; 16];
        block[..14].copy_from_slice(&self.salt);
        block[4..8].iter_mut().zip(&header[8..12]).for_each(|(byte, ssrc)| *byte ^= ssrc);
        block[8..14].iter_mut().zip(&index.to_be_bytes()[2..]).for_each(|(byte, part)| *byte ^= part);
        let key = cipher::UnboundCipherKey::new(&cipher::AES_128, &self.encryption).unwrap();
        cipher::DecryptingKey::ctr(key)
            .unwrap()
            .decrypt(body, cipher::DecryptionContext::Iv128((&block).into()))
            .unwrap();
    }

    /// RFC 3711 section 4.2.1.
    fn hmac(&self, message: &[u8], index: u64) -> Vec<u8> {
        let mut message = message.to_vec();
        message.extend(((index >> 16) as u32).to_be_bytes());
        let key = HmacKey::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.authentication);
        sign(&key, &message).as_ref()[..10].to_vec()
    }
}
