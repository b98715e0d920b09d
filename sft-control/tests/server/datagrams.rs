//! Whatever arrives at the media port: a counted drop at most.

use std::net::UdpSocket;

use crate::support::{Server, config, connect, status};
use rand::{Rng, SeedableRng, rngs::StdRng};

#[test]
fn garbage_is_counted_by_what_it_looks_like() {
    let server = Server::start(config());
    assert_eq!(status(&server.post("/sft/one", &connect("a"))), "200");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut rng = StdRng::seed_from_u64(7);
    // STUN, DTLS, RTP, RTCP, nothing known, and too short.
    let kinds: [(&[u8], &str); 6] = [
        (&[0, 1], "bad_stun"),
        (&[22, 254], "bad_dtls"),
        (&[128, 111], "unknown_tuple"),
        (&[128, 200], "bad_rtcp"),
        (&[70, 0], "not_media"),
        (&[128], "runt"),
    ];
    for (start, _) in kinds {
        for _ in 0..20 {
            let mut datagram = start.to_vec();
            if start.len() > 1 {
                datagram.extend((0..rng.random_range(0..1400)).map(|_| rng.random::<u8>()));
            }
            socket.send_to(&datagram, server.media).unwrap();
        }
    }
    let drops = || {
        let snapshot = server.runtime.block_on(server.engine.snapshot()).unwrap();
        let lane = snapshot.server.lanes.into_iter().next().unwrap();
        lane.drops.into_iter().map(|drop| (drop.reason, drop.count)).collect::<Vec<_>>()
    };
    let expected = |found: &[(String, u64)]| {
        kinds.iter().all(|(_, reason)| found.iter().any(|(name, count)| name == reason && *count == 20))
    };
    let mut found = drops();
    for _ in 0..200 {
        if expected(&found) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        found = drops();
    }
    assert!(expected(&found), "{found:?}");
    assert_eq!(status(&server.post("/sft/one", &connect("b"))), "200");
}
