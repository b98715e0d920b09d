//! SRTP: one packet in place, opened or sealed under one direction's key.
//!
//! The caller has parsed the header, knows the packet index and keeps the replay window: a nonce is used
//! once because the caller hands an index out once.

use sft_common::{drops::DropReason, srtp::key::KeyError};

use super::suite::Suite;
use crate::dataplane::SessionKey;

/// An expanded key.
pub struct RtpCipher {
    suite: Suite,
}

impl RtpCipher {
    /// Expands a key; done once per leg and direction.
    ///
    /// # Errors
    /// If the parts of the key do not fit its profile.
    pub fn new(key: &SessionKey) -> Result<RtpCipher, KeyError> {
        Ok(RtpCipher { suite: Suite::new(key)? })
    }

    /// Length of the authentication tag in bytes.
    pub const fn tag_len(&self) -> usize {
        self.suite.tag_len()
    }

    /// Verifies a packet and decrypts its payload in place; returns the length of the payload, without tag.
    /// `header_len` counts CSRCs and extensions, `index` is the 48-bit packet index.
    ///
    /// # Errors
    /// `AuthFailed` if the tag does not verify or there is no room for one. The payload may then have been
    /// overwritten.
    pub fn open(
        &self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, DropReason> {
        let payload_len = packet
            .len()
            .checked_sub(header_len)
            .and_then(|length| length.checked_sub(self.tag_len()))
            .ok_or(DropReason::AuthFailed)?;
        let (message, tag) = packet.split_at_mut(header_len + payload_len);
        let opened = match &self.suite {
            Suite::Gcm(gcm) => {
                let (header, payload) = message.split_at_mut(header_len);
                gcm.open(ssrc, index, header, payload, tag)
            }
            Suite::CounterMode(mode) => mode
                .verify(message, &rollover_counter(index), tag)
                .and_then(|()| mode.apply(ssrc, index, &mut message[header_len..])),
        };
        opened.map_err(|_| DropReason::AuthFailed)?;
        Ok(payload_len)
    }

    /// Encrypts the payload behind `header_len` bytes of header in place and appends the tag; returns the
    /// length of the packet. A packet that is refused may have been overwritten and must not be sent.
    ///
    /// # Errors
    /// `SealFailed` if the packet is shorter than its header or the library refuses it.
    pub fn seal(
        &self,
        packet: &mut Vec<u8>,
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, DropReason> {
        let Some((header, payload)) = packet.split_at_mut_checked(header_len) else {
            return Err(DropReason::SealFailed);
        };
        match &self.suite {
            Suite::Gcm(gcm) => {
                let tag = gcm.seal(ssrc, index, header, payload).map_err(|_| DropReason::SealFailed)?;
                packet.extend_from_slice(tag.as_ref());
            }
            Suite::CounterMode(mode) => {
                mode.apply(ssrc, index, payload).map_err(|_| DropReason::SealFailed)?;
                let tag = mode.tag(packet, &rollover_counter(index));
                packet.extend_from_slice(&tag);
            }
        }
        Ok(packet.len())
    }
}

/// The part of the index that is authenticated without being sent (RFC 3711 section 4.2).
fn rollover_counter(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

#[cfg(test)]
mod tests;
