//! A network in memory with virtual time: transports behind the demultiplexer of one server, and str0m clients
//! behind NATs.

// Each test uses its own part of this, and a helper may fail a test.

mod client;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

pub(crate) use client::{Client, Link};
use sft_common::drops::DropReason;
use sft_control::{
    core::table::LegId,
    dataplane::Tuple,
    sdp::{Answer, Setup, TransportParameters},
    transport::{Demux, Identity, MediaAddress, Transport, TransportEvent, TransportKeys},
};

/// One way through the network.
pub(crate) const LATENCY: Duration = Duration::from_millis(20);

/// A datagram under way, with the addresses that its receiver sees.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) data: Vec<u8>,
    /// Sent by the server.
    pub(crate) down: bool,
    arrives: Instant,
}

/// One leg at the server.
pub(crate) struct Leg {
    pub(crate) transport: Transport,
    pub(crate) parameters: TransportParameters,
    /// Everything it ever wanted done, `Timeout` left out, with the time since the start.
    pub(crate) events: Vec<(Duration, TransportEvent)>,
    /// How often its timer ran.
    pub(crate) timeouts: usize,
    due: Instant,
}

impl Leg {
    pub(crate) fn keys(&self) -> Option<&TransportKeys> {
        self.events.iter().find_map(|(_, event)| match event {
            TransportEvent::Keys(keys) => Some(&**keys),
            _ => None,
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.events.iter().any(|(_, event)| matches!(event, TransportEvent::ChannelOpen))
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        self.events.iter().find_map(|(_, event)| match event {
            TransportEvent::Failed(reason) => Some(&**reason),
            _ => None,
        })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.events.iter().any(|(_, event)| matches!(event, TransportEvent::ChannelClosed))
    }

    pub(crate) fn messages(&self) -> Vec<String> {
        let text = |event: &TransportEvent| match event {
            TransportEvent::ChannelMessage(data) => Some(String::from_utf8(data.clone()).unwrap()),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| text(event)).collect()
    }

    /// With the time of each.
    pub(crate) fn validated(&self) -> Vec<(Duration, Tuple)> {
        let pair = |(at, event): &(Duration, TransportEvent)| match event {
            TransportEvent::Validated(tuple) => Some((*at, *tuple)),
            _ => None,
        };
        self.events.iter().filter_map(pair).collect()
    }

    /// With the time of each.
    pub(crate) fn selected(&self) -> Vec<(Duration, Tuple)> {
        let pair = |(at, event): &(Duration, TransportEvent)| match event {
            TransportEvent::Selected(tuple) => Some((*at, *tuple)),
            _ => None,
        };
        self.events.iter().filter_map(pair).collect()
    }
}

/// The server, its clients, and what lies between.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    pub(crate) identity: Identity,
    pub(crate) media: Vec<MediaAddress>,
    pub(crate) demux: Demux,
    pub(crate) legs: BTreeMap<LegId, Leg>,
    pub(crate) clients: BTreeMap<LegId, Client>,
    /// Datagrams that were no leg's or had no effect.
    pub(crate) drops: Vec<DropReason>,
    /// Whether a datagram gets through.
    pub(crate) passes: Box<dyn FnMut(&Datagram) -> bool>,
    wire: Vec<Datagram>,
}

impl World {
    /// A server with one socket at a public address.
    pub(crate) fn new() -> Self {
        let address = "192.0.2.1:8586".parse().unwrap();
        World::at(&[MediaAddress { local: address, advertised: address }])
    }

    pub(crate) fn at(media: &[MediaAddress]) -> Self {
        let now = Instant::now();
        World {
            now,
            start: now,
            identity: Identity::generate().unwrap(),
            media: media.to_vec(),
            demux: Demux::default(),
            legs: BTreeMap::new(),
            clients: BTreeMap::new(),
            drops: Vec::new(),
            passes: Box::new(|_| true),
            wire: Vec::new(),
        }
    }

    /// A leg with its offer made.
    pub(crate) fn offer(&mut self, leg: u32) -> LegId {
        let leg = LegId(leg);
        let (transport, parameters) = Transport::new(leg, &self.identity, &self.media, None, self.now);
        self.demux.register(leg, &parameters.ufrag);
        let due = self.now + Duration::from_secs(3600);
        self.legs.insert(leg, Leg { transport, parameters, events: Vec::new(), timeouts: 0, due });
        leg
    }

    /// A client that takes the leg's offer and starts, without its answer reaching the server.
    pub(crate) fn client(&mut self, leg: LegId, links: &[Link], setup: Setup) {
        let client = Client::new(&self.legs[&leg].parameters, links, setup, self.now);
        self.clients.insert(leg, client);
    }

    /// What the leg's client answers.
    pub(crate) fn answer(&self, leg: LegId) -> Answer {
        self.clients[&leg].answer()
    }

    /// The answer reaches the server.
    pub(crate) fn start(&mut self, leg: LegId, answer: &Answer) {
        let now = self.now;
        self.with(leg, |transport| transport.start(answer, now));
    }

    /// A leg and a client that connect from now on.
    pub(crate) fn join(&mut self, leg: u32, links: &[Link]) -> LegId {
        let leg = self.offer(leg);
        self.client(leg, links, Setup::Active);
        let answer = self.answer(leg);
        self.start(leg, &answer);
        leg
    }

