//! SRTCP (RFC 3711 section 3.4, RFC 7714 section 9): compound packets of one leg, opened and sealed.
//!
//! It authenticates and decrypts; what the packets say is `crate::rtcp`'s business.

use std::collections::HashMap;

use sft_common::{drops::DropReason, replay::ReplayWindow, srtp::key::KeyError};

use super::suite::{CounterMode, Gcm, Suite};
use crate::dataplane::SessionKey;

/// Header of the first packet and SSRC of its sender: what is never encrypted.
const CLEAR: usize = 8;
/// The E flag and the index.
const TRAILER: usize = 4;
/// Set in the trailer if the packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;
/// Senders that one leg may have, each with its own index (RFC 3711 section 3.2.3): a client has one per
/// stream that it sends, and may report on each of its 37 slots as another.
const MAX_SENDERS: usize = 128;

/// Opens what a leg sends.
pub struct RtcpReceiver {
    suite: Suite,
    /// By SSRC of the sender.
    seen: HashMap<u32, Seen>,
}

/// Indices that one sender has used.
struct Seen {
    highest: u64,
    window: ReplayWindow,
}

impl RtcpReceiver {
    /// Starts to receive under the SRTCP key of the direction leg to us.
    ///
    /// # Errors
    /// If the parts of the key do not fit its profile.
    pub fn new(key: &SessionKey) -> Result<RtcpReceiver, KeyError> {
        Ok(RtcpReceiver { suite: Suite::new(key)?, seen: HashMap::new() })
    }

    /// Verifies a packet, decrypts it if it is encrypted, and lets its index in once; returns the compound
    /// RTCP packet.
    ///
    /// # Errors
    /// `BadRtcp` if it is too short, does not verify, was seen before, is older than the replay window, or
    /// is of one sender too many.
    pub fn open(&mut self, packet: &[u8]) -> Result<Vec<u8>, DropReason> {
        let parts = Parts::of(packet, &self.suite).ok_or(DropReason::BadRtcp)?;
        self.check(&parts)?;
        let opened = match &self.suite {
            Suite::Gcm(gcm) => parts.open_gcm(gcm),
            Suite::CounterMode(mode) => parts.open_counter_mode(mode),
        };
        let opened = opened.ok_or(DropReason::BadRtcp)?;
        self.mark(&parts);
        Ok(opened)
    }

    fn check(&self, parts: &Parts<'_>) -> Result<(), DropReason> {
        match self.seen.get(&parts.ssrc) {
            Some(seen) => seen.window.check(parts.index(), seen.highest).map_err(|_| DropReason::BadRtcp),
            None if self.seen.len() < MAX_SENDERS => Ok(()),
            None => Err(DropReason::BadRtcp),
        }
    }

    fn mark(&mut self, parts: &Parts<'_>) {
        let index = parts.index();
        let seen = self
            .seen
            .entry(parts.ssrc)
            .or_insert_with(|| Seen { highest: index, window: ReplayWindow::default() });
        seen.window.mark(index, seen.highest);
        seen.highest = seen.highest.max(index);
    }
}

/// A packet, taken apart.
struct Parts<'a> {
    /// The compound packet, encrypted or not, without what SRTCP adds.
    message: &'a [u8],
    tag: &'a [u8],
    trailer: [u8; TRAILER],
    ssrc: u32,
}

