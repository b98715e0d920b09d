//! Header extensions: the walk against a plain model, and what blanking leaves.

use proptest::prelude::*;
use sft_common::{
    extension::{Extensions, FrameId, KeyframeMark, MAX_STEPS, Rid, walk},
    rtp::{header_buffer, parse},
};

/// An RTP packet with these extension bytes, padded to a whole word.
fn packet(profile: u16, mut data: Vec<u8>) -> Vec<u8> {
    data.resize(data.len().next_multiple_of(4), 0);
    let mut bytes = vec![0x90, 100, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    bytes.extend(profile.to_be_bytes());
    bytes.extend((data.len() as u16 / 4).to_be_bytes());
    bytes.extend(data);
    bytes.extend(b"payload");
    bytes
}

fn walked(packet: &[u8]) -> Extensions {
    walked_in_place(&mut packet.to_vec())
}

/// Leaves what is forwarded.
fn walked_in_place(packet: &mut [u8]) -> Extensions {
    let mut buffer = header_buffer(packet);
    let header = parse(&buffer, packet.len()).expect("a valid header");
    let found = walk(&mut buffer, &header);
    packet[..header.header_len].copy_from_slice(&buffer[..header.header_len]);
    found
}

/// Whether an element with this id concerns the sender and us alone.
fn is_blanked(id: u8) -> bool {
    (2..=5).contains(&id)
}

type Element = (u8, Vec<u8>, std::ops::Range<usize>);

/// RFC 8285 as one reads it: all elements as (id, data), and where each starts and ends.
fn model(two_byte: bool, data: &[u8]) -> Vec<Element> {
    model_of(two_byte, data, usize::MAX).0
}

/// The same up to a number of elements and bytes of padding; also, where that ends.
fn model_of(two_byte: bool, data: &[u8], steps: usize) -> (Vec<Element>, usize) {
    let mut elements = Vec::new();
    let mut at = 0;
    for _ in 0..steps {
        let Some(first) = data.get(at).copied() else { return (elements, data.len()) };
        if first == 0 {
            at += 1;
            continue;
        }
        let (id, start, len) = if two_byte {
            let Some(len) = data.get(at + 1) else { return (elements, data.len()) };
            (first, at + 2, *len as usize)
        } else {
            (first / 16, at + 1, first as usize % 16 + 1)
        };
        if !two_byte && (id == 0 || id == 15) {
            return (elements, data.len());
        }
        let Some(value) = data.get(start..start + len) else { return (elements, data.len()) };
        elements.push((id, value.to_vec(), at..start + len));
        at = start + len;
    }
    (elements, at)
}

/// What the model's elements mean.
fn meaning(elements: &[Element]) -> Extensions {
    let mut found = Extensions::default();
    for (id, value, range) in elements {
        match (id, value.as_slice()) {
            (1, [level]) => found.audio_level = Some(level % 128),
            (3, [high, low]) => found.transport_sequence = Some(*high as u16 * 256 + *low as u16),
            (4, b"l") => found.rid = Some(Rid::Low),
            (4, b"h") => found.rid = Some(Rid::High),
            (11, [first, rest @ ..]) => {
                let start = first & 0x80 != 0 && first & 0x08 == 0;
                found.keyframe = if start { KeyframeMark::Start } else { KeyframeMark::NotStart };
                found.frame = match rest {
                    [_, low, high, ..] if first & 0x80 != 0 => {
                        let offset = 16 + range.end as u8 - value.len() as u8 + 2;
                        FrameId { offset, id: *high as u16 * 256 + *low as u16 }
                    }
                    _ => FrameId::default(),
                };
            }
            _ => {}
        }
        found.blanked |= is_blanked(*id);
    }
    found
}

#[test]
fn reads_what_browsers_send() {
    // Transport-wide sequence, RID, frame descriptor with dimensions, audio level, in one-byte form.
    let data =
        vec![0x31, 0x12, 0x34, 0x40, b'h', 0xb7, 0xb0, 1, 0, 0, 1, 0x40, 0, 0xf0, 0x10, 0xff, 0x50, b'l', 0];
    let found = walked(&packet(0xbede, data));
    assert_eq!(found.audio_level, Some(127));
    assert_eq!(found.transport_sequence, Some(0x1234));
    assert_eq!(found.rid, Some(Rid::High));
    assert_eq!(found.keyframe, KeyframeMark::Start);
    assert_eq!(found.frame, FrameId { offset: 24, id: 0 });
    assert!(found.blanked);
}

#[test]
fn reads_the_two_byte_form() {
    let data = vec![1, 1, 0x85, 0, 3, 2, 0xab, 0xcd, 11, 3, 0x08, 0, 0, 4, 1, b'l', 1, 0];
    let found = walked(&packet(0x1005, data));
    assert_eq!(found.audio_level, Some(5));
    assert_eq!(found.transport_sequence, Some(0xabcd));
    assert_eq!(found.keyframe, KeyframeMark::NotStart);
    assert_eq!(found.rid, Some(Rid::Low));
}

#[test]
fn marks_key_frames() {
    let mark = |first: u8| walked(&packet(0xbede, vec![0xb0, first])).keyframe;
    assert_eq!(mark(0xb0), KeyframeMark::Start);
    assert_eq!(mark(0x80), KeyframeMark::Start);
    assert_eq!(mark(0x88), KeyframeMark::NotStart);
    assert_eq!(mark(0x00), KeyframeMark::NotStart);
    assert_eq!(mark(0x40), KeyframeMark::NotStart);
    assert_eq!(walked(&packet(0xbede, vec![0x10, 3])).keyframe, KeyframeMark::Unmarked);
}

#[test]
fn finds_the_number_of_a_frame() {
    let frame = |descriptor: &[u8]| walked(&packet(0xbede, descriptor.to_vec())).frame;
    assert_eq!(frame(&[0xb3, 0x88, 1, 0x34, 0x12]), FrameId { offset: 19, id: 0x1234 });
    assert_eq!(frame(&[0x10, 3, 0xb7, 0x80, 1, 0xff, 0xff, 5, 6, 7, 8]), FrameId { offset: 21, id: 0xffff });
    assert_eq!(walked(&packet(0x1000, vec![11, 4, 0x80, 1, 2, 0])).frame, FrameId { offset: 20, id: 2 });
    for without in [&[0xb3, 0x08, 1, 2, 3][..], &[0xb2, 0x80, 1, 2], &[0xb0, 0x80], &[0xa3, 0x80, 1, 2, 3]] {
        assert_eq!(frame(without), FrameId::default(), "{without:x?}");
    }
}

#[test]
fn stops_where_the_rfc_says() {
    let after = |stop: u8| walked(&packet(0xbede, vec![0x10, 7, stop, 0, 0x31, 1, 1])).transport_sequence;
    assert_eq!(after(0xf0), None);
    assert_eq!(after(0x01), None);
    assert_eq!(after(0x20), Some(0x0101));
    // An element beyond the extension's end is not read, though packet bytes follow.
    assert_eq!(walked(&packet(0xbede, vec![0, 0, 0x10, 7, 0, 0, 0, 0x31])).transport_sequence, None);
}

#[test]
fn no_sender_hides_an_element_from_us_that_its_receivers_would_read() {
    // Twice the same, behind much padding, behind many elements.
    let hidden = [
        vec![0x22, 1, 2, 3, 0x22, 4, 5, 6],
        [vec![0; 40], vec![0x22, 1, 2, 3]].concat(),
        [[0x70, 9].repeat(40), vec![0x31, 1, 2, 0]].concat(),
    ];
    for data in hidden {
        let mut bytes = packet(0xbede, data.clone());
        walked_in_place(&mut bytes);
        let after = model(false, &bytes[16..bytes.len() - 7]);
        assert!(after.iter().all(|element| element.0 == 7), "{data:x?}: {after:?}");
    }
}

#[test]
fn reads_nothing_in_other_profiles() {
    assert_eq!(walked(&packet(0x1234, vec![0x10, 7, 0x31, 1, 2])), Extensions::default());
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    // Half of it plausible, so that walks get somewhere.
    let plausible = (0..16_u8, prop::collection::vec(any::<u8>(), 1..5)).prop_map(|(id, value)| {
        let mut bytes = vec![id << 4 | (value.len() as u8 - 1)];
        bytes.extend(value);
        bytes
    });
    let rid = prop::sample::select(vec![vec![0x40, b'l'], vec![0x40, b'h'], vec![0x50, b'l'], vec![0]]);
    let noise = prop::collection::vec(any::<u8>(), 1..4);
    let two_byte = (0..16_u8, prop::collection::vec(any::<u8>(), 0..4)).prop_map(|(id, value)| {
        let mut bytes = vec![id, value.len() as u8];
        bytes.extend(value);
        bytes
    });
    prop::collection::vec(prop_oneof![4 => plausible, 2 => rid, 1 => noise, 3 => two_byte], 0..12).prop_map(
        |parts| {
            let mut bytes = parts.concat();
            bytes.truncate(108);
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn finds_what_the_model_finds(two_byte: bool, data in data()) {
        let bytes = packet(if two_byte { 0x1000 } else { 0xbede }, data);
        let header = &bytes[16..bytes.len() - 7];
        let (elements, end) = model_of(two_byte, header, MAX_STEPS);
        let mut expected = meaning(&elements);
        expected.blanked |= end < header.len();
        prop_assert_eq!(walked(&bytes), expected);
    }

    #[test]
    fn what_is_blanked_is_gone_and_everything_else_is_in_its_place(two_byte: bool, data in data()) {
        let mut bytes = packet(if two_byte { 0x1000 } else { 0xbede }, data);
        let end = bytes.len() - 7;
        let before = bytes.clone();
        let (elements, walked) = model_of(two_byte, &before[16..end], MAX_STEPS);
        prop_assert_eq!(walked_in_place(&mut bytes).blanked, bytes != before || walked < end - 16);
        let mut expected = before.clone();
        expected[16 + walked..end].fill(0);
        for (_, _, range) in elements.iter().filter(|element| is_blanked(element.0)) {
            expected[16 + range.start..16 + range.end].fill(0);
        }
        prop_assert_eq!(&bytes, &expected);
        let mut kept = elements;
        kept.retain(|element| !is_blanked(element.0));
        prop_assert_eq!(model(two_byte, &bytes[16..end]), kept);
    }

    #[test]
    fn any_bytes_are_walked(buffer in prop::collection::vec(any::<u8>(), 128), profile in 0..3_usize) {
        let mut bytes = buffer;
        bytes[0] = 0x90 | bytes[0] & 0x0f;
        let at = 12 + 4 * (bytes[0] & 0x0f) as usize;
        bytes[at..at + 2].copy_from_slice(&[[0xbe, 0xde], [0x10, 0x00], [0, 0]][profile]);
        bytes[at + 2] = 0;
        bytes[at + 3] %= 28;
        let mut buffer = header_buffer(&bytes);
        if let Ok(header) = parse(&buffer, 1200) {
            let blanked = walk(&mut buffer, &header).blanked;
            prop_assert!(blanked || buffer[..] == bytes);
            prop_assert_eq!(&buffer[..header.extension_offset], &bytes[..header.extension_offset]);
            prop_assert_eq!(&buffer[header.header_len..], &bytes[header.header_len..]);
        }
    }
}
