//! The media that a leg sends: streams of marked packets with realistic sizes and rates. Pure: the caller
//! says when, and sends.

use std::time::Duration;

use rand::Rng;

use crate::{
    descriptor::{Descriptor, Place},
    marker::{self, LegId, Marker, Stream},
};

/// Timestamp steps, at 48 and 90 kHz.
const AUDIO_STEP_PER_MS: u32 = 48;
const VIDEO_STEP_PER_MS: u32 = 90;

/// Speech at 32 kbit/s with the frame encryption of the clients around it.
const AUDIO_LENGTH: usize = 120;
/// Leaves room for headers, SRTP tag and the CSRC within the 1200 bytes that browsers keep to.
const LONGEST: usize = 1120;
/// Bytes in front of the marker: the VP8 payload descriptor (RFC 7741 section 4.2).
const VP8_DESCRIPTOR: usize = 1;
/// Start of partition 0.
const VP8_START: u8 = 0x10;

/// Value of the audio level extension for a loud voice: 20 dB below the maximum, and the voice bit.
const LOUD: u8 = 0x80 | 20;
/// Silence, as a muted client reports it.
const SILENT: u8 = 127;

/// Packets of a key frame and of other frames, and the picture's size. At 25 pictures a second,
/// about 1.1 Mbit/s and 0.2 Mbit/s.
fn shape(stream: Stream) -> (u32, u32, (u16, u16)) {
    match stream {
        Stream::High => (16, 5, (1280, 720)),
        Stream::Audio | Stream::Low => (4, 1, (640, 360)),
    }
}

/// Packets of an ordinary picture in these layers.
pub(crate) fn picture(layers: &[Stream]) -> usize {
    layers.iter().map(|layer| shape(*layer).1 as usize).sum()
}

/// One packet to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) stream: Stream,
    /// Extended RTP sequence number.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    /// The RTP marker bit.
    pub(crate) end_of_frame: bool,
    pub(crate) payload: Vec<u8>,
    pub(crate) extension: Extension,
}

impl Packet {
    /// The packet leaves now, and not when it was made. `at` counts since the process began.
    pub(crate) fn stamp(&mut self, at: Duration) {
        let place = &mut self.payload[marker_at(self.stream)..];
        if let Some(marker) = Marker::read(place) {
            Marker { sent: at, ..marker }.write(place);
        }
    }
}

/// The header extension that the server's decisions depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extension {
    /// The byte of the audio level.
    Level(u8),
    Frame(Descriptor),
}

/// When a packet is made, as far as the marker tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Inside the measuring window.
    pub(crate) measured: bool,
    /// Since the process began.
    pub(crate) at: Duration,
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Source {
    run: u32,
    leg: LegId,
    stream: Stream,
    sequence: u64,
    timestamp: u32,
    counter: u32,
    frame: u16,
    key_frame_due: bool,
    /// Packets sent inside the measuring window.
    pub(crate) measured: u64,
}

impl Source {
    /// Begins with random numbers, as RFC 3550 section 5.1 wants, and with a key frame.
    pub(crate) fn new(run: u32, leg: LegId, stream: Stream, random: &mut impl Rng) -> Self {
        Source {
            run,
            leg,
            stream,
            sequence: u64::from(random.random::<u16>()),
            timestamp: random.random(),
            counter: 0,
            frame: 0,
            key_frame_due: true,
            measured: 0,
        }
    }

    /// The next frame will be a key frame.
    pub(crate) fn request_key_frame(&mut self) {
        self.key_frame_due = true;
    }

    /// The next packet of speech or silence; the one after it follows after `interval`.
    pub(crate) fn audio(&mut self, talking: bool, interval: Duration, moment: Moment) -> Packet {
        let level = if talking { LOUD } else { SILENT };
        let place = Place { first: true, last: true, key: false };
        let packet = self.packet(place, Extension::Level(level), vec![0; AUDIO_LENGTH], moment);
        self.timestamp = self.timestamp.wrapping_add(AUDIO_STEP_PER_MS * interval.as_millis() as u32);
        packet
    }

    /// The packets of the next picture; the one after it follows after `interval`.
    pub(crate) fn frame(&mut self, interval: Duration, moment: Moment) -> Vec<Packet> {
        let (key_packets, packets, size) = shape(self.stream);
        let key = std::mem::take(&mut self.key_frame_due);
        let count = if key { key_packets } else { packets };
        let frame = (0..count)
            .map(|number| {
                let place = Place { first: number == 0, last: number + 1 == count, key };
                let extension = Extension::Frame(Descriptor::new(place, self.frame, size));
                // Frames are not multiples of the longest packet.
                let length = if place.last { 300 + self.counter as usize * 37 % 800 } else { LONGEST };
                self.packet(place, extension, vec![0; length], moment)
            })
            .collect();
        self.timestamp = self.timestamp.wrapping_add(VIDEO_STEP_PER_MS * interval.as_millis() as u32);
        self.frame = self.frame.wrapping_add(1);
        frame
    }

