//! What every media payload says about itself, so that a receiver can tell whose packet it is, which one,
//! and whether it arrived unharmed.
//!
//! The server must not look at payloads; real ones are encrypted end to end.

use std::time::Duration;

/// Bytes of a marker; a payload is at least as long.
pub(crate) const LENGTH: usize = 48;
const MAGIC: [u8; 4] = *b"SFTL";
/// Where the checksum of all other bytes stands.
const CHECKSUM: std::ops::Range<usize> = 40..48;

/// One media stream of a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stream {
    Audio,
    /// Video layer `l`.
    Low,
    /// Video layer `h`.
    High,
}

impl Stream {
    pub(crate) const ALL: [Stream; 3] = [Stream::Audio, Stream::Low, Stream::High];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Stream::Audio => "audio",
            Stream::Low => "video l",
            Stream::High => "video h",
        }
    }

    /// Place in arrays over [`Stream::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// A leg of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LegId {
    pub(crate) conference: u16,
    /// Place in the conference.
    pub(crate) index: u16,
}

/// The description of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// Random, one per process: tells our packets from those of another load client.
    pub(crate) run: u32,
    pub(crate) sender: LegId,
    pub(crate) stream: Stream,
    /// Sent inside the measuring window: must arrive wherever it is asked for.
    pub(crate) measured: bool,
    /// Belongs to a key frame.
    pub(crate) key: bool,
    /// First packet of its frame.
    pub(crate) first: bool,
    /// Audio: the byte of the audio level extension. Video: first byte of the generic frame descriptor.
    pub(crate) extension: u8,
    /// Number of the frame at the sender; audio: 0.
    pub(crate) frame: u16,
    /// Number of the packet in its stream, from 0.
    pub(crate) counter: u32,
    /// RTP timestamp at the sender.
    pub(crate) timestamp: u32,
    /// When it was sent, since the process began.
    pub(crate) sent: Duration,
}

const MEASURED: u8 = 1;
const KEY: u8 = 2;
const FIRST: u8 = 4;

impl Marker {
    /// Writes the marker to the front of `payload`, fills the rest, and adds the checksum.
    ///
    /// # Panics
    /// If the payload is shorter than [`LENGTH`].
    pub(crate) fn write(&self, payload: &mut [u8]) {
        let (head, filler) = payload.split_at_mut(LENGTH);
        let flags =
            [(self.measured, MEASURED), (self.key, KEY), (self.first, FIRST)].into_iter().filter(|f| f.0);
        head[0..4].copy_from_slice(&MAGIC);
        head[4..8].copy_from_slice(&self.run.to_be_bytes());
        head[8..10].copy_from_slice(&self.sender.conference.to_be_bytes());
        head[10..12].copy_from_slice(&self.sender.index.to_be_bytes());
        head[12] = self.stream as u8;
        head[13] = flags.map(|(_, flag)| flag).sum();
        head[14] = self.extension;
        head[15] = 0;
        head[16..20].copy_from_slice(&self.counter.to_be_bytes());
        head[20..24].copy_from_slice(&self.timestamp.to_be_bytes());
        head[24..32].copy_from_slice(&(self.sent.as_micros() as u64).to_be_bytes());
        head[32..34].copy_from_slice(&self.frame.to_be_bytes());
        head[34..40].fill(0);
        let seed = u64::from(self.counter) ^ (u64::from(self.run) << 32);
        for (place, chunk) in filler.chunks_mut(8).enumerate() {
            let word = mix(seed, place as u64).to_be_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        let sum = checksum(payload);
        payload[CHECKSUM].copy_from_slice(&sum.to_be_bytes());
    }

    /// `None` if this is not a payload of a load client, or not as it was sent.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        if payload.len() < LENGTH || payload[0..4] != MAGIC {
            return None;
        }
        let word =
            |at: usize| -> u32 { payload[at..at + 4].iter().fold(0, |n, byte| n << 8 | u32::from(*byte)) };
        let long = |at: usize| u64::from(word(at)) << 32 | u64::from(word(at + 4));
        if long(CHECKSUM.start) != checksum(payload) {
            return None;
        }
        let flag = |flag: u8| payload[13] & flag != 0;
        Some(Marker {
            run: word(4),
            sender: LegId { conference: (word(8) >> 16) as u16, index: word(8) as u16 },
            stream: *Stream::ALL.get(usize::from(payload[12]))?,
            measured: flag(MEASURED),
            key: flag(KEY),
            first: flag(FIRST),
            extension: payload[14],
            frame: (word(32) >> 16) as u16,
            counter: word(16),
            timestamp: word(20),
            sent: Duration::from_micros(long(24)),
        })
    }
}

/// Over all bytes but the checksum's own.
fn checksum(payload: &[u8]) -> u64 {
    let covered = [&payload[..CHECKSUM.start], &payload[CHECKSUM.end..]];
    let words = covered.iter().flat_map(|part| part.chunks(8));
    let number = |word: &[u8]| word.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
    words.fold(payload.len() as u64, |sum, word| mix(sum, number(word)))
}

/// The mixing step of SplitMix64 (Steele et al., 2014): spreads every input bit over the result.
fn mix(state: u64, value: u64) -> u64 {
    let mut mixed = (state ^ value).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marker() -> Marker {
        Marker {
            run: 0xdead_beef,
            sender: LegId { conference: 3, index: 700 },
            stream: Stream::High,
            measured: true,
            key: false,
            first: true,
            extension: 0xf8,
            frame: 0xabcd,
            counter: 123_456,
            timestamp: 0xffff_0000,
            sent: Duration::from_micros(9_876_543_210),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [LENGTH, LENGTH + 1, 120, 1120] {
            let mut payload = vec![0xaa; length];
            marker().write(&mut payload);
            assert_eq!(Marker::read(&payload), Some(marker()), "length {length}");
        }
    }

    #[test]
    fn other_payloads_are_refused() {
        assert_eq!(Marker::read(&[]), None);
        assert_eq!(Marker::read(&[0; 200]), None);
    }

    proptest! {
        #[test]
        fn any_changed_bit_is_noticed(byte in 0usize..300, bit in 0u8..8) {
            let mut payload = vec![0; 300];
            marker().write(&mut payload);
            payload[byte] ^= 1 << bit;
            prop_assert_eq!(Marker::read(&payload), None);
        }

        #[test]
        fn any_cut_is_noticed(length in 0usize..300) {
            let mut payload = vec![0; 300];
            marker().write(&mut payload);
            prop_assert_eq!(Marker::read(&payload[..length]), None);
        }

        #[test]
        fn any_bytes_can_be_read(payload in proptest::collection::vec(any::<u8>(), 0..100)) {
            Marker::read(&payload);
        }
    }
}
