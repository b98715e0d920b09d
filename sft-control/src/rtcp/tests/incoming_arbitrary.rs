//! Nothing that a leg sends makes the reader panic.

use proptest::prelude::*;

use super::packet;
use crate::rtcp::parse;

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(parse(&bytes));
    }

    /// In the form of packets, so that the readers of all types get to see them.
    #[test]
    fn arbitrary_packets_do_no_harm(
        packets in prop::collection::vec(
            (0..64_u8, 198..210_u8, prop::collection::vec(any::<u32>(), 0..20)),
            1..5,
        ),
        cut in 0..12_usize,
    ) {
        let mut bytes: Vec<u8> =
            packets.iter().flat_map(|(first, kind, body)| packet(*first, *kind, body)).collect();
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        if let Ok(found) = parse(&bytes) {
            // Nothing is named in fewer than four bytes.
            prop_assert!(found.len() <= bytes.len() / 4);
        }
    }

    #[test]
    fn one_changed_byte_does_no_harm(at: prop::sample::Index, value: u8) {
        let mut bytes = [
            packet(1, 200, &[9, 1, 2, 3, 4, 5, 77, 1, 2, 3, 4, 5]),
            packet(1, 202, &[9, 0x0102_6162, 0]),
            packet(1, 205, &[9, 77, 1, 2]),
            packet(4, 206, &[9, 0, 78, 3 << 24]),
            packet(1, 203, &[9]),
        ]
        .concat();
        let at = at.index(bytes.len());
        bytes[at] = value;
        drop(parse(&bytes));
    }
}