    fn packet(&mut self, place: Place, extension: Extension, mut payload: Vec<u8>, moment: Moment) -> Packet {
        let marker = Marker {
            run: self.run,
            sender: self.leg,
            stream: self.stream,
            measured: moment.measured,
            key: place.key,
            first: place.first,
            extension: match extension {
                Extension::Level(level) => level,
                Extension::Frame(descriptor) => descriptor.first_byte(),
            },
            frame: if self.stream == Stream::Audio { 0 } else { self.frame },
            counter: self.counter,
            timestamp: self.timestamp,
            sent: moment.at,
        };
        let start = marker_at(self.stream);
        if start > 0 {
            payload[0] = if place.first { VP8_START } else { 0 };
        }
        marker.write(&mut payload[start..]);
        let packet = Packet {
            stream: self.stream,
            sequence: self.sequence,
            timestamp: self.timestamp,
            end_of_frame: place.last && self.stream != Stream::Audio,
            payload,
            extension,
        };
        self.sequence += 1;
        self.counter = self.counter.wrapping_add(1);
        self.measured += u64::from(moment.measured);
        packet
    }
}

/// Where the marker begins in payloads of a stream.
fn marker_at(stream: Stream) -> usize {
    if stream == Stream::Audio { 0 } else { VP8_DESCRIPTOR }
}

/// The marker of a payload that arrived in an audio or a video slot.
pub(crate) fn read_marker(payload: &[u8], video: bool) -> Option<Marker> {
    Marker::read(payload.get(marker_at(if video { Stream::High } else { Stream::Audio })..)?)
}

const _: () = assert!(AUDIO_LENGTH >= marker::LENGTH);

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    const LEG: LegId = LegId { conference: 0, index: 2 };
    const INTERVAL: Duration = Duration::from_millis(20);
    const MOMENT: Moment = Moment { measured: true, at: Duration::from_secs(1) };

    fn source(stream: Stream) -> Source {
        Source::new(1, LEG, stream, &mut StdRng::seed_from_u64(1))
    }

    #[test]
    fn video_begins_with_a_key_frame_and_repeats_it_on_request() {
        let mut source = source(Stream::High);
        let keys =
            |packets: &[Packet]| packets.iter().filter_map(|p| read_marker(&p.payload, true)).all(|m| m.key);
        assert!(keys(&source.frame(INTERVAL, MOMENT)));
        assert!(!keys(&source.frame(INTERVAL, MOMENT)));
        source.request_key_frame();
        assert!(keys(&source.frame(INTERVAL, MOMENT)));
        assert!(!keys(&source.frame(INTERVAL, MOMENT)));
    }

    #[test]
    fn packets_are_numbered_without_a_gap_and_frames_share_a_timestamp() {
        let mut source = source(Stream::High);
        let frames = [source.frame(INTERVAL, MOMENT), source.frame(INTERVAL, MOMENT)];
        let packets: Vec<&Packet> = frames.iter().flatten().collect();
        for (counter, pair) in packets.windows(2).enumerate() {
            assert_eq!(pair[1].sequence, pair[0].sequence + 1);
            assert_eq!(read_marker(&pair[0].payload, true).unwrap().counter, counter as u32);
        }
        assert!(frames[0].iter().all(|packet| packet.timestamp == frames[0][0].timestamp));
        assert_eq!(frames[1][0].timestamp, frames[0][0].timestamp.wrapping_add(1800));
        assert_eq!(source.measured, packets.len() as u64);
    }

    #[test]
    fn only_the_last_packet_ends_the_frame() {
        let frame = source(Stream::Low).frame(INTERVAL, MOMENT);
        let ends: Vec<bool> = frame.iter().map(|packet| packet.end_of_frame).collect();
        assert_eq!(ends, [false, false, false, true]);
    }

    #[test]
    fn every_packet_fits_into_what_browsers_send() {
        let mut source = source(Stream::High);
        for _ in 0..200 {
            for packet in source.frame(INTERVAL, MOMENT) {
                assert!((marker::LENGTH + 1..=LONGEST).contains(&packet.payload.len()));
            }
        }
    }

    #[test]
    fn a_packet_that_leaves_later_says_so_and_is_the_same_otherwise() {
        for packet in source(Stream::High).frame(INTERVAL, MOMENT) {
            let mut later = packet.clone();
            later.stamp(MOMENT.at * 2);
            let [before, after] = [&packet, &later].map(|packet| read_marker(&packet.payload, true).unwrap());
            assert_eq!(after, Marker { sent: MOMENT.at * 2, ..before });
        }
    }

    #[test]
    fn silence_is_marked_as_such() {
        let mut source = source(Stream::Audio);
        assert_eq!(source.audio(true, INTERVAL, MOMENT).extension, Extension::Level(0x94));
        let packet = source.audio(false, INTERVAL, MOMENT);
        assert_eq!(packet.extension, Extension::Level(127));
        assert_eq!(read_marker(&packet.payload, false).unwrap().extension, 127);
    }
}
