//! Ingress verifies and decrypts what another library has sealed: every profile, every length, both families.

use crate::support::{
    conference::{Conference, SENDER, SOURCE, SSRC, header, sent_by},
    srtp::PROFILES,
};
use sft_common::maps::Kind;

const LONGEST: usize = 1200;

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn every_length_of_every_profile_is_opened() {
    for profile in PROFILES {
        for v6 in [false, true] {
            let mut conference = Conference::with_sender(Kind::Video, profile);
            conference.add_leg(SENDER, profile, v6);
            conference.add_source(SOURCE, SENDER, SSRC, Kind::Video);
            let offset = crate::support::conference::server(v6).payload_offset() + 12;
            for length in 1..=LONGEST {
                let payload: Vec<u8> = (0..length).map(|i| (i * 7 + length) as u8).collect();
                let frame = sent_by(SENDER, profile, &header(length as u16), &payload, length as u64, v6);
                let outcome = conference.assert_forwards(&frame);
                assert_eq!(outcome.frame[..offset], frame[..offset], "{profile:?} {length}: headers");
                assert_eq!(outcome.frame[offset..offset + length], payload, "{profile:?} {length}: payload");
            }
        }
    }
}
