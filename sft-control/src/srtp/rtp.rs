//! Sealing and opening RTP packets in place.

use aws_lc_rs::aead::Aad;
use sft_common::{drops::DropReason, maps::Profile};

use super::{
    KeyError,
    cipher::{Cipher, Direction, authenticate, is_authentic},
};
use crate::dataplane::SessionKey;

/// One direction's key. Remembers no index: the caller lets none occur twice.
pub struct RtpCipher(Direction);

impl RtpCipher {
    /// Expands a session key.
    ///
    /// # Errors
    /// [`KeyError`] if its parts do not fit its profile.
    pub fn new(key: &SessionKey) -> Result<Self, KeyError> {
        Direction::new(key).map(RtpCipher)
    }

    pub fn profile(&self) -> Profile {
        self.0.profile
    }

    /// Bytes that sealing adds.
    pub fn tag_len(&self) -> usize {
        self.0.profile.tag_len()
    }

    /// Verifies and decrypts a packet in place; returns the length of its payload without the tag. A packet
    /// that does not verify is destroyed.
    ///
    /// # Errors
    /// `AuthFailed`.
    pub fn open(
        &self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, DropReason> {
        let (header, body) = packet.split_at_mut_checked(header_len).ok_or(DropReason::AuthFailed)?;
        let payload = body.len().checked_sub(self.tag_len()).ok_or(DropReason::AuthFailed)?;
        match &self.0.cipher {
            Cipher::Gcm(key) => {
                let nonce = self.0.nonce(ssrc, index);
                key.open_in_place(nonce, Aad::from(&*header), body).map_err(|_| DropReason::AuthFailed)?;
            }
            Cipher::CounterMode(key) => {
                let (text, tag) = body.split_at_mut(payload);
                let expected = authenticate(&key.authentication, [header, text, &rollover(index)]);
                if !is_authentic(&expected, tag) {
                    return Err(DropReason::AuthFailed);
                }
                self.0.crypt(&key.encryption, text, ssrc, index).map_err(|_| DropReason::AuthFailed)?;
            }
        }
        Ok(payload)
    }

    /// Encrypts a packet in place and appends the tag.
    ///
    /// # Errors
    /// `SealFailed` if the header is longer than the packet, or the library refuses.
    pub fn seal(
        &self,
        packet: &mut Vec<u8>,
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), DropReason> {
        let (header, payload) = packet.split_at_mut_checked(header_len).ok_or(DropReason::SealFailed)?;
        match &self.0.cipher {
            Cipher::Gcm(key) => {
                let tag = key
                    .seal_in_place_separate_tag(self.0.nonce(ssrc, index), Aad::from(&*header), payload)
                    .map_err(|_| DropReason::SealFailed)?;
                packet.extend_from_slice(tag.as_ref());
            }
            Cipher::CounterMode(key) => {
                self.0.crypt(&key.encryption, payload, ssrc, index).map_err(|_| DropReason::SealFailed)?;
                let tag = authenticate(&key.authentication, [header, payload, &rollover(index)]);
                packet.extend_from_slice(&tag);
            }
        }
        Ok(())
    }
}

/// The part of the index that is authenticated but not in the packet.
fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}
