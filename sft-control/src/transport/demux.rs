//! Which leg a datagram on the media port belongs to.
//!
//! Checks by their user name, answers to our checks by their transaction, everything else by an address pair
//! that ICE has validated. DTLS may come a moment before that; it goes to the leg that the pair's last check
//! named, whose transport takes it only if that check was authentic. Nothing else is learned from a packet.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use is::stun::TransId;
use sft_common::{
    demux::{Packet, classify},
    drops::DropReason,
};

use super::stun;
use crate::{core::table::LegId, dataplane::Tuple};

/// How long the answer to a check may take.
const TRANSACTION: Duration = Duration::from_secs(10);
/// Checks whose answer is awaited at most, all legs together.
const TRANSACTIONS: usize = 100_000;
/// Pairs of which the leg that their last check named is remembered. A flood costs clients that connect at
/// that moment the repetition of a flight.
const CLAIMS: usize = 4096;

/// What ends with a leg.
#[derive(Debug)]
struct Leg {
    ufrag: String,
    pairs: Vec<Tuple>,
}

/// The tables of all legs.
#[derive(Debug, Default)]
pub struct Demux {
    legs: HashMap<LegId, Leg>,
    by_ufrag: HashMap<String, LegId>,
    by_transaction: HashMap<TransId, LegId>,
    /// Oldest first.
    transactions: VecDeque<(Instant, TransId)>,
    by_pair: HashMap<Tuple, LegId>,
    /// By pairs that may not be validated: the leg that their last check named.
    claims: HashMap<Tuple, LegId>,
    /// The pairs with claims, oldest first.
    claimed: VecDeque<Tuple>,
}

impl Demux {
    /// A leg and the user name fragment that its offer gave to the client.
    pub fn register(&mut self, leg: LegId, ufrag: &str) {
        self.forget(leg);
        self.by_ufrag.insert(ufrag.to_owned(), leg);
        self.legs.insert(leg, Leg { ufrag: ufrag.to_owned(), pairs: Vec::new() });
    }

    /// A datagram that the leg's transport sends; if it is a check, its answer will be the leg's.
    pub fn note_sent(&mut self, leg: LegId, datagram: &[u8], now: Instant) {
        let &[first, second, ..] = datagram else { return };
        if classify(first, second) != Packet::Stun {
            return;
        }
        let Some(message) = stun::parse(datagram) else { return };
        if message.is_binding_request() && self.by_transaction.insert(message.trans_id(), leg).is_none() {
            self.transactions.push_back((now, message.trans_id()));
        }
        self.expire(now);
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(sent, transaction)) = self.transactions.front() {
            let fresh = now.saturating_duration_since(sent) < TRANSACTION;
            if fresh && self.transactions.len() <= TRANSACTIONS {
                return;
            }
            self.transactions.pop_front();
            self.by_transaction.remove(&transaction);
        }
    }

    /// ICE has validated this pair for the leg. If it was another leg's, it is no more: the client behind it
    /// has answered this one.
    pub fn validated(&mut self, leg: LegId, tuple: Tuple) {
        let Some(holder) = self.legs.get_mut(&leg) else { return };
        if self.by_pair.insert(tuple, leg) != Some(leg) {
            holder.pairs.push(tuple);
        }
    }

    /// Forgets a leg.
    pub fn forget(&mut self, leg: LegId) {
        let Some(Leg { ufrag, pairs }) = self.legs.remove(&leg) else { return };
        if self.by_ufrag.get(&ufrag) == Some(&leg) {
            self.by_ufrag.remove(&ufrag);
        }
        for tuple in pairs {
            if self.by_pair.get(&tuple) == Some(&leg) {
                self.by_pair.remove(&tuple);
            }
        }
    }

    /// The leg that a datagram belongs to.
    ///
    /// # Errors
    /// `Runt`, `BadStun`, `BadDtls`, `BadRtcp`, `UnknownTuple` and `NotMedia`, by what it looks like.
    pub fn lookup(&mut self, tuple: Tuple, datagram: &[u8]) -> Result<LegId, DropReason> {
        let &[first, second, ..] = datagram else { return Err(DropReason::Runt) };
        let validated = self.by_pair.get(&tuple).copied();
        match classify(first, second) {
            Packet::Stun => self.by_message(tuple, datagram).ok_or(DropReason::BadStun),
            Packet::Dtls => validated.or_else(|| self.claim(tuple)).ok_or(DropReason::BadDtls),
            Packet::Rtcp => validated.ok_or(DropReason::BadRtcp),
            Packet::Rtp => validated.ok_or(DropReason::UnknownTuple),
            Packet::Other => Err(DropReason::NotMedia),
        }
    }

    fn by_message(&mut self, tuple: Tuple, datagram: &[u8]) -> Option<LegId> {
        let message = stun::parse(datagram)?;
        if !message.is_binding_request() {
            let leg = self.by_transaction.get(&message.trans_id()).copied()?;
            return self.legs.contains_key(&leg).then_some(leg);
        }
        let leg = self.by_ufrag.get(message.split_username()?.0).copied()?;
        if self.claims.insert(tuple, leg).is_none() {
            self.claimed.push_back(tuple);
        }
        while self.claimed.len() > CLAIMS
            && let Some(oldest) = self.claimed.pop_front()
        {
            self.claims.remove(&oldest);
        }
        Some(leg)
    }

    fn claim(&self, tuple: Tuple) -> Option<LegId> {
        self.claims.get(&tuple).copied().filter(|leg| self.legs.contains_key(leg))
    }
}

#[cfg(test)]
mod tests {
    use is::stun::StunMessage;
    use proptest::prelude::*;

    use super::*;

    const DTLS: [u8; 3] = [22, 254, 253];
    const RTP: [u8; 2] = [128, 111];

