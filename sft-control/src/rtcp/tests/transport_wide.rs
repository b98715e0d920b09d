//! A reader of transport-wide feedback after section 3.1 of the draft, which shares nothing with the writer.

/// One feedback packet.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) sender: u32,
    pub(super) media: u32,
    pub(super) count: u8,
    pub(super) reference: u32,
    /// Sequence number, and arrival in ticks of 250 us since time 0 of the 24-bit reference.
    pub(super) packets: Vec<(u16, Option<i64>)>,
}

impl Report {
    pub(super) fn arrivals(&self) -> impl Iterator<Item = (u16, i64)> {
        self.packets.iter().filter_map(|(number, time)| Some((*number, (*time)?)))
    }
}

pub(super) fn read(packet: &[u8]) -> Report {
    let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
    let half = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    assert_eq!((packet[0], packet[1]), (0x8f, 205), "version 2, no padding, format 15");
    assert_eq!(usize::from(half(2)), packet.len() / 4 - 1);
    let (base, total, reference) = (half(12), usize::from(half(14)), word(16) >> 8);
    let mut at = 20;
    let mut symbols = Vec::new();
    while symbols.len() < total {
        symbols.extend(chunk(half(at)));
        at += 2;
    }
    // The last chunk may say more than there is.
    symbols.truncate(total);
    let mut time = i64::from(reference) * 256;
    let mut number = base;
    let packets = symbols.into_iter().map(|symbol| {
        let arrival = match symbol {
            0 => None,
            1 => {
                at += 1;
                Some(i64::from(packet[at - 1]))
            }
            2 => {
                at += 2;
                Some(i64::from(i16::from_be_bytes([packet[at - 2], packet[at - 1]])))
            }
            _ => panic!("reserved symbol"),
        };
        let arrival = arrival.map(|delta| {
            time += delta;
            time
        });
        number = number.wrapping_add(1);
        (number.wrapping_sub(1), arrival)
    });
    let packets = packets.collect();
    // What is left is padding to a full word.
    assert!(packet.len() - at < 4 && packet[at..].iter().all(|byte| *byte == 0));
    Report { sender: word(4), media: word(8), count: packet[19], reference, packets }
}

/// The symbols of one status chunk.
fn chunk(chunk: u16) -> Vec<u16> {
    match chunk >> 14 {
        0 | 1 => vec![chunk >> 13 & 3; usize::from(chunk & 0x1fff)],
        2 => (0..14).rev().map(|bit| chunk >> bit & 1).collect(),
        _ => (0..7).rev().map(|pair| chunk >> (2 * pair) & 3).collect(),
    }
}

/// The example of the draft's section 3.1.3 and 3.1.4.
#[test]
fn chunks_are_read_as_the_draft_shows_them() {
    assert_eq!(chunk(0b0000_0000_1101_1101), vec![0; 221]);
    assert_eq!(chunk(0b0110_0000_0001_1000), vec![3; 24]);
    assert_eq!(chunk(0b1011_1110_0110_0011), [1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1]);
    assert_eq!(chunk(0b1100_1101_0101_0000), [0, 3, 1, 1, 1, 0, 0]);
}
