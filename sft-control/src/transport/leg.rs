//! One leg's transport, from its offer to its end.
//!
//! What goes wrong inside ends this leg and no other: errors and panics of the WebRTC stack stop here.

use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use rand::distr::{Alphanumeric, SampleString};
use sft_common::{
    demux::{Packet, classify},
    drops::DropReason,
};
use str0m::IceCreds;

use super::{
    Identity, MAX_MESSAGE, MediaAddress, TransportEvent,
    addresses::Addresses,
    connection::{Connection, Problem},
    early::Early,
    stun,
};
use crate::{
    core::table::LegId,
    dataplane::Tuple,
    sdp::{Answer, TransportParameters},
};

/// Characters of our credentials (sft-protocol.md 5.1).
const UFRAG: usize = 15;
const PASSWORD: usize = 31;
/// Where nothing is due by itself.
const IDLE: Duration = Duration::from_secs(3600);

/// The message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("the data channel is not open")]
    NoChannel,
    #[error("the client does not read the data channel")]
    Full,
    #[error("a message of {length} bytes is longer than the client takes ({limit})")]
    TooLong { length: usize, limit: usize },
    #[error("the transport has failed")]
    Failed,
}

enum State {
    /// The offer is out. Nothing of the WebRTC stack exists yet.
    Offered(Early),
    Started(Box<Connection>),
    Closed,
    Failed,
}

/// ICE, DTLS, SCTP and the data channel of one leg.
pub struct Transport {
    leg: LegId,
    identity: Identity,
    media: Vec<MediaAddress>,
    relayed: Option<SocketAddr>,
    own: IceCreds,
    state: State,
    events: Vec<TransportEvent>,
    /// The last instant that a caller passed.
    now: Instant,
}

impl Transport {
    /// A transport that waits for its answer, and what its offer says. `relayed`: an address on a TURN server,
    /// for when no other can be reached.
    pub fn new(
        leg: LegId,
        identity: &Identity,
        media: &[MediaAddress],
        relayed: Option<SocketAddr>,
        now: Instant,
    ) -> (Self, TransportParameters) {
        let mut random = rand::rng();
        // str0m's own credentials come from a generator that can be predicted.
        let own = IceCreds {
            ufrag: Alphanumeric.sample_string(&mut random, UFRAG),
            pass: Alphanumeric.sample_string(&mut random, PASSWORD),
        };
        let parameters = TransportParameters {
            ufrag: own.ufrag.clone(),
            password: own.pass.clone(),
            fingerprint: identity.fingerprint(),
            candidates: media.iter().map(|address| address.advertised).collect(),
            relayed,
            max_message: MAX_MESSAGE,
        };
        let transport = Transport {
            leg,
            identity: identity.clone(),
            media: media.to_vec(),
            relayed,
            own,
            state: State::Offered(Early::default()),
            events: Vec::new(),
            now,
        };
        (transport, parameters)
    }

    /// Starts ICE, DTLS and SCTP with what the client answered, and takes in what came before. Once.
    pub fn start(&mut self, answer: &Answer, now: Instant) {
        self.now = now;
        if !matches!(self.state, State::Offered(_)) {
            return;
        }
        // What must not be called again if it panics is not there meanwhile.
        let State::Offered(early) = std::mem::replace(&mut self.state, State::Failed) else { return };
        let (identity, own) = (&self.identity, &self.own);
        let media = Addresses::new(&self.media, self.relayed);
        match guard(|| Connection::start(identity, media, own, answer, now)) {
            Ok(connection) => self.state = State::Started(Box::new(connection)),
            Err(problem) => self.fail(problem),
        }
        // What is of no use is dropped here as it would have been on arrival.
        for (tuple, datagram) in early.into_datagrams() {
            let _ = self.receive(tuple, &datagram, now);
        }
        self.handle_timeout(now);
    }

    /// Takes in STUN or DTLS that the demultiplexer gave to this leg. Addresses are learned from authentic STUN
    /// only.
    ///
    /// # Errors
    /// `BadStun` for a message that is not authentic or from more pairs than [`super::MAX_PAIRS`], `BadDtls`
    /// from a pair without an authentic check, `QueueFull` for too much DTLS before the answer, `UnknownTuple`
    /// on a socket that is not ours, `NotMedia` for anything else, `Runt` if there is nothing.
    pub fn receive(&mut self, tuple: Tuple, datagram: &[u8], now: Instant) -> Result<(), DropReason> {
        self.now = now;
        match &mut self.state {
            State::Offered(early) => keep(early, &self.own, tuple, datagram),
            _ => self.run(|connection, events| connection.receive(tuple, datagram, now, events)),
        }
    }

