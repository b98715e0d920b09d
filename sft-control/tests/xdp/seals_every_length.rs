//! Egress seals copies that another library verifies and decrypts: every profile, every length, both families.

use crate::support::{
    conference::{CSRC, Conference, RECEIVER, SENDER, SLOT_SSRC, header, open_copy, sent_by},
    packet::Header,
    srtp::PROFILES,
    wire::Wire,
};
use sft_common::maps::Counter;

const LONGEST: usize = 1200;

#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn every_length_of_every_profile_is_sealed() {
    for profile in PROFILES {
        for v6 in [false, true] {
            let wire = Wire::new();
            let conference = Conference::on_wire(&wire, (profile, v6), (profile, v6));
            for length in 1..=LONGEST {
                let payload: Vec<u8> = (0..length).map(|i| (i * 11 + length) as u8).collect();
                let sent = header(length as u16);
                wire.send(&sent_by(SENDER, profile, &sent, &payload, length as u64, v6));
                let copy = wire.receive().unwrap_or_else(|| {
                    panic!("{profile:?} {length}: no copy, drops {:?}", conference.kernel.all_drops())
                });
                // The first packet has the slot's first index and timestamp.
                let index = 99 + length as u64;
                let (received, opened) = open_copy(&copy, RECEIVER, (profile, v6), index);
                assert_eq!(opened, payload, "{profile:?} {length}");
                let expected = Header {
                    sequence: index as u16,
                    timestamp: 5000 + (sent.timestamp - 960),
                    ssrc: SLOT_SSRC,
                    csrcs: vec![CSRC],
                    ..sent
                };
                assert_eq!(received, expected, "{profile:?} {length}");
            }
            assert_eq!(conference.kernel.counter(Counter::VideoCopies), LONGEST as u64);
            assert_eq!(conference.kernel.all_drops(), []);
        }
    }
}
