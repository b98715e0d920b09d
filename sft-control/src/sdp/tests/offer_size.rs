//! Clients cap an SDP at 16 KiB, newer ones at 32 KiB (sft-protocol.md 5).

use sft_common::maps::AUDIO_SLOTS;

use super::*;

/// ICE credentials as long as the original's, and a candidate for each of a few addresses.
fn size(video_slots: u32) -> usize {
    let spec = OfferSpec {
        audio_slots: (0..AUDIO_SLOTS as u32).map(|slot| u32::MAX - slot).collect(),
        video_slots: (0..video_slots).map(|slot| u32::MAX - 100 - slot).collect(),
        ..spec()
    };
    let transport = TransportParameters {
        ufrag: "u".repeat(15),
        password: "p".repeat(31),
        candidates: vec![([0xfd00; 8], 40_000).into(); 8],
        ..parameters()
    };
    offer(&spec, &transport, u64::MAX).len()
}

#[test]
fn what_stock_clients_ask_for_fits() {
    assert!(size(9) < 16 * 1024, "{}", size(9));
}

#[test]
fn the_most_that_can_be_asked_for_fits_newer_clients() {
    assert!(size(32) < 32 * 1024, "{}", size(32));
}
