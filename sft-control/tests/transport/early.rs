//! What a client sends before its answer has reached the server costs it no flight.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::support::{LATENCY, World, direct};
use aws_lc_rs::hmac;
use is::stun::{StunMessage, TransId};
use sft_common::drops::DropReason;
use sft_control::{
    core::table::LegId,
    dataplane::Tuple,
    sdp::{Answer, Setup, TransportParameters},
    transport::{Identity, MediaAddress, Transport, TransportEvent},
};

fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    hmac::sign(&key, &parts.concat()).as_ref().try_into().unwrap()
}

fn bytes(message: StunMessage<'_>, password: &str) -> Vec<u8> {
    let mut datagram = vec![0; 300];
    let length = message.to_bytes(Some(password.as_bytes()), &mut datagram, hmac_sha1).unwrap();
    datagram.truncate(length);
    datagram
}

/// A transport before its answer, and the little of a client that is needed to reach it.
struct Pair {
    transport: Transport,
    offer: TransportParameters,
    tuple: Tuple,
    now: Instant,
}

impl Pair {
    fn new() -> Self {
        let now = Instant::now();
        let local = "192.0.2.1:8586".parse().unwrap();
        let media = [MediaAddress { local, advertised: local }];
        let (transport, offer) = Transport::new(LegId(1), &Identity::generate().unwrap(), &media, None, now);
        Pair { transport, offer, tuple: Tuple { local, remote: "198.51.100.7:4000".parse().unwrap() }, now }
    }

    fn check(&self, password: &str) -> (TransId, Vec<u8>) {
        let transaction = TransId::new();
        let user = format!("{}:theirs", self.offer.ufrag);
        let message = StunMessage::binding_request(&user, transaction, false, 1, 1_845_501_695, false);
        (transaction, bytes(message, password))
    }

    fn receive(&mut self, datagram: &[u8]) -> Result<(), DropReason> {
        self.transport.receive(self.tuple, datagram, self.now)
    }

    fn start(&mut self) {
        let answer = Answer {
            ufrag: "theirs".into(),
            password: "their password in the answer".into(),
            fingerprint: [0; 32],
            setup: Setup::Active,
            candidates: vec![],
            ice_lite: false,
            audio_ssrc: None,
            video_ssrc: None,
            max_message: None,
            tool: None,
        };
        self.transport.start(&answer, self.now);
    }

    /// What is sent from now on.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut events = Vec::new();
        self.transport.poll(&mut events);
        let data = |event| match event {
            TransportEvent::Transmit { data, .. } => Some(data),
            _ => None,
        };
        events.into_iter().filter_map(data).collect()
    }
}

fn client_hello(now: Instant) -> Vec<u8> {
    let certificate = dimpl::certificate::generate_self_signed_certificate().unwrap();
    let mut dtls = dimpl::Dtls::new_12(Arc::new(dimpl::Config::builder().build().unwrap()), certificate, now);
    dtls.set_active(true);
    dtls.handle_timeout(now).unwrap();
    let mut buffer = [0; 2000];
    match dtls.poll_output(&mut buffer) {
        dimpl::Output::Packet(packet) => packet.to_vec(),
        output => panic!("no ClientHello but {output:?}"),
    }
}

#[test]
fn a_late_answer_delays_by_itself_only() {
    let mut prompt = World::new();
    let leg = prompt.connected(1, &[direct("198.51.100.7:40000")]);
    let usual = prompt.now - prompt.start;
    assert_eq!(leg, LegId(1));

    for late in [30, 180, 390, 700] {
        let late = Duration::from_millis(late);
        let mut world = World::new();
        let leg = world.offer(1);
        world.client(leg, &[direct("198.51.100.7:40000")], Setup::Active);
        world.run(late);
        let answer = world.answer(leg);
        world.start(leg, &answer);
        assert!(world.run_until(Duration::from_secs(5), |world| world.is_open(leg)));
        let took = world.now - world.start - late;
        // The client's check was here already.
        assert!(took <= usual + LATENCY, "answer after {late:?}: {took:?}, usually {usual:?}");
    }
}

#[test]
fn a_check_is_answered_as_soon_as_the_answer_is_there() {
    let mut pair = Pair::new();
    let (transaction, check) = pair.check(&pair.offer.password);
    assert_eq!(pair.receive(&check), Ok(()));
    assert_eq!(pair.sent(), Vec::<Vec<u8>>::new());
    pair.start();
    let sent = pair.sent();
    let answers = |data: &&Vec<u8>| {
        let message = StunMessage::parse(data).unwrap();
        message.is_successful_binding_response() && message.trans_id() == transaction
    };
    assert_eq!(sent.iter().filter(answers).count(), 1);
}

#[test]
fn a_flight_before_the_answer_is_answered_without_another() {
    let mut pair = Pair::new();
    let (_, check) = pair.check(&pair.offer.password);
    pair.receive(&check).unwrap();
    assert_eq!(pair.receive(&client_hello(pair.now)), Ok(()));
    pair.start();
    // The server's own check comes with or soon after the answer to the client's.
    let mut sent = pair.sent();
    for _ in 0..10 {
        pair.now += Duration::from_millis(10);
        pair.transport.handle_timeout(pair.now);
        sent.extend(pair.sent());
    }
    let check = sent.iter().find_map(|data| {
        StunMessage::parse(data)
            .ok()
            .filter(StunMessage::is_binding_request)
            .map(|message| message.trans_id())
    });
    let reply = StunMessage::binding_reply(check.expect("a check"), pair.tuple.local);
    assert_eq!(pair.receive(&bytes(reply, "their password in the answer")), Ok(()));
    pair.transport.handle_timeout(pair.now);
    let flight: Vec<u8> = pair.sent().iter().filter_map(|data| data.first().copied()).collect();
    assert!(flight.contains(&22), "no handshake record among {flight:?}");
}

#[test]
fn only_checks_with_our_password_and_dtls_after_them_are_kept() {
    let mut pair = Pair::new();
    let hello = client_hello(pair.now);
    assert_eq!(pair.receive(&hello), Err(DropReason::BadDtls));
    let (_, forged) = pair.check("wrong");
    assert_eq!(pair.receive(&forged), Err(DropReason::BadStun));
    assert_eq!(pair.receive(&hello), Err(DropReason::BadDtls));
    let (_, check) = pair.check(&pair.offer.password);
    assert_eq!(pair.receive(&check), Ok(()));
    assert_eq!(pair.receive(&hello), Ok(()));
    let full = (0..100).map(|_| pair.receive(&hello)).find(Result::is_err);
    assert_eq!(full, Some(Err(DropReason::QueueFull)));
}