    fn tuple(port: u16) -> Tuple {
        Tuple { local: ([192, 0, 2, 1], 8586).into(), remote: ([198, 51, 100, 1], port).into() }
    }

    fn bytes(message: StunMessage<'_>) -> Vec<u8> {
        let mut datagram = vec![0; 200];
        let length = message.to_bytes(Some(b"password"), &mut datagram, |_, _| [0; 20]).unwrap();
        datagram.truncate(length);
        datagram
    }

    fn request(ufrag: &str, transaction: TransId) -> Vec<u8> {
        bytes(StunMessage::binding_request(&format!("{ufrag}:theirs"), transaction, true, 1, 1, false))
    }

    fn response(transaction: TransId) -> Vec<u8> {
        bytes(StunMessage::binding_reply(transaction, tuple(1).remote))
    }

    #[test]
    fn media_and_dtls_belong_to_validated_pairs_only() {
        let mut demux = Demux::default();
        let packets = [
            (DTLS.to_vec(), DropReason::BadDtls),
            (RTP.to_vec(), DropReason::UnknownTuple),
            (vec![128, 200], DropReason::BadRtcp),
        ];
        demux.register(LegId(7), "seven");
        for (packet, reason) in &packets {
            assert_eq!(demux.lookup(tuple(1), packet), Err(*reason));
        }
        demux.validated(LegId(7), tuple(1));
        for (packet, reason) in &packets {
            assert_eq!(demux.lookup(tuple(1), packet), Ok(LegId(7)));
            assert_eq!(demux.lookup(tuple(2), packet), Err(*reason));
        }
        demux.forget(LegId(7));
        for (packet, reason) in &packets {
            assert_eq!(demux.lookup(tuple(1), packet), Err(*reason));
        }
    }

    #[test]
    fn checks_go_by_their_user_name() {
        let mut demux = Demux::default();
        demux.register(LegId(1), "one");
        demux.register(LegId(2), "two");
        assert_eq!(demux.lookup(tuple(1), &request("two", TransId::new())), Ok(LegId(2)));
        assert_eq!(demux.lookup(tuple(1), &request("one", TransId::new())), Ok(LegId(1)));
        assert_eq!(demux.lookup(tuple(1), &request("three", TransId::new())), Err(DropReason::BadStun));
        demux.forget(LegId(1));
        assert_eq!(demux.lookup(tuple(1), &request("one", TransId::new())), Err(DropReason::BadStun));
    }

    #[test]
    fn answers_go_by_the_transaction_whatever_their_address() {
        let mut demux = Demux::default();
        demux.register(LegId(1), "one");
        demux.register(LegId(2), "two");
        let (first, second) = (TransId::new(), TransId::new());
        let now = Instant::now();
        demux.note_sent(LegId(1), &request("theirs", first), now);
        demux.note_sent(LegId(2), &request("theirs", second), now);
        // Not a check: makes nobody expect an answer.
        let answer = TransId::new();
        demux.note_sent(LegId(2), &response(answer), now);
        assert_eq!(demux.lookup(tuple(1), &response(second)), Ok(LegId(2)));
        assert_eq!(demux.lookup(tuple(1), &response(first)), Ok(LegId(1)));
        assert_eq!(demux.lookup(tuple(1), &response(answer)), Err(DropReason::BadStun));
        demux.forget(LegId(1));
        assert_eq!(demux.lookup(tuple(1), &response(first)), Err(DropReason::BadStun));
    }

    #[test]
    fn transactions_expire() {
        let mut demux = Demux::default();
        demux.register(LegId(1), "one");
        let (old, new) = (TransId::new(), TransId::new());
        let start = Instant::now();
        demux.note_sent(LegId(1), &request("theirs", old), start);
        demux.note_sent(LegId(1), &request("theirs", new), start + TRANSACTION);
        assert_eq!(demux.lookup(tuple(1), &response(old)), Err(DropReason::BadStun));
        assert_eq!(demux.lookup(tuple(1), &response(new)), Ok(LegId(1)));
        assert_eq!((demux.by_transaction.len(), demux.transactions.len()), (1, 1));
    }

    #[test]
    fn a_pair_that_a_check_claimed_gets_dtls_and_no_media() {
        let mut demux = Demux::default();
        demux.register(LegId(1), "one");
        demux.register(LegId(2), "two");
        demux.lookup(tuple(1), &request("one", TransId::new())).unwrap();
        assert_eq!(demux.lookup(tuple(1), &DTLS), Ok(LegId(1)));
        assert_eq!(demux.lookup(tuple(1), &RTP), Err(DropReason::UnknownTuple));
        // A claim takes nothing away from the leg that the client behind the pair has answered.
        demux.validated(LegId(1), tuple(1));
        demux.lookup(tuple(1), &request("two", TransId::new())).unwrap();
        assert_eq!(demux.lookup(tuple(1), &DTLS), Ok(LegId(1)));
        demux.validated(LegId(2), tuple(1));
        assert_eq!(demux.lookup(tuple(1), &DTLS), Ok(LegId(2)));
        demux.forget(LegId(1));
        assert_eq!(demux.lookup(tuple(1), &RTP), Ok(LegId(2)));
        demux.forget(LegId(2));
        assert_eq!(demux.lookup(tuple(1), &DTLS), Err(DropReason::BadDtls));
    }

    #[test]
    fn claims_are_bounded() {
        let mut demux = Demux::default();
        demux.register(LegId(1), "one");
        let check = request("one", TransId::new());
        for port in 0..=u16::MAX {
            demux.lookup(tuple(port), &check).unwrap();
        }
        assert_eq!((demux.claims.len(), demux.claimed.len()), (CLAIMS, CLAIMS));
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
