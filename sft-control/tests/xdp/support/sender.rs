//! One stream as a client sends it.

use sft_control::core::table::Layer;

use super::{
    conference::{receive_key, remote, server},
    packet::{Header, ONE_BYTE, frame},
    tables::{audio_ssrc, profile, v6, video_ssrc},
};

/// A stream of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    pub(crate) leg: u32,
    pub(crate) ssrc: u32,
}

/// What a packet carries besides its payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    pub(crate) level: Option<u8>,
    /// First byte of the generic frame descriptor, and the number of the frame if the packet begins one.
    pub(crate) descriptor: Option<(u8, u16)>,
    pub(crate) transport_sequence: Option<u16>,
    /// `abs-send-time`, 24 bits, and a RID.
    pub(crate) names_sender: bool,
    pub(crate) padding_only: bool,
}

impl Sender {
    pub(crate) fn audio(leg: u32) -> Sender {
        Sender { leg, ssrc: audio_ssrc(leg) }
    }

    pub(crate) fn video(leg: u32, layer: Layer) -> Sender {
        Sender { leg, ssrc: video_ssrc(leg, layer) }
    }

    /// The SRTP packet with this index.
    pub(crate) fn packet(&self, index: u64, extras: Extras, payload: &[u8]) -> Vec<u8> {
        let mut header = Header {
            payload_type: 111,
            sequence: index as u16,
            timestamp: (index as u32).wrapping_mul(960),
            ssrc: self.ssrc,
            padding: extras.padding_only,
            csrcs: vec![7; index as usize % 3],
            ..Header::default()
        };
        let mut elements = Vec::new();
        elements.extend(extras.level.into_iter().flat_map(|level| [0x10, level]));
        let sequence = extras.transport_sequence.map(u16::to_be_bytes);
        elements.extend(sequence.into_iter().flat_map(|[high, low]| [0x31, high, low]));
        if extras.names_sender {
            elements.extend([0x22, 1, 2, 3, 0x40, b'h']);
        }
        elements.extend(extras.descriptor.into_iter().flat_map(descriptor));
        if !elements.is_empty() {
            header = header.with_extension(ONE_BYTE, &elements);
        }
        let key = receive_key(self.leg, profile(self.leg));
        if extras.padding_only {
            let mut padding = vec![0; 20];
            padding[19] = 20;
            return key.seal(&header.bytes(), &padding, index);
        }
        key.seal(&header.bytes(), payload, index)
    }

    /// A packet of the stream on its way to the server.
    pub(crate) fn frame(&self, packet: &[u8]) -> Vec<u8> {
        frame(&remote(self.leg, v6(self.leg)), &server(v6(self.leg)), packet)
    }

    /// Audio that is loud, video without a mark.
    pub(crate) fn loud(&self, index: u64, payload: &[u8]) -> Vec<u8> {
        self.frame(&self.packet(index, Extras { level: Some(10), ..Extras::default() }, payload))
    }
}

/// An element with a generic frame descriptor (sft-protocol.md 10.7).
fn descriptor((first, frame): (u8, u16)) -> Vec<u8> {
    const FIRST_OF_FRAME: u8 = 0x80;
    if first & FIRST_OF_FRAME == 0 {
        return vec![0xb0, first];
    }
    let [low, high] = frame.to_le_bytes();
    vec![0xb3, first, 1, low, high]
}
