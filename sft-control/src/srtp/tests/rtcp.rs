//! RTCP: published vectors, and the rules of the index.

use super::*;
use crate::srtp::rtcp::{ENCRYPTED, MAX_SENDERS};

const BAD: DropReason = DropReason::BadRtcp;

fn sender_at(key: &SessionKey, index: u32) -> RtcpSender {
    let mut sender = RtcpSender::new(key).unwrap();
    sender.next = index;
    sender
}

/// The packet of RFC 7714 section 17.
const SENDER_REPORT: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
                             deadbeef deadbeef deadbeef deadbeef deadbeef";

/// RFC 7714 sections 17.1 and 17.2.
#[test]
fn gcm_packets_match_the_rfc() {
    let vectors = [
        (
            Profile::AeadAes128Gcm,
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda
             4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        ),
        (
            Profile::AeadAes256Gcm,
            "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be
             8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
        ),
    ];
    for (profile, sealed) in vectors {
        let key = rfc_7714(profile);
        assert_eq!(sender_at(&key, 0x5d4).seal(&bytes(SENDER_REPORT)), Some(bytes(sealed)));
        assert_eq!(RtcpReceiver::new(&key).unwrap().open(&bytes(sealed)), Ok(bytes(SENDER_REPORT)));
    }
}

/// RFC 7714 section 17.3: the E flag is clear.
#[test]
fn a_packet_that_is_only_authenticated_is_taken() {
    let tagged = [bytes(SENDER_REPORT), bytes("841dd968 3dd78ec9 2ae58790 125f62b3 000005d4")].concat();
    let mut receiver = RtcpReceiver::new(&rfc_7714(Profile::AeadAes128Gcm)).unwrap();
    let mut forged = tagged.clone();
    forged[20] ^= 1;
    assert_eq!(receiver.open(&forged), Err(BAD));
    assert_eq!(receiver.open(&tagged), Ok(bytes(SENDER_REPORT)));
    assert_eq!(receiver.open(&tagged), Err(BAD), "replayed");
}

#[test]
fn counter_mode_packet_matches_libsrtp() {
    let key = rfc_3711().rtcp;
    let plain = [bytes("81c8000b cafebabe"), vec![0xab; 16]].concat();
    let sealed =
        bytes("81c8000b cafebabe 7128035b e487b9bd bef89041 f977a5a8 80000001 993e08cd 54d6c123 0798");
    assert_eq!(RtcpSender::new(&key).unwrap().seal(&plain), Some(sealed.clone()));
    assert_eq!(RtcpReceiver::new(&key).unwrap().open(&sealed), Ok(plain));
}

#[test]
fn every_index_is_let_in_once_whatever_the_order() {
    for profile in PROFILES {
        let key = key(profile, 5);
        let mut sender = RtcpSender::new(&key).unwrap();
        let packets: Vec<_> = (0..40).map(|n| sender.seal(&[[0x81; 8], [n; 8]].concat()).unwrap()).collect();
        let mut receiver = RtcpReceiver::new(&key).unwrap();
        for packet in packets.iter().rev() {
            assert!(receiver.open(packet).is_ok(), "{profile:?}");
        }
        for packet in &packets {
            assert_eq!(receiver.open(packet), Err(BAD), "{profile:?}");
        }
    }
}

/// RFC 3711 section 3.2.3: each SSRC is a context of its own, as libsrtp has it.
#[test]
fn every_sender_has_its_own_index() {
    let key = key(Profile::AeadAes128Gcm, 5);
    let mut receiver = RtcpReceiver::new(&key).unwrap();
    let seal = |ssrc: u32| {
        let packet = [[0x81; 4], ssrc.to_be_bytes()].concat();
        sender_at(&key, 1).seal(&packet).unwrap()
    };
    for ssrc in 0..MAX_SENDERS as u32 {
        assert!(receiver.open(&seal(ssrc)).is_ok(), "sender {ssrc}");
        assert_eq!(receiver.open(&seal(ssrc)), Err(BAD), "replayed");
    }
    assert_eq!(receiver.open(&seal(u32::MAX)), Err(BAD), "one too many");
}

#[test]
fn a_forged_packet_changes_nothing() {
    for profile in PROFILES {
        let key = key(profile, 5);
        let sealed = RtcpSender::new(&key).unwrap().seal(&[0x81; 40]).unwrap();
        let mut receiver = RtcpReceiver::new(&key).unwrap();
        for at in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[at] ^= 0x80;
            assert_eq!(receiver.open(&forged), Err(BAD), "{profile:?}, byte {at}");
        }
        assert!(receiver.open(&sealed).is_ok(), "{profile:?}");
    }
}

#[test]
fn the_index_ends_before_31_bits() {
    let key = key(Profile::AeadAes128Gcm, 5);
    let mut sender = sender_at(&key, ENCRYPTED - 1);
    let last = sender.seal(&[0x80; 8]).unwrap();
    assert!(RtcpReceiver::new(&key).unwrap().open(&last).is_ok());
    assert_eq!(sender.seal(&[0x80; 8]), None);
    assert_eq!(sender.seal(&[0x80; 8]), None);
}

#[test]
fn packets_without_header_are_not_sealed() {
    for profile in PROFILES {
        assert_eq!(RtcpSender::new(&key(profile, 5)).unwrap().seal(&[0x81; 7]), None);
    }
}

proptest! {
    #[test]
    fn rtcp_comes_back_once(
        profile in prop::sample::select(&PROFILES[..]),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let packet = [&[0x80, 201, 0, 1, 1, 2, 3, 4][..], &body].concat();
        let mut sender = RtcpSender::new(&key(profile, 3)).unwrap();
        let mut receiver = RtcpReceiver::new(&key(profile, 3)).unwrap();
        let first = sender.seal(&packet).unwrap();
        let second = sender.seal(&packet).unwrap();
        prop_assert_ne!(&first, &second);
        prop_assert_eq!(receiver.open(&second), Ok(packet.clone()));
        prop_assert_eq!(receiver.open(&first), Ok(packet));
        prop_assert_eq!(receiver.open(&first), Err(DropReason::BadRtcp));
    }

    #[test]
    fn arbitrary_rtcp_is_refused(
        profile in prop::sample::select(&PROFILES[..]),
        packet in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut receiver = RtcpReceiver::new(&key(profile, 3)).unwrap();
        prop_assert_eq!(receiver.open(&packet), Err(DropReason::BadRtcp));
    }
}
