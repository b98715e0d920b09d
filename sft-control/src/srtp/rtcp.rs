//! SRTCP (RFC 3711 section 3.4, RFC 7714 section 9): compound packets, opened and sealed.
//!
//! Every SSRC that sends is a context of its own, with its own index (RFC 3711 section 3.2.3). We count one
//! index for all of ours, which lets none of them repeat either.

use std::collections::HashMap;

use aws_lc_rs::aead::Aad;
use sft_common::{drops::DropReason, replay::ReplayWindow};

use super::{
    KeyError,
    cipher::{Cipher, Direction, SHORT_TAG, authenticate, is_authentic},
};
use crate::dataplane::SessionKey;

/// Header of the first packet and its SSRC: never encrypted.
const HEADER: usize = 8;
/// E bit and index.
const TRAILER: usize = 4;
pub(super) const ENCRYPTED: u32 = 1 << 31;
const LONG_TAG: usize = 16;
/// Senders that one leg may have: one per stream that a client sends, and a client may report on each of its
/// slots as another.
pub(super) const MAX_SENDERS: usize = 128;

/// Opens what a leg sends.
pub struct RtcpReceiver {
    direction: Direction,
    /// By SSRC of the sender, once one of its packets was authentic.
    senders: HashMap<u32, Seen>,
}

/// Indices that one sender has used.
struct Seen {
    highest: u64,
    window: ReplayWindow,
}

/// Seals what we send to a leg.
pub struct RtcpSender {
    direction: Direction,
    pub(super) next: u32,
}

impl RtcpReceiver {
    /// # Errors
    /// [`KeyError`] if the key's parts do not fit its profile.
    pub fn new(key: &SessionKey) -> Result<Self, KeyError> {
        Ok(RtcpReceiver { direction: Direction::new(key)?, senders: HashMap::new() })
    }

    /// Verifies, decrypts and lets every index of a sender in once. Returns the compound packet.
    ///
    /// # Errors
    /// `BadRtcp`, also for one sender too many.
    pub fn open(&mut self, packet: &[u8]) -> Result<Vec<u8>, DropReason> {
        let (plain, index) = open(&self.direction, packet).ok_or(DropReason::BadRtcp)?;
        let sender = ssrc_of(&plain).ok_or(DropReason::BadRtcp)?;
        self.admit(sender, u64::from(index))?;
        Ok(plain)
    }

    fn admit(&mut self, sender: u32, index: u64) -> Result<(), DropReason> {
        if self.senders.len() >= MAX_SENDERS && !self.senders.contains_key(&sender) {
            return Err(DropReason::BadRtcp);
        }
        let new = || Seen { highest: index, window: ReplayWindow::default() };
        let seen = self.senders.entry(sender).or_insert_with(new);
        seen.window.check(index, seen.highest).map_err(|_| DropReason::BadRtcp)?;
        seen.window.mark(index, seen.highest);
        seen.highest = seen.highest.max(index);
        Ok(())
    }
}

impl RtcpSender {
    /// # Errors
    /// [`KeyError`] if the key's parts do not fit its profile.
    pub fn new(key: &SessionKey) -> Result<Self, KeyError> {
        Ok(RtcpSender { direction: Direction::new(key)?, next: 1 })
    }

    /// Seals a compound or reduced-size packet. `None` when all 2^31 - 1 indices are used up, or for a packet
    /// without header.
    pub fn seal(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        if self.next >= ENCRYPTED {
            return None;
        }
        let sealed = seal(&self.direction, packet, self.next)?;
        self.next += 1;
        Some(sealed)
    }
}

/// An SRTCP packet with this index.
fn seal(direction: &Direction, packet: &[u8], index: u32) -> Option<Vec<u8>> {
    let (header, payload) = packet.split_at_checked(HEADER)?;
    let ssrc = ssrc_of(header)?;
    let trailer = (ENCRYPTED | index).to_be_bytes();
    let mut body = payload.to_vec();
    match &direction.cipher {
        Cipher::Gcm(key) => {
            let nonce = direction.nonce(ssrc, index.into());
            let data = Aad::from([header, &trailer].concat());
            key.seal_in_place_append_tag(nonce, data, &mut body).ok()?;
            Some([header, &body, &trailer].concat())
        }
        Cipher::CounterMode(key) => {
            direction.crypt(&key.encryption, &mut body, ssrc, index.into()).ok()?;
            let tag = authenticate(&key.authentication, [header, &body, &trailer]);
            Some([header, &body, &trailer, &tag].concat())
        }
    }
}

/// The plain packet and its index.
fn open(direction: &Direction, packet: &[u8]) -> Option<(Vec<u8>, u32)> {
    match &direction.cipher {
        Cipher::Gcm(key) => {
            let (message, trailer) = packet.split_last_chunk::<TRAILER>()?;
            let (index, encrypted) = read_trailer(*trailer);
            // RFC 7714 section 9.3: of a packet in the clear all is associated data and only the tag is left.
            let clear = if encrypted { HEADER } else { message.len().checked_sub(LONG_TAG)? };
            let (header, body) = message.split_at_checked(clear)?;
            let nonce = direction.nonce(ssrc_of(message)?, index.into());
            let mut body = body.to_vec();
            let data = Aad::from([header, trailer].concat());
            let plain = key.open_in_place(nonce, data, &mut body).ok()?;
            Some(([header, plain].concat(), index))
        }
        Cipher::CounterMode(key) => {
            let (signed, tag) = packet.split_last_chunk::<SHORT_TAG>()?;
            if !is_authentic(&authenticate(&key.authentication, [signed, &[], &[]]), tag) {
                return None;
            }
            let (message, trailer) = signed.split_last_chunk::<TRAILER>()?;
            let (index, encrypted) = read_trailer(*trailer);
            let mut plain = message.to_vec();
            if encrypted {
                let ssrc = ssrc_of(message)?;
                direction.crypt(&key.encryption, plain.get_mut(HEADER..)?, ssrc, index.into()).ok()?;
            }
            Some((plain, index))
        }
    }
}

/// Index, and whether the packet is encrypted.
fn read_trailer(trailer: [u8; TRAILER]) -> (u32, bool) {
    let word = u32::from_be_bytes(trailer);
    (word & !ENCRYPTED, word & ENCRYPTED != 0)
}

fn ssrc_of(packet: &[u8]) -> Option<u32> {
    packet.get(4..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}
