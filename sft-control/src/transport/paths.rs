//! The address pairs that a leg's authentic STUN messages came over, and which of them carries media.
//!
//! Nothing is learned here from any other packet.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::MAX_PAIRS;
use crate::dataplane::Tuple;

/// A client that cares for a pair repeats its checks on it at least this often; checks that only keep a spare
/// pair alive are much rarer.
const RENEWED: Duration = Duration::from_secs(1);

/// One address pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) tuple: Tuple,
    /// When the client's last check came over it.
    requested: Option<Instant>,
    /// When the last authentic message came over it.
    pub(super) heard: Instant,
    /// One of our checks was answered over it, so the client does receive there.
    validated: bool,
}

/// What a client's check says about its pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// Its first one there.
    New,
    /// It repeats them quickly.
    Renewed,
    Idle,
}

/// The pairs of one leg.
#[derive(Debug, Default)]
pub(super) struct Paths {
    pairs: Vec<Pair>,
    selected: Option<Tuple>,
    /// What the last datagram other than STUN went over.
    carrier: Option<Tuple>,
}

impl Paths {
    /// Whether an authentic message came over this pair.
    pub(super) fn is_known(&self, tuple: Tuple) -> bool {
        self.pairs.iter().any(|pair| pair.tuple == tuple)
    }

    /// The pair that carries media.
    pub(super) fn selected(&self) -> Option<&Pair> {
        self.pairs.iter().find(|pair| Some(pair.tuple) == self.selected)
    }

    /// A check of the client came over this pair. `None` if there is no room for another pair.
    pub(super) fn requested(&mut self, tuple: Tuple, now: Instant) -> Option<Interest> {
        let new = !self.is_known(tuple);
        let pair = self.hear(tuple, now)?;
        let before = pair.requested.replace(now);
        let renewed = before.is_some_and(|before| now.duration_since(before) <= RENEWED);
        Some(match (new, renewed) {
            (true, _) => Interest::New,
            (false, true) => Interest::Renewed,
            (false, false) => Interest::Idle,
        })
    }

    /// The client answered one of our checks over this pair. Whether that validates it for the first time;
    /// `None` if there is no room for another pair.
    pub(super) fn answered(&mut self, tuple: Tuple, now: Instant) -> Option<bool> {
        let pair = self.hear(tuple, now)?;
        Some(!std::mem::replace(&mut pair.validated, true))
    }

    fn hear(&mut self, tuple: Tuple, now: Instant) -> Option<&mut Pair> {
        let at = match self.pairs.iter().position(|pair| pair.tuple == tuple) {
            Some(at) => at,
            None if self.pairs.len() < MAX_PAIRS => {
                self.pairs.push(Pair { tuple, requested: None, heard: now, validated: false });
                self.pairs.len() - 1
            }
            None => return None,
        };
        let pair = self.pairs.get_mut(at)?;
        pair.heard = now;
        Some(pair)
    }

    /// The agent sent something other than STUN over this pair.
    pub(super) fn carried(&mut self, tuple: Tuple) {
        self.carrier = Some(tuple);
    }

    /// Finds the pair that the agent sends over, of which it tells only the remote address. Returns it if it
    /// is another one than before.
    pub(super) fn follow(&mut self, is_destination: impl Fn(SocketAddr) -> bool) -> Option<Tuple> {
        let fits = |tuple: &Tuple| {
            let validated = |pair: &Pair| pair.tuple == *tuple && pair.validated;
            self.pairs.iter().any(validated) && is_destination(tuple.remote)
        };
        let carrier = self.carrier.filter(fits);
        let held = self.selected.filter(fits);
        let any = || self.pairs.iter().rev().map(|pair| pair.tuple).find(fits);
        let found = carrier.or(held).or_else(any)?;
        (self.selected.replace(found) != Some(found)).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(local: u16, remote: u16) -> Tuple {
        Tuple { local: ([192, 0, 2, 1], local).into(), remote: ([198, 51, 100, 1], remote).into() }
    }

    #[test]
    fn checks_are_told_apart_by_their_pace() {
        let mut paths = Paths::default();
        let start = Instant::now();
        assert_eq!(paths.requested(tuple(1, 1), start), Some(Interest::New));
        let at = start + RENEWED;
        assert_eq!(paths.requested(tuple(1, 1), at), Some(Interest::Renewed));
        assert_eq!(paths.requested(tuple(1, 1), at + RENEWED * 2), Some(Interest::Idle));
    }

    #[test]
    fn a_pair_is_validated_once_and_by_an_answer() {
        let mut paths = Paths::default();
        let now = Instant::now();
        paths.requested(tuple(1, 1), now);
        assert!(paths.is_known(tuple(1, 1)));
        assert_eq!(paths.follow(|_| true), None);
        assert_eq!(paths.answered(tuple(1, 1), now), Some(true));
        assert_eq!(paths.answered(tuple(1, 1), now), Some(false));
        assert_eq!(paths.follow(|_| true), Some(tuple(1, 1)));
    }

    #[test]
    fn there_is_a_limit() {
        let mut paths = Paths::default();
        let now = Instant::now();
        for remote in 0..MAX_PAIRS as u16 {
            assert!(paths.requested(tuple(1, remote), now).is_some());
        }
        assert_eq!(paths.requested(tuple(1, 999), now), None);
        assert_eq!(paths.answered(tuple(1, 999), now), None);
        assert!(!paths.is_known(tuple(1, 999)));
        assert!(paths.requested(tuple(1, 0), now).is_some());
    }

    #[test]
    fn of_two_sockets_to_one_address_the_carrier_is_followed() {
        let mut paths = Paths::default();
        let now = Instant::now();
        paths.answered(tuple(1, 7), now);
        paths.answered(tuple(2, 7), now);
        paths.answered(tuple(1, 8), now);
        let remote = tuple(1, 7).remote;
        paths.carried(tuple(1, 7));
        assert_eq!(paths.follow(|address| address == remote), Some(tuple(1, 7)));
        assert_eq!(paths.follow(|address| address == remote), None);
        paths.carried(tuple(2, 7));
        assert_eq!(paths.follow(|address| address == remote), Some(tuple(2, 7)));
        let remote = tuple(1, 8).remote;
        assert_eq!(paths.follow(|address| address == remote), Some(tuple(1, 8)));
    }
}
