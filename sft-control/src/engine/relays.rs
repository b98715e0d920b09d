//! The relayed addresses of legs, and the legs whose offers wait for one.

use std::{collections::HashMap, net::SocketAddr};

use tokio::sync::mpsc;

use super::{Engine, Time};
use crate::{
    core::table::{ConferenceId, LegId},
    dataplane::Tuple,
    econn::IceServer,
    relay::{self, Allowed, Ends, Event, EventKind, Outgoing, Server},
    sdp::OfferSpec,
};

/// Allocations at a time. A leg beyond goes without.
const MOST: usize = 512;
/// Servers that are tried for a leg.
const SERVERS: usize = 4;

/// A leg before its transport is made.
pub(super) struct Unopened {
    pub(super) leg: LegId,
    pub(super) conference: ConferenceId,
    pub(super) offer: OfferSpec,
}

pub(super) struct Relays {
    /// `None`: clients' servers are not used.
    allowed: Option<Allowed>,
    /// Each ends with its entry.
    legs: HashMap<LegId, Relay>,
    /// By relayed address.
    by_address: HashMap<SocketAddr, LegId>,
    events: mpsc::Receiver<Event>,
    /// For tasks to come.
    sender: mpsc::Sender<Event>,
}

struct Relay {
    outgoing: mpsc::Sender<Outgoing>,
    state: State,
}

enum State {
    Waiting(Unopened),
    Ready(SocketAddr),
}

impl Relays {
    pub(super) fn new(allowed: Option<Allowed>) -> Self {
        let (sender, events) = mpsc::channel(relay::QUEUE);
        Relays { allowed, legs: HashMap::new(), by_address: HashMap::new(), events, sender }
    }

    /// Asks for a relayed address on one of these servers; gives the leg back if there is nothing to wait for.
    pub(super) fn allocate(&mut self, unopened: Unopened, servers: &[IceServer]) -> Option<Unopened> {
        let Some(allowed) = self.allowed.as_ref().filter(|_| self.legs.len() < MOST) else {
            return Some(unopened);
        };
        let usable = servers.iter().filter_map(|server| {
            Server::try_from(server)
                .inspect_err(|error| tracing::debug!(leg = unopened.leg.0, %error, "TURN server not used"))
                .ok()
        });
        let servers: Vec<Server> = usable.take(SERVERS).collect();
        if servers.is_empty() {
            return Some(unopened);
        }
        let (outgoing, queue) = mpsc::channel(relay::QUEUE);
        let ends = Ends { outgoing: queue, events: self.sender.clone() };
        relay::start(unopened.leg, servers, allowed.clone(), ends);
        self.legs.insert(unopened.leg, Relay { outgoing, state: State::Waiting(unopened) });
        None
    }

    pub(super) fn is_relayed(&self, local: SocketAddr) -> bool {
        self.by_address.contains_key(&local)
    }

    /// Hands a datagram to the allocation that it leaves from; `false` if there is none, or it is too busy.
    pub(super) fn send(&mut self, tuple: Tuple, datagram: &[u8]) -> bool {
        let leg = self.by_address.get(&tuple.local);
        let relay = leg.and_then(|leg| self.legs.get(leg));
        relay.is_some_and(|relay| relay.outgoing.try_send((tuple.remote, datagram.to_vec())).is_ok())
    }

    /// The next event of any allocation. There is always a sender, so it never ends.
    pub(super) async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Ends a leg's allocation.
    pub(super) fn remove(&mut self, leg: LegId) {
        if let Some(Relay { state: State::Ready(address), .. }) = self.legs.remove(&leg) {
            self.by_address.remove(&address);
        }
    }

    /// The leg that waited for this, if it still does.
    fn arrived(&mut self, leg: LegId, address: Option<SocketAddr>) -> Option<Unopened> {
        match address {
            None => match self.legs.remove(&leg)?.state {
                State::Waiting(unopened) => Some(unopened),
                State::Ready(_) => None,
            },
            Some(address) => {
                let relay = self.legs.get_mut(&leg)?;
                self.by_address.insert(address, leg);
                match std::mem::replace(&mut relay.state, State::Ready(address)) {
                    State::Waiting(unopened) => Some(unopened),
                    State::Ready(_) => None,
                }
            }
        }
    }
}

impl Engine {
    pub(super) fn take_relay_event(&mut self, event: Option<Event>) {
        let Some(Event { leg, kind }) = event else { return };
        let time = Time::now();
        match kind {
            EventKind::Ready(address) => {
                if let Some(unopened) = self.relays.arrived(leg, Some(address)) {
                    self.open(unopened, Some(address), time);
                }
            }
            EventKind::Failed => {
                if let Some(unopened) = self.relays.arrived(leg, None) {
                    self.open(unopened, None, time);
                }
            }
            EventKind::Datagram(remote, mut datagram) => {
                if let Some(Relay { state: State::Ready(local), .. }) = self.relays.legs.get(&leg) {
                    self.take_datagram(Tuple { local: *local, remote }, &mut datagram, time);
                }
            }
            // ICE notices, and the leg ends unless it has another way.
            EventKind::Ended => self.relays.remove(leg),
        }
    }
}
