//! Offers are SDP, whatever is in them.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn an_offer_survives_a_parser(
        simulcast: bool,
        audio in prop::sample::select(vec![0, 5_u32]),
        video in 0..=32_u32,
        session: u64,
        fingerprint: [u8; 32],
        addresses in prop::collection::vec(any::<std::net::IpAddr>(), 0..4),
        port: u16,
    ) {
        let spec = OfferSpec {
            simulcast,
            audio_slots: (0..audio).map(|slot| u32::MAX - slot).collect(),
            video_slots: (1..=video).collect(),
            local_video_ssrc: 1000,
        };
        let candidates = addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        let transport = TransportParameters { fingerprint, candidates, ..parameters() };
        let text = offer(&spec, &transport, session);
        let parsed = sdp_types::Session::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(parsed.medias.len() as u32, 3 + audio + video);
        let mut written = Vec::new();
        parsed.write(&mut written).unwrap();
        prop_assert_eq!(String::from_utf8(written).unwrap(), text);
    }
}
