//! A packet that does not verify is dropped, counted, and changes nothing.

use crate::support::{
    conference::{Conference, SENDER, SOURCE, header, receive_key, remote, sent, sent_by, server},
    packet::frame,
    srtp::PROFILES,
};
use sft_common::{
    drops::DropReason::AuthFailed,
    maps::{Kind, name},
    source::SourceStats,
};

const PAYLOAD: &[u8] = b"eighteen bytes of.";
/// Where in a frame the timestamp and the payload start.
const TIMESTAMP: usize = 42 + 4;
const BODY: usize = 42 + 12;

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn every_changed_byte_is_noticed() {
    for profile in PROFILES {
        let mut conference = Conference::with_sender(Kind::Video, profile);
        let good = sent(profile, &header(100), PAYLOAD);
        let mut forged = 0;
        // Sequence number and SSRC lead elsewhere.
        for position in (TIMESTAMP..TIMESTAMP + 4).chain(BODY..good.len()) {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[position] ^= 1 << bit;
                conference.assert_drops(&bad, AuthFailed);
                forged += 1;
            }
        }
        let stats: SourceStats = conference.kernel.get(name::SOURCE_STATS, SOURCE);
        assert_eq!((stats.auth_failures, stats.packets, stats.replays), (forged, 0, 0), "{profile:?}");
        conference.assert_forwards(&good);
    }
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn other_keys_rounds_and_lengths_are_refused() {
    for profile in PROFILES {
        let mut conference = Conference::with_sender(Kind::Video, profile);
        let header = header(100);
        let by_another_leg = receive_key(SENDER + 1, profile).seal(&header.bytes(), PAYLOAD, 100);
        conference.assert_drops(&frame(&remote(SENDER, false), &server(false), &by_another_leg), AuthFailed);
        conference
            .assert_drops(&sent_by(SENDER, profile, &header, PAYLOAD, 100 + (1 << 16), false), AuthFailed);
        let good = receive_key(SENDER, profile).seal(&header.bytes(), PAYLOAD, 100);
        let cut = &good[..good.len() - 1];
        conference.assert_drops(&frame(&remote(SENDER, false), &server(false), cut), AuthFailed);
        let longer = [&good[..], &[0]].concat();
        conference.assert_drops(&frame(&remote(SENDER, false), &server(false), &longer), AuthFailed);
        conference.assert_forwards(&frame(&remote(SENDER, false), &server(false), &good));
    }
}
