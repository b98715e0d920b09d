//! What a client sends before its answer has come: kept, so that no flight is lost.
//!
//! The client starts its checks when it makes the answer, which then still has to travel through its HTTP
//! request. Bounded, and filled by checks with our password and by pairs that sent one.

use std::collections::VecDeque;

use sft_common::drops::DropReason;

use super::MAX_DATAGRAM;
use crate::dataplane::Tuple;

/// Pairs whose latest check is kept.
const PAIRS: usize = 16;
/// DTLS datagrams that are kept; a flight has at most a few.
const FLIGHT: usize = 8;

/// Datagrams of one leg.
#[derive(Debug, Default)]
pub(super) struct Early {
    /// Oldest first; one per pair, since the answer to a client's latest check serves it best.
    checks: VecDeque<(Tuple, Vec<u8>)>,
    dtls: Vec<(Tuple, Vec<u8>)>,
}

impl Early {
    /// Keeps a check that carried our password.
    pub(super) fn check(&mut self, tuple: Tuple, datagram: &[u8]) {
        self.checks.retain(|(pair, _)| *pair != tuple);
        if self.checks.len() >= PAIRS {
            self.checks.pop_front();
        }
        self.checks.push_back((tuple, datagram.to_vec()));
    }

    /// Keeps a part of a flight.
    ///
    /// # Errors
    /// `BadDtls` from a pair without a check, `QueueFull` if there is no room.
    pub(super) fn dtls(&mut self, tuple: Tuple, datagram: &[u8]) -> Result<(), DropReason> {
        let checked = self.checks.iter().any(|(pair, _)| *pair == tuple);
        if !checked || datagram.len() > MAX_DATAGRAM {
            return Err(DropReason::BadDtls);
        }
        if self.dtls.len() >= FLIGHT {
            return Err(DropReason::QueueFull);
        }
        self.dtls.push((tuple, datagram.to_vec()));
        Ok(())
    }

    /// Everything, in the order in which it must be taken in: checks first.
    pub(super) fn into_datagrams(self) -> impl Iterator<Item = (Tuple, Vec<u8>)> {
        self.checks.into_iter().chain(self.dtls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(port: u16) -> Tuple {
        Tuple { local: ([192, 0, 2, 1], 8586).into(), remote: ([198, 51, 100, 1], port).into() }
    }

    #[test]
    fn the_latest_check_of_each_pair_comes_first() {
        let mut early = Early::default();
        early.check(tuple(1), b"old");
        early.dtls(tuple(1), b"hello").unwrap();
        early.check(tuple(2), b"other");
        early.check(tuple(1), b"new");
        let datagrams: Vec<_> = early.into_datagrams().collect();
        let expected =
            [(tuple(2), b"other".to_vec()), (tuple(1), b"new".to_vec()), (tuple(1), b"hello".to_vec())];
        assert_eq!(datagrams, expected);
    }

    #[test]
    fn dtls_needs_a_check_and_room() {
        let mut early = Early::default();
        assert_eq!(early.dtls(tuple(1), b"hello"), Err(DropReason::BadDtls));
        early.check(tuple(1), b"check");
        assert_eq!(early.dtls(tuple(1), &[22; MAX_DATAGRAM + 1]), Err(DropReason::BadDtls));
        for _ in 0..FLIGHT {
            early.dtls(tuple(1), &[22; MAX_DATAGRAM]).unwrap();
        }
        assert_eq!(early.dtls(tuple(1), b"hello"), Err(DropReason::QueueFull));
    }

    #[test]
    fn checks_are_bounded() {
        let mut early = Early::default();
        for port in 1..=100 {
            early.check(tuple(port), b"check");
        }
        assert_eq!(early.into_datagrams().count(), PAIRS);
    }
}
