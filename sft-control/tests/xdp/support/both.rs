//! Both lanes, told the same and sent the same, packet by packet.

use sft_common::drops::DropReason;
use sft_control::dataplane::{
    Counters, Lane, Tuple,
    user::{Outbox, UserLane, Verdict},
};

use super::{
    conference::{remote, server},
    lane::Server,
    packet::frame,
    tables::{CONFERENCE, tuple, v6},
    wire::{happens, wait_for},
};

/// Copies in the order in which they leave.
#[derive(Default)]
pub(crate) struct Copies(pub(crate) Vec<(Tuple, Vec<u8>)>);

impl Outbox for Copies {
    fn push(&mut self, tuple: Tuple, datagram: &[u8]) {
        self.0.push((tuple, datagram.to_vec()));
    }
}

pub(crate) struct Both {
    pub(crate) server: Server,
    pub(crate) user: UserLane,
    /// Packets that the userspace lane left to be learned from.
    passed: u64,
}

impl Both {
    pub(crate) fn new() -> Both {
        Both { server: Server::new(), user: UserLane::new(), passed: 0 }
    }

    /// Does the same to both lanes, which must answer the same.
    #[track_caller]
    pub(crate) fn each<T: PartialEq + std::fmt::Debug>(&mut self, act: impl Fn(&mut dyn Lane) -> T) -> T {
        let kernel = act(&mut self.server.lane);
        let user = act(&mut self.user);
        assert_eq!(kernel, user, "the kernel lane (left) answers otherwise than the userspace lane");
        kernel
    }

    /// Sends a packet of a leg through both lanes, which must make the same of it. Returns the copies.
    #[track_caller]
    pub(crate) fn send(&mut self, leg: u32, packet: &[u8]) -> Vec<(Tuple, Vec<u8>)> {
        let before = outcomes(&self.server.lane.counters());
        self.server.wire.send(&frame(&remote(leg, v6(leg)), &server(v6(leg)), packet));
        wait_for(|| outcomes(&self.server.lane.counters()) > before);
        let mut copies = Copies::default();
        let verdict = self.user.forward(tuple(leg), &mut packet.to_vec(), self.last_arrival(), &mut copies);
        self.passed += u64::from(matches!(verdict, Verdict::Unknown { .. }));
        let wire = &self.server.wire;
        for (n, expected) in copies.0.iter().enumerate() {
            let copy = wire.receive();
            let copy =
                copy.map(|copy| (Tuple { local: copy.from.socket, remote: copy.to.socket }, copy.payload));
            assert_eq!(copy.as_ref(), Some(expected), "copy {n}, {:?}", self.drops());
        }
        let expected = Counters { rtp_passed: self.passed, ..self.user.counters() };
        let agrees = happens(|| what_receivers_get(self.server.lane.counters()) == expected);
        assert!(agrees, "{verdict:?}: {:?}", self.drops());
        assert!(wire.waiting().is_none(), "{verdict:?}: a copy too many, {:?}", self.drops());
        copies.0
    }

    /// When the packet that the programs took in last arrived, by their clock: timestamps depend on it.
    fn last_arrival(&self) -> u64 {
        let sources = self.server.lane.sources(CONFERENCE);
        sources.iter().map(|source| source.stats.last_arrival_ns).max().unwrap_or_default()
    }

    /// By the kernel lane, by the userspace lane.
    fn drops(&self) -> [Vec<(DropReason, u64)>; 2] {
        [super::lane::drops(&self.server.lane), super::lane::drops(&self.user)]
    }
}

/// How many packets and copies have come to an end. Each packet comes to one, after it has been taken in.
fn outcomes(counters: &Counters) -> u64 {
    let drops: u64 = counters.drops.iter().map(|(_, count)| count).sum();
    drops + counters.rtp_passed + counters.audio_copies + counters.video_copies
}

/// Without what only the kernel lane counts.
fn what_receivers_get(counters: Counters) -> Counters {
    Counters { keystream_prepared: 0, keystream_computed: 0, ..counters }
}
