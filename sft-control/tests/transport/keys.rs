//! Both ends hold the same SRTP keys, each for its direction, and str0m holds none on our side.

use crate::support::{World, direct};
use sft_common::maps::Profile;
use sft_control::{
    sdp::Setup,
    srtp::{SessionKeys, session_keys},
};
use str0m::crypto::dtls::SrtpProfile;

/// The client's sending and receiving keys, from what its own DTLS exported (RFC 5764 section 4.2).
fn client_keys(block: &[u8], setup: Setup, profile: Profile) -> (SessionKeys, SessionKeys) {
    let (key, salt) = (profile.key_len(), profile.salt_len());
    let salts = &block[2 * key..];
    let dtls_client = session_keys(profile, &block[..key], &salts[..salt]).unwrap();
    let dtls_server = session_keys(profile, &block[key..2 * key], &salts[salt..2 * salt]).unwrap();
    match setup {
        Setup::Active => (dtls_client, dtls_server),
        Setup::Passive => (dtls_server, dtls_client),
    }
}

/// The other profiles need clients that do not offer this one; `transport::dtls` tests their split.
#[test]
fn both_sides_derive_the_same_keys() {
    for setup in [Setup::Active, Setup::Passive] {
        let mut world = World::new();
        let leg = world.offer(1);
        world.client(leg, &[direct("198.51.100.7:40000")], setup);
        let answer = world.answer(leg);
        world.start(leg, &answer);
        assert!(world.run_until(std::time::Duration::from_secs(2), |world| world.is_open(leg)));

        let exported = world.clients[&leg].exported.lock().unwrap().take();
        let (block, profile) = exported.expect("the client has keys");
        assert_eq!(profile, SrtpProfile::AEAD_AES_256_GCM);
        let (sends, receives) = client_keys(&block, setup, Profile::AeadAes256Gcm);
        let keys = world.legs[&leg].keys().expect("the server has keys");
        assert_eq!(keys.rtp.receive, sends.rtp);
        assert_eq!(keys.rtcp_receive, sends.rtcp);
        assert_eq!(keys.rtp.transmit, receives.rtp);
        assert_eq!(keys.rtcp_transmit, receives.rtcp);
    }
}

#[test]
fn keys_are_not_shown() {
    let mut world = World::new();
    let leg = world.connected(1, &[direct("198.51.100.7:40000")]);
    let keys = world.legs[&leg].keys().unwrap();
    let shown = format!("{keys:?}");
    let secret = format!("{:?}", keys.rtp.receive.encryption);
    assert!(!shown.contains(&secret[1..12]), "{shown}");
    assert!(shown.contains("SessionKey(AEAD_AES_256_GCM)"), "{shown}");
}
