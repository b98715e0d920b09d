//! Servers as clients name them, where they may be, and an allocation against a TURN server without sockets.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use turn_client_proto::{
    stun::agent::Transmit,
    types::{TransportType, prelude::DelayedTransmitBuild},
};
use turn_server_proto::{
    api::{SocketAllocateError, TurnServerApi, TurnServerPollRet},
    server::TurnServer,
};

use super::{Allowed, Server, ServerError, allocation::Allocation, server::Transport};
use crate::econn::IceServer;

fn named(url: &str) -> Result<Server, ServerError> {
    Server::try_from(&IceServer {
        url: url.into(),
        username: "user".into(),
        credential: "secret".to_owned().into(),
    })
}

#[test]
fn servers_are_named_by_urls() {
    let cases = [
        ("turn:turn.example.com", "turn.example.com", 3478, Transport::Udp),
        ("turn:turn.example.com?transport=udp", "turn.example.com", 3478, Transport::Udp),
        ("turn:192.0.2.7:80?transport=tcp", "192.0.2.7", 80, Transport::Tcp),
        ("turn:[2001:db8::7]:5349", "2001:db8::7", 5349, Transport::Udp),
        ("turn:[2001:db8::7]", "2001:db8::7", 3478, Transport::Udp),
    ];
    for (url, host, port, transport) in cases {
        let server = named(url).unwrap();
        assert_eq!((server.host.as_str(), server.port, server.transport), (host, port, transport), "{url}");
    }
    for (url, error) in [
        ("stun:turn.example.com", ServerError::Scheme),
        ("turns:turn.example.com", ServerError::Scheme),
        ("turn:", ServerError::Host),
        ("turn:host:0", ServerError::Host),
        ("turn:host:65536", ServerError::Host),
        ("turn:[2001:db8::7]x", ServerError::Host),
        ("turn:host?transport=sctp", ServerError::Transport),
    ] {
        assert_eq!(named(url), Err(error), "{url}");
    }
}

#[test]
fn credentials_are_shown_to_nobody() {
    let server = named("turn:192.0.2.7").unwrap();
    assert!(!format!("{server:?}").contains("secret"));
}