    /// To be called at the instant that the last poll named, or earlier.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        // Only datagrams are dropped.
        let _ = self.run(|connection, events| connection.handle_timeout(now, events));
    }

    /// Takes a message for the data channel, to be sent with the timeout that is due from now on.
    ///
    /// # Errors
    /// [`SendError`]. After `Full` the leg is of no more use: something it should have got is missing.
    pub fn send(&mut self, message: &str) -> Result<(), SendError> {
        let now = self.now;
        let mut sent = match self.state {
            State::Offered(_) | State::Closed => Err(SendError::NoChannel),
            State::Started(_) | State::Failed => Err(SendError::Failed),
        };
        let _ = self.run(|connection, _| {
            sent = connection.send(message, now);
            Ok(())
        });
        sent
    }

    /// Says goodbye to the client as soon as it has acknowledged everything, or after two seconds; at once if that has
    /// been asked before. What that sends comes with the next poll.
    pub fn close(&mut self, now: Instant) {
        self.now = now;
        if matches!(self.state, State::Offered(_)) {
            self.state = State::Closed;
        }
        let _ = self.run(|connection, events| connection.close(now, events));
    }

    /// Whether there is nothing more to do: it has failed, or said goodbye.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Failed)
    }

    /// Everything to be done since the last poll, in order, and at last when to call again.
    pub fn poll(&mut self, into: &mut Vec<TransportEvent>) {
        // Not appended: there are many legs, and each would keep room for the most it ever had to do.
        into.extend(std::mem::take(&mut self.events));
        let due = match &self.state {
            State::Started(connection) => connection.due(),
            State::Offered(_) | State::Closed | State::Failed => self.now + IDLE,
        };
        into.push(TransportEvent::Timeout(due));
    }

    /// Lets the connection do something, if there is one.
    fn run(
        &mut self,
        call: impl FnOnce(&mut Connection, &mut Vec<TransportEvent>) -> Result<(), Problem>,
    ) -> Result<(), DropReason> {
        let State::Started(connection) = &mut self.state else { return Ok(()) };
        let events = &mut self.events;
        match guard(|| call(connection, events)) {
            Ok(()) if connection.is_over() => self.state = State::Closed,
            Ok(()) => {}
            Err(Problem::Drop(reason)) => return Err(reason),
            Err(problem) => self.fail(problem),
        }
        Ok(())
    }

    fn fail(&mut self, problem: Problem) {
        let reason = match problem {
            Problem::Fatal(reason) => reason,
            Problem::Drop(reason) => reason.name().to_owned(),
        };
        tracing::debug!(leg = self.leg.0, reason, "transport failed");
        self.state = State::Failed;
        self.events.push(TransportEvent::Failed(reason));
    }
}

/// Calls into the WebRTC stack.
fn guard<T>(call: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(Problem::Fatal("internal error of the WebRTC stack".into())))
}

/// Keeps what comes before the answer.
fn keep(early: &mut Early, own: &IceCreds, tuple: Tuple, datagram: &[u8]) -> Result<(), DropReason> {
    let &[first, second, ..] = datagram else { return Err(DropReason::Runt) };
    match classify(first, second) {
        Packet::Stun => {
            let message = stun::parse(datagram).filter(|message| message.is_binding_request());
            let ours = message.filter(|message| {
                message.split_username().is_some_and(|(left, _)| left == own.ufrag)
                    && stun::is_authentic(message, &own.pass)
            });
            ours.map(|_| early.check(tuple, datagram)).ok_or(DropReason::BadStun)
        }
        Packet::Dtls => early.dtls(tuple, datagram),
        Packet::Rtp | Packet::Rtcp | Packet::Other => Err(DropReason::NotMedia),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_stack_ends_one_leg() {
        let result = guard(|| -> Result<(), Problem> { panic!("as the stack might") });
        assert!(
            matches!(result, Err(Problem::Fatal(reason)) if reason == "internal error of the WebRTC stack")
        );
    }
}
