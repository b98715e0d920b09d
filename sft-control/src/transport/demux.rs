//! Which leg a datagram on the media port belongs to.
//!
//! Checks by their user name, answers to our checks by their transaction, everything else by an address pair
//! that ICE has validated. Nothing is learned here from a packet.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use is::stun::{StunMessage, TransId};
use sft_common::{
    demux::{Packet, classify},
    drops::DropReason,
};

use crate::{core::table::LegId, dataplane::Tuple};

/// How long the answer to a check may take.
const TRANSACTION: Duration = Duration::from_secs(30);
/// Checks whose answer is awaited at most, all legs together.
const TRANSACTIONS: usize = 100_000;

/// The tables of all legs.
#[derive(Debug, Default)]
pub struct Demux {
    by_ufrag: HashMap<String, LegId>,
    by_transaction: HashMap<TransId, LegId>,
    /// Oldest first.
    transactions: VecDeque<(Instant, TransId)>,
    by_pair: HashMap<Tuple, LegId>,
}

impl Demux {
    /// A leg and the user name fragment that its offer gave to the client.
    pub fn register(&mut self, leg: LegId, ufrag: &str) {
        self.by_ufrag.insert(ufrag.to_owned(), leg);
    }

    /// A datagram that the leg's transport sends; if it is a check, its answer will be the leg's.
    pub fn note_sent(&mut self, leg: LegId, datagram: &[u8], now: Instant) {
        let &[first, second, ..] = datagram else { return };
        if classify(first, second) != Packet::Stun {
            return;
        }
        let Ok(message) = StunMessage::parse(datagram) else { return };
        if message.is_binding_request() && self.by_transaction.insert(message.trans_id(), leg).is_none() {
            self.transactions.push_back((now, message.trans_id()));
        }
        self.expire(now);
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(sent, transaction)) = self.transactions.front() {
            if now.duration_since(sent) < TRANSACTION && self.transactions.len() <= TRANSACTIONS {
                return;
            }
            self.transactions.pop_front();
            self.by_transaction.remove(&transaction);
        }
    }

    /// ICE has validated this pair for the leg.
    pub fn validated(&mut self, leg: LegId, tuple: Tuple) {
        self.by_pair.insert(tuple, leg);
    }

    /// Forgets a leg.
    pub fn forget(&mut self, leg: LegId) {
        self.by_ufrag.retain(|_, holder| *holder != leg);
        self.by_transaction.retain(|_, holder| *holder != leg);
        self.by_pair.retain(|_, holder| *holder != leg);
    }

    /// The leg that a datagram belongs to.
    ///
    /// # Errors
    /// `Runt`, `BadStun`, `BadDtls`, `BadRtcp`, `UnknownTuple` and `NotMedia`, by what it looks like.
    pub fn lookup(&self, tuple: Tuple, datagram: &[u8]) -> Result<LegId, DropReason> {
        let &[first, second, ..] = datagram else { return Err(DropReason::Runt) };
        let by_pair = |reason| self.by_pair.get(&tuple).copied().ok_or(reason);
        match classify(first, second) {
            Packet::Stun => self.by_message(datagram).ok_or(DropReason::BadStun),
            Packet::Dtls => by_pair(DropReason::BadDtls),
            Packet::Rtcp => by_pair(DropReason::BadRtcp),
            Packet::Rtp => by_pair(DropReason::UnknownTuple),
            Packet::Other => Err(DropReason::NotMedia),
        }
    }

    fn by_message(&self, datagram: &[u8]) -> Option<LegId> {
        let message = StunMessage::parse(datagram).ok()?;
        if message.is_binding_request() {
            return self.by_ufrag.get(message.split_username()?.0).copied();
        }
        self.by_transaction.get(&message.trans_id()).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tuple(port: u16) -> Tuple {
        Tuple { local: ([192, 0, 2, 1], 8586).into(), remote: ([198, 51, 100, 1], port).into() }
    }

    #[test]
    fn media_and_dtls_belong_to_validated_pairs_only() {
        let mut demux = Demux::default();
        let packets = [
            (vec![20, 254, 253], DropReason::BadDtls),
            (vec![128, 111], DropReason::UnknownTuple),
            (vec![128, 200], DropReason::BadRtcp),
        ];
        for (packet, reason) in &packets {
            assert_eq!(demux.lookup(tuple(1), packet), Err(*reason));
        }
        demux.validated(LegId(7), tuple(1));
        for (packet, reason) in &packets {
            assert_eq!(demux.lookup(tuple(1), packet), Ok(LegId(7)));
            assert_eq!(demux.lookup(tuple(2), packet), Err(*reason));
        }
        demux.forget(LegId(7));
        assert_eq!(demux.lookup(tuple(1), &[128, 111]), Err(DropReason::UnknownTuple));
    }

    proptest! {
        #[test]
        fn no_datagram_reaches_a_leg_by_chance(
            datagram in prop::collection::vec(any::<u8>(), 0..200),
            first in 0_u8..4,
        ) {
            let mut demux = Demux::default();
            demux.register(LegId(1), "abcd");
            let stun = [&[first], &datagram[..]].concat();
            prop_assert!(demux.lookup(tuple(1), &stun).is_err());
            prop_assert!(demux.lookup(tuple(1), &datagram).is_err());
        }
    }
}