#[test]
fn only_public_and_allowed_addresses_are_knocked_at() {
    let has = |allowed: &Allowed, address: &str| allowed.has(address.parse::<IpAddr>().unwrap());
    let none = Allowed::default();
    for address in ["8.8.8.8", "198.51.100.1", "2001:db8::1", "100.128.0.1", "172.32.0.1"] {
        assert!(has(&none, address), "{address}");
    }
    let inside = [
        "0.0.0.0",
        "0.1.2.3",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:10.1.2.3",
        "::ffff:127.0.0.1",
    ];
    for address in inside {
        assert!(!has(&none, address), "{address}");
    }
    let some = Allowed::new(vec!["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()]);
    for (address, expected) in
        [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("fd00::1", true), ("10.2.0.1", false)]
    {
        assert_eq!(has(&some, address), expected, "{address}");
    }
}

const CLIENT: &str = "192.0.2.1:5000";
const LISTENS: &str = "198.51.100.3:3478";
const RELAYED: &str = "198.51.100.3:49152";
const PEER: &str = "203.0.113.9:1234";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// An allocation and its server.
struct World {
    allocation: Allocation,
    server: TurnServer,
    transport: TransportType,
    start: Instant,
    now: Instant,
    /// What peers got.
    relayed: Vec<Vec<u8>>,
    /// The server has no more addresses.
    full: bool,
}

impl World {
    fn new(url: &str, password: &str) -> Self {
        let now = Instant::now();
        let asked = named(url).unwrap();
        let transport = match asked.transport {
            Transport::Udp => TransportType::Udp,
            Transport::Tcp => TransportType::Tcp,
        };
        let mut server = TurnServer::new(transport, address(LISTENS), "sft.test".into());
        server.add_user("user".into(), password.into());
        let allocation = Allocation::ask(address(CLIENT), address(LISTENS), &asked, now);
        World { allocation, server, transport, start: now, now, relayed: Vec::new(), full: false }
    }

    fn at(&self) -> turn_client_proto::stun::Instant {
        turn_client_proto::stun::Instant::from_nanos((self.now - self.start).as_nanos() as i64)
    }

    /// Lets both do what they have to. The client pauses between two requests.
    fn run(&mut self) {
        for _ in 0..20 {
            self.now += Duration::from_millis(20);
            self.allocation.poll(self.now);
            for request in self.allocation.take_requests() {
                self.send_to_server(address(CLIENT), address(LISTENS), self.transport, &request);
            }
            self.serve();
        }
    }

    fn send_to_server(&mut self, from: SocketAddr, to: SocketAddr, transport: TransportType, data: &[u8]) {
        let at = self.at();
        let reply = self.server.recv(Transmit::new(data, transport, from, to), at);
        if let Some(reply) = reply {
            let (to, data) = (reply.to, reply.data.build());
            self.deliver(to, &data);
        }
    }

    fn serve(&mut self) {
        let at = self.at();
        if let TurnServerPollRet::AllocateSocket {
            transport,
            listen_addr,
            client_addr,
            allocation_transport,
            family,
        } = self.server.poll(at)
        {
            let given =
                if self.full { Err(SocketAllocateError::InsufficientCapacity) } else { Ok(address(RELAYED)) };
            self.server.allocated_socket(
                transport,
                listen_addr,
                client_addr,
                allocation_transport,
                family,
                given,
                at,
            );
        }
        while let Some(transmit) = self.server.poll_transmit(at) {
            self.deliver(transmit.to, &transmit.data);
        }
    }

    fn deliver(&mut self, to: SocketAddr, data: &[u8]) {
        if to == address(CLIENT) {
            self.allocation.receive(data, self.now);
        } else {
            assert_eq!(to, address(PEER));
            self.relayed.push(data.to_vec());
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_secs(1);
            self.run();
        }
    }

    fn send(&mut self, data: &[u8]) {
        self.allocation.send(address(PEER), data, self.now);
        self.run();
    }

    fn receive_from_peer(&mut self, data: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        self.send_to_server(address(PEER), address(RELAYED), TransportType::Udp, data);
        self.run();
        self.allocation.take_datagrams()
    }
}

const URLS: [&str; 2] = ["turn:198.51.100.3?transport=udp", "turn:198.51.100.3?transport=tcp"];

#[test]
fn datagrams_go_both_ways_once_their_peer_has_a_permission() {
    for url in URLS {
        let mut world = World::new(url, "secret");
        world.run();
        assert_eq!(world.allocation.relayed(), Some(address(RELAYED)), "{url}");
        assert!(world.receive_from_peer(b"nobody let me in").is_empty());
        world.send(b"lost on the way to a closed door");
        for packet in [b"one", b"two"] {
            world.send(packet);
        }
        assert_eq!(world.relayed, [b"one", b"two"], "{url}");
        assert_eq!(world.receive_from_peer(b"hello"), [(address(PEER), b"hello".to_vec())], "{url}");
    }
}

#[test]
fn it_lives_as_long_as_the_leg() {
    for url in URLS {
        let mut world = World::new(url, "secret");
        world.run();
        world.send(b"permission");
        world.wait(Duration::from_secs(3600));
        world.send(b"still here");
        assert_eq!(world.relayed.last().unwrap(), b"still here", "{url}");
        assert_eq!(world.receive_from_peer(b"and I").len(), 1, "{url}");
        assert!(!world.allocation.is_over());
    }
}

#[test]
fn it_is_given_back() {
    let mut world = World::new(URLS[0], "secret");
    world.run();
    world.send(b"permission");
    world.allocation.delete(world.now);
    world.run();
    world.send(b"too late");
    assert!(world.relayed.is_empty());
    assert!(world.receive_from_peer(b"too late").is_empty());
}

#[test]
fn a_refusal_is_noticed() {
    for url in URLS {
        let mut wrong = World::new(url, "another secret");
        wrong.run();
        assert!(wrong.allocation.relayed().is_none(), "{url}");
        let mut full = World::new(url, "secret");
        full.full = true;
        full.run();
        assert!(full.allocation.relayed().is_none() && full.allocation.is_over(), "{url}");
    }
}

#[test]
fn silence_is_noticed() {
    let start = Instant::now();
    let server = named(URLS[0]).unwrap();
    let mut allocation = Allocation::ask(address(CLIENT), address(LISTENS), &server, start);
    let mut now = start;
    while !allocation.is_over() && now < start + Duration::from_secs(60) {
        now = allocation.poll(now).max(now + Duration::from_millis(1));
        allocation.take_requests();
    }
    assert!(allocation.is_over());
}

#[test]
fn what_is_none_is_ignored() {
    let mut world = World::new(URLS[0], "secret");
    world.run();
    for length in 0..100 {
        world.allocation.receive(&vec![0x40; length], world.now);
        world.allocation.receive(&vec![0xff; length], world.now);
    }
    assert!(world.allocation.take_datagrams().is_empty());
}
