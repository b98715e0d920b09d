//! The generic frame descriptor 00 (sft-protocol.md 10.7), header extension 11: what tells the server where
//! key frames begin. str0m does not know it, and takes it as an extension of ours.

use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

const URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/generic-frame-descriptor-00";

const FIRST_PACKET: u8 = 0x80;
const LAST_PACKET: u8 = 0x40;
/// Only frame of its picture: first and last subframe.
const WHOLE_FRAME: u8 = 0x30;
const DEPENDS: u8 = 0x08;

/// Longest form: the first packet of a key frame.
const LONGEST: usize = 8;

/// The extension's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    bytes: [u8; LONGEST],
    length: usize,
}

/// Where a packet stands in its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) key: bool,
}

impl Descriptor {
    /// `frame` counts the frames of a layer; `size` is the picture's width and height.
    pub(crate) fn new(place: Place, frame: u16, size: (u16, u16)) -> Self {
        let flag = |condition: bool, flag: u8| if condition { flag } else { 0 };
        let mut descriptor = Descriptor { bytes: [0; LONGEST], length: 0 };
        descriptor.push(&[WHOLE_FRAME
            | flag(place.first, FIRST_PACKET)
            | flag(place.last, LAST_PACKET)
            | flag(!place.key, DEPENDS)]);
        if place.first {
            descriptor.push(&[1]); // spatial layer 0
            descriptor.push(&frame.to_le_bytes());
            if place.key {
                descriptor.push(&size.0.to_be_bytes());
                descriptor.push(&size.1.to_be_bytes());
            } else {
                descriptor.push(&[1 << 2]); // the frame before
            }
        }
        descriptor
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    /// Number of the frame that the packet begins.
    pub(crate) fn frame(&self) -> Option<u16> {
        let begins = self.length >= 4 && self.bytes[0] & FIRST_PACKET != 0;
        begins.then(|| u16::from_le_bytes([self.bytes[2], self.bytes[3]]))
    }

    /// The flags.
    pub(crate) fn first_byte(&self) -> u8 {
        self.bytes[0]
    }
}

/// Reads and writes [`Descriptor`]s for str0m.
#[derive(Debug)]
struct Serializer;

/// The extension, to be mapped to id 11.
pub(crate) fn extension() -> Extension {
    Extension::with_serializer(URI, Serializer)
}

impl ExtensionSerializer for Serializer {
    fn write_to(&self, buffer: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(descriptor) = values.user_values.get::<Descriptor>() else { return 0 };
        let value = &descriptor.bytes[..descriptor.length];
        let Some(target) = buffer.get_mut(..value.len()) else { return 0 };
        target.copy_from_slice(value);
        value.len()
    }

    /// Longer values than ours are cut: only flags and number are compared.
    fn parse_value(&self, value: &[u8], values: &mut ExtensionValues) -> bool {
        let mut descriptor = Descriptor { bytes: [0; LONGEST], length: 0 };
        descriptor.push(&value[..value.len().min(LONGEST)]);
        let complete = descriptor.length > 0;
        if complete {
            values.user_values.set(descriptor);
        }
        complete
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(first: bool, last: bool, key: bool) -> Vec<u8> {
        let descriptor = Descriptor::new(Place { first, last, key }, 4, (640, 360));
        descriptor.bytes[..descriptor.length].to_vec()
    }

    /// The values are those that a browser sent.
    #[test]
    fn descriptors_look_like_a_browsers() {
        assert_eq!(bytes(true, false, true), [0xb0, 1, 4, 0, 0x02, 0x80, 0x01, 0x68]);
        assert_eq!(bytes(true, true, false), [0xf8, 1, 4, 0, 4]);
        assert_eq!(bytes(false, true, false), [0x78]);
    }

    #[test]
    fn what_is_written_is_read() {
        let descriptor = Descriptor::new(Place { first: true, last: false, key: true }, 4, (640, 360));
        let mut values = ExtensionValues::default();
        values.user_values.set(descriptor);
        let mut buffer = [0; 16];
        let length = Serializer.write_to(&mut buffer, &values);
        let mut read = ExtensionValues::default();
        assert!(Serializer.parse_value(&buffer[..length], &mut read));
        assert_eq!(read.user_values.get(), Some(&descriptor));
    }

    #[test]
    fn empty_values_are_refused() {
        assert!(!Serializer.parse_value(&[], &mut ExtensionValues::default()));
    }
}