impl<'a> Parts<'a> {
    /// `None` if the packet is too short. The tag is in front of the trailer in AEAD (RFC 7714 section
    /// 9.2), else behind it (RFC 3711 figure 2).
    fn of(packet: &'a [u8], suite: &Suite) -> Option<Parts<'a>> {
        let message_len = packet.len().checked_sub(TRAILER + suite.tag_len())?;
        let (message, added) = packet.split_at_checked(message_len)?;
        let (tag, trailer) = match suite {
            Suite::Gcm(_) => added.split_at_checked(suite.tag_len())?,
            Suite::CounterMode(_) => {
                let (trailer, tag) = added.split_at_checked(TRAILER)?;
                (tag, trailer)
            }
        };
        let ssrc = message.get(4..CLEAR)?.try_into().ok()?;
        Some(Parts { message, tag, trailer: trailer.try_into().ok()?, ssrc: u32::from_be_bytes(ssrc) })
    }

    fn is_encrypted(&self) -> bool {
        u32::from_be_bytes(self.trailer) & ENCRYPTED != 0
    }

    fn index(&self) -> u64 {
        (u32::from_be_bytes(self.trailer) & !ENCRYPTED) as u64
    }

    /// What is not encrypted is associated data, the trailer included (RFC 7714 section 9.2 and 9.3).
    fn open_gcm(&self, gcm: &Gcm) -> Option<Vec<u8>> {
        let clear_len = if self.is_encrypted() { CLEAR } else { self.message.len() };
        let mut message = self.message.to_vec();
        let (clear, body) = message.split_at_mut_checked(clear_len)?;
        let associated = [&*clear, &self.trailer].concat();
        gcm.open(self.ssrc, self.index(), &associated, body, self.tag).ok()?;
        Some(message)
    }

    fn open_counter_mode(&self, mode: &CounterMode) -> Option<Vec<u8>> {
        mode.verify(self.message, &self.trailer, self.tag).ok()?;
        let mut message = self.message.to_vec();
        if self.is_encrypted() {
            mode.apply(self.ssrc, self.index(), message.get_mut(CLEAR..)?).ok()?;
        }
        Some(message)
    }
}

/// Why a packet cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtcpSealError {
    /// The key has sealed 2^31 - 1 packets.
    #[error("the SRTCP index of this leg is used up: close the leg, the client joins again under new keys")]
    IndexExhausted,
    /// Not a compound packet, which begins with a header and an SSRC.
    #[error("an RTCP packet of {0} bytes has no header to leave in the clear")]
    TooShort(usize),
    /// The library refused.
    #[error("the cryptographic library refused to seal an RTCP packet")]
    Refused,
}

/// Seals what we send to a leg.
pub struct RtcpSender {
    suite: Suite,
    /// Of the next packet; one count for all our SSRCs, which is once per SSRC all the more.
    index: u32,
}

impl RtcpSender {
    /// Starts to send under the SRTCP key of the direction us to leg, with index 1.
    ///
    /// # Errors
    /// If the parts of the key do not fit its profile.
    pub fn new(key: &SessionKey) -> Result<RtcpSender, KeyError> {
        Ok(RtcpSender { suite: Suite::new(key)?, index: 1 })
    }

    /// Encrypts and authenticates a compound packet.
    ///
    /// # Errors
    /// If the index is used up or the packet is none.
    pub fn seal(&mut self, packet: &[u8]) -> Result<Vec<u8>, RtcpSealError> {
        let too_short = RtcpSealError::TooShort(packet.len());
        let ssrc = packet.get(4..CLEAR).and_then(|ssrc| ssrc.try_into().ok()).ok_or(too_short)?;
        if self.index & ENCRYPTED != 0 {
            return Err(RtcpSealError::IndexExhausted);
        }
        let (ssrc, index) = (u32::from_be_bytes(ssrc), self.index as u64);
        let trailer = (ENCRYPTED | self.index).to_be_bytes();
        self.index += 1;
        let mut sealed = Vec::with_capacity(packet.len() + TRAILER + self.suite.tag_len());
        sealed.extend_from_slice(packet);
        let (clear, body) = sealed.split_at_mut_checked(CLEAR).ok_or(too_short)?;
        match &self.suite {
            Suite::Gcm(gcm) => {
                let associated = [&*clear, &trailer].concat();
                let tag = gcm.seal(ssrc, index, &associated, body).map_err(|_| RtcpSealError::Refused)?;
                sealed.extend_from_slice(tag.as_ref());
                sealed.extend_from_slice(&trailer);
            }
            Suite::CounterMode(mode) => {
                mode.apply(ssrc, index, body).map_err(|_| RtcpSealError::Refused)?;
                let tag = mode.tag(&sealed, &trailer);
                sealed.extend_from_slice(&trailer);
                sealed.extend_from_slice(&tag);
            }
        }
        Ok(sealed)
    }
}

#[cfg(test)]
mod tests;
