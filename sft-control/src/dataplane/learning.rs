//! SSRCs that no answer announced: learned from authenticated packets that carry a RID.
//!
//! For both lanes. It opens packets only to authenticate them and forwards nothing.

use sft_common::{
    drops::DropReason,
    extension::{self, Rid},
    rtp,
};

use super::SessionKey;
use crate::{
    core::table::Layer,
    srtp::{KeyError, RtpCipher},
};

/// Authenticates the packets of one leg.
pub struct Learner {
    cipher: RtpCipher,
    /// Packets are opened here: the original may still be wanted.
    buffer: Vec<u8>,
}

/// What a packet taught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learned {
    pub ssrc: u32,
    pub layer: Layer,
    /// Of the packet; its rollover counter is 0, as that of every new stream (RFC 3711 section 3.3.1).
    pub index: u64,
}

impl Learner {
    /// # Errors
    /// [`KeyError`] if the key's parts do not fit its profile.
    pub fn new(key: &SessionKey) -> Result<Self, KeyError> {
        Ok(Learner { cipher: RtpCipher::new(key)?, buffer: Vec::new() })
    }

    /// `None` if the packet carries no RID: it teaches nothing. Padding teaches as well as anything else;
    /// most packets with a RID are padding.
    ///
    /// # Errors
    /// As for any packet: `Runt`, `BadRtpHeader`, `HeaderTooLong`, `AuthFailed`.
    pub fn examine(&mut self, packet: &[u8]) -> Result<Option<Learned>, DropReason> {
        let mut buffer = rtp::header_buffer(packet);
        let header = rtp::parse(&buffer, packet.len())?;
        let layer = match extension::walk(&mut buffer, &header).rid {
            Some(Rid::Low) => Layer::Low,
            Some(Rid::High) => Layer::High,
            None => return Ok(None),
        };
        self.buffer.clear();
        self.buffer.extend_from_slice(packet);
        let index = u64::from(header.sequence);
        self.cipher.open(&mut self.buffer, header.header_len, header.ssrc, index)?;
        Ok(Some(Learned { ssrc: header.ssrc, layer, index }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sft_common::maps::Profile;

    use super::*;

    fn key() -> SessionKey {
        SessionKey {
            profile: Profile::AeadAes128Gcm,
            encryption: vec![1; 16],
            authentication: Vec::new(),
            salt: vec![2; 12],
        }
    }

    /// A packet with this one-byte extension element, 4 bytes with padding.
    fn packet(element: [u8; 4]) -> Vec<u8> {
        let mut packet = vec![0x90, 100, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0xbe, 0xde, 0, 1];
        packet.extend(element);
        packet.extend([3; 10]);
        RtpCipher::new(&key()).unwrap().seal(&mut packet, 20, 9, 7).unwrap();
        packet
    }

    #[test]
    fn a_rid_names_the_layer_of_its_ssrc() {
        let mut learner = Learner::new(&key()).unwrap();
        let high = Learned { ssrc: 9, layer: Layer::High, index: 7 };
        assert_eq!(learner.examine(&packet([0x40, b'h', 0, 0])), Ok(Some(high)));
        let low = Learned { layer: Layer::Low, ..high };
        assert_eq!(learner.examine(&packet([0x40, b'l', 0, 0])), Ok(Some(low)));
    }

    #[test]
    fn without_rid_nothing_is_learned() {
        let mut learner = Learner::new(&key()).unwrap();
        assert_eq!(learner.examine(&packet([0x10, 0x55, 0, 0])), Ok(None));
        assert_eq!(learner.examine(&packet([0x40, b'x', 0, 0])), Ok(None));
    }

    #[test]
    fn padding_teaches_as_well() {
        let mut padding = vec![0xb0, 100, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x40, b'l', 0, 0];
        padding.extend([0, 0, 0, 4]);
        RtpCipher::new(&key()).unwrap().seal(&mut padding, 20, 9, 7).unwrap();
        let learned = Learner::new(&key()).unwrap().examine(&padding);
        assert_eq!(learned, Ok(Some(Learned { ssrc: 9, layer: Layer::Low, index: 7 })));
    }

    /// The index would not be known: a stream is learned from its first packets or not at all.
    #[test]
    fn a_stream_that_has_rolled_over_teaches_nothing() {
        let mut late = vec![0x90, 100, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x40, b'l', 0, 0];
        RtpCipher::new(&key()).unwrap().seal(&mut late, 20, 9, 0x1_0007).unwrap();
        assert_eq!(Learner::new(&key()).unwrap().examine(&late), Err(DropReason::AuthFailed));
    }

    #[test]
    fn a_forged_packet_teaches_nothing() {
        let mut learner = Learner::new(&key()).unwrap();
        let mut forged = packet([0x40, b'h', 0, 0]);
        forged[11] ^= 1;
        assert_eq!(learner.examine(&forged), Err(DropReason::AuthFailed));
        for length in 0..forged.len() {
            assert!(learner.examine(&forged[..length]).is_err());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_packets_teach_nothing(mut packet in prop::collection::vec(any::<u8>(), 0..200)) {
            let start = [0x90, 100, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x40, b'h'];
            let mut learner = Learner::new(&key()).unwrap();
            prop_assert!(!matches!(learner.examine(&packet), Ok(Some(_))));
            packet.splice(..0, start);
            prop_assert!(!matches!(learner.examine(&packet), Ok(Some(_))));
        }
    }
}