    /// A leg whose channel is open on both sides.
    pub(crate) fn connected(&mut self, leg: u32, links: &[Link]) -> LegId {
        let leg = self.join(leg, links);
        let open = self.run_until(Duration::from_secs(5), |world| world.is_open(leg));
        assert!(open, "leg {leg:?}: {:?} {:?}", self.legs[&leg].events, self.drops);
        leg
    }

    pub(crate) fn is_open(&self, leg: LegId) -> bool {
        self.legs[&leg].is_open() && self.clients[&leg].channel.is_some()
    }

    /// Does something with a transport and carries out what it wants.
    pub(crate) fn with(&mut self, leg: LegId, call: impl FnOnce(&mut Transport)) {
        let entry = self.legs.get_mut(&leg).unwrap();
        call(&mut entry.transport);
        let mut events = Vec::new();
        entry.transport.poll(&mut events);
        let Some(TransportEvent::Timeout(due)) = events.pop() else { panic!("a poll ends with its timeout") };
        entry.due = due;
        for event in events {
            match &event {
                TransportEvent::Transmit { local, remote, data } => {
                    self.demux.note_sent(leg, data, self.now);
                    let address = self.media.iter().find(|address| address.local == *local).unwrap();
                    self.wire.push(Datagram {
                        from: address.advertised,
                        to: *remote,
                        data: data.clone(),
                        down: true,
                        arrives: self.now + LATENCY,
                    });
                }
                TransportEvent::Validated(tuple) => self.demux.validated(leg, *tuple),
                TransportEvent::Timeout(_) => panic!("a timeout is the last event"),
                _ => {}
            }
            self.legs.get_mut(&leg).unwrap().events.push((self.now - self.start, event));
        }
    }

    /// Sends on the leg's channel.
    pub(crate) fn send(&mut self, leg: LegId, message: &str) {
        self.with(leg, |transport| transport.send(message).unwrap());
    }

    /// A datagram reaches one of the server's advertised addresses.
    pub(crate) fn arrive(&mut self, from: SocketAddr, to: SocketAddr, data: &[u8]) {
        let Some(address) = self.media.iter().find(|address| address.advertised == to) else { return };
        let tuple = Tuple { local: address.local, remote: from };
        let now = self.now;
        match self.demux.lookup(tuple, data) {
            Ok(leg) => {
                let mut result = Ok(());
                self.with(leg, |transport| result = transport.receive(tuple, data, now));
                self.drops.extend(result.err());
            }
            Err(reason) => self.drops.push(reason),
        }
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        self.run_until(time, |_| false);
    }

    /// Lets time pass until something is so, or at most `time`; whether it is so.
    pub(crate) fn run_until(&mut self, time: Duration, done: impl Fn(&World) -> bool) -> bool {
        let end = self.now + time;
        loop {
            self.flush_clients();
            if done(self) {
                return true;
            }
            let next = self.next();
            if next > end {
                self.now = end;
                return false;
            }
            // Nobody may keep the clock from moving.
            self.now = next.max(self.now + Duration::from_micros(1));
            self.deliver();
            self.run_timers();
        }
    }

    fn next(&self) -> Instant {
        let arrivals = self.wire.iter().map(|datagram| datagram.arrives);
        let legs = self.legs.values().map(|leg| leg.due);
        let clients = self.clients.values().map(|client| client.due);
        arrivals.chain(legs).chain(clients).min().unwrap()
    }

    fn flush_clients(&mut self) {
        for client in self.clients.values_mut() {
            client.drain();
            for (from, to, data) in client.outbox.drain(..) {
                let arrives = self.now + LATENCY;
                self.wire.push(Datagram { from, to, data, down: false, arrives });
            }
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let (due, later) = std::mem::take(&mut self.wire).into_iter().partition(|one| one.arrives <= now);
        self.wire = later;
        let due: Vec<Datagram> = due;
        for datagram in due {
            if !(self.passes)(&datagram) {
                continue;
            }
            if datagram.down {
                for client in self.clients.values_mut() {
                    client.receive(datagram.from, datagram.to, &datagram.data, now);
                }
            } else {
                self.arrive(datagram.from, datagram.to, &datagram.data);
            }
        }
    }

    fn run_timers(&mut self) {
        let now = self.now;
        let due: Vec<LegId> =
            self.legs.iter().filter(|(_, leg)| leg.due <= now).map(|(leg, _)| *leg).collect();
        for leg in due {
            self.legs.get_mut(&leg).unwrap().timeouts += 1;
            self.with(leg, |transport| transport.handle_timeout(now));
        }
        for client in self.clients.values_mut().filter(|client| client.due <= now) {
            client.handle_timeout(now);
        }
    }
}

/// A link without NAT.
pub(crate) fn direct(address: &str) -> Link {
    let address = address.parse().unwrap();
    Link { own: address, outer: address, signalled: true }
}

/// A link behind a NAT, of whose outer address the client does not know.
pub(crate) fn behind_nat(own: &str, outer: &str) -> Link {
    Link { own: own.parse().unwrap(), outer: outer.parse().unwrap(), signalled: true }
}
