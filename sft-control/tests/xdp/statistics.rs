//! What the programs publish about sources and count in total.

use crate::support::{
    conference::{Conference, RECEIVER, SOURCE, header, open_copy, sent},
    packet::Header,
    wire::Wire,
};
use sft_common::{
    drops::DropReason::PaddingOnly,
    maps::{Counter, Kind, Profile, name},
    source::SourceStats,
};

const END: (Profile, bool) = (Profile::AeadAes128Gcm, false);
/// Header and tag of a packet, and a CSRC more of a copy.
const AROUND: u64 = 12 + 16;
const AROUND_COPY: u64 = AROUND + 4;

fn stats(conference: &Conference) -> SourceStats {
    conference.kernel.get(name::SOURCE_STATS, SOURCE)
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn a_source_is_described_after_every_packet() {
    let mut conference = Conference::with_sender(Kind::Video, END.0);
    let before = conference.kernel.monotonic_ns();
    let mut bytes = 0;
    for (number, sequence, highest) in [(1, 500, 500), (2, 502, 502), (3, 501, 502)] {
        let payload = vec![7; 10 * number as usize];
        bytes += AROUND + payload.len() as u64;
        conference.assert_forwards(&sent(END.0, &header(sequence), &payload));
        let stats = stats(&conference);
        assert_eq!((stats.packets, stats.bytes), (number, bytes));
        assert_eq!((stats.first_index, stats.highest_index), (500, highest));
        assert!((before..=conference.kernel.monotonic_ns()).contains(&stats.last_arrival_ns));
    }
    assert_eq!(conference.rtp_received(), 3);
}

/// It counts for feedback, and its index is not missed by receivers.
#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn padding_leaves_no_gap() {
    let wire = Wire::new();
    let conference = Conference::on_wire(&wire, END, END);
    let padding = Header { padding: true, ..header(2) };
    wire.send(&sent(END.0, &header(1), b"first"));
    wire.send(&sent(END.0, &padding, &[0, 0, 3]));
    wire.send(&sent(END.0, &header(3), b"second"));
    let copies = wire.receive_all(2);
    assert_eq!(open_copy(&copies[0], RECEIVER, END, 100).1, b"first");
    assert_eq!(open_copy(&copies[1], RECEIVER, END, 101).1, b"second");
    assert_eq!(conference.kernel.all_drops(), [(PaddingOnly, 1)]);
    assert_eq!((stats(&conference).packets, stats(&conference).highest_index), (3, 3));
}

/// Padding behind a payload is payload.
#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn padded_media_is_media() {
    let wire = Wire::new();
    let conference = Conference::on_wire(&wire, END, END);
    let padded = Header { padding: true, ..header(1) };
    wire.send(&sent(END.0, &padded, &[1, 0, 0, 3]));
    let (received, payload) = open_copy(&wire.receive().expect("a copy"), RECEIVER, END, 100);
    assert!(received.padding);
    assert_eq!(payload, [1, 0, 0, 3]);
    assert_eq!(conference.kernel.all_drops(), []);
}

#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn copies_are_counted_by_kind() {
    let kinds = [
        (Kind::Video, Counter::VideoCopies, Counter::VideoBytes),
        (Kind::Audio, Counter::AudioCopies, Counter::AudioBytes),
    ];
    for (kind, copies, bytes) in kinds {
        let wire = Wire::new();
        let mut conference = Conference::between(wire.interface, kind, END, END);
        conference.kernel.attach(crate::support::wire::SERVER);
        for number in 1..=5 {
            wire.send(&sent(END.0, &header(number), b"payload"));
        }
        wire.receive_all(5);
        assert_eq!(conference.kernel.counter(copies), 5);
        assert_eq!(conference.kernel.counter(bytes), 5 * (AROUND_COPY + 7));
        let all = [Counter::AudioCopies, Counter::VideoCopies, Counter::AudioBytes, Counter::VideoBytes];
        let others = all.into_iter().filter(|counter| ![copies, bytes].contains(counter));
        assert_eq!(others.map(|counter| conference.kernel.counter(counter)).sum::<u64>(), 0);
        assert_eq!(conference.rtp_received(), 5);
    }
}
