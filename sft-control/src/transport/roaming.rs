//! When a client has moved to another address, and the agent must look again.
//!
//! str0m's agent stays with the pair of the highest priority until that has been silent for 22 s. A client that
//! moves (another network, another mapping of its NAT) shows itself by checks on another pair. While we are
//! the controlling side, the pair in use is then checked once more, quickly; if that is not answered, the
//! agent is made to check all pairs anew. While the client controls, its nomination decides.

use std::time::{Duration, Instant};

use is::stun::StunMessage;

use super::{
    paths::{Interest, Pair},
    stun::CheckForm,
};
use crate::dataplane::Tuple;

/// Silence of the pair in use after which quick checks on another one mean something. A client that connects
/// checks all its pairs every few hundred milliseconds.
const QUIET: Duration = Duration::from_millis(500);
/// Silence after which anything on another pair means something: we check each pair every 3 s.
const DEAF: Duration = Duration::from_secs(4);
/// From a check to its repetition, and from that to the verdict.
const PATIENCE: Duration = Duration::from_millis(200);
/// Checks of the pair in use before the verdict.
const ATTEMPTS: u8 = 2;
/// At least this long from one suspicion to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Check this pair.
    Check(Tuple),
    /// Make the agent forget its verdicts on the pairs of this one's local address.
    Renew(Tuple),
}

/// The pair in use may be dead.
#[derive(Clone, Copy, Debug)]
struct Suspicion {
    tuple: Tuple,
    checked: u8,
    due: Instant,
}

/// The state of one leg.
#[derive(Debug, Default)]
pub(super) struct Roaming {
    form: Option<CheckForm>,
    suspicion: Option<Suspicion>,
    /// When the last suspicion began, or the agent was last made to look again.
    last: Option<Instant>,
    /// The pair of the client's last nomination, where it nominates.
    nominated: Option<Tuple>,
}

impl Roaming {
    /// A check that the agent sends.
    pub(super) fn note_check(&mut self, request: &StunMessage<'_>) {
        self.form = CheckForm::of(request).or(self.form.take());
    }

    /// How our own checks look; known once the agent has sent one.
    pub(super) fn form(&self) -> Option<&CheckForm> {
        self.form.as_ref()
    }

    fn is_controlling(&self) -> bool {
        self.form.as_ref().is_none_or(|form| form.controlling)
    }

    /// An authentic message came over this pair.
    pub(super) fn heard(&mut self, tuple: Tuple) {
        self.suspicion.take_if(|suspicion| suspicion.tuple == tuple);
    }

    /// A check of the client on `tuple`, while `selected` is in use.
    pub(super) fn requested(
        &mut self,
        tuple: Tuple,
        interest: Interest,
        nominates: bool,
        selected: &Pair,
        now: Instant,
    ) {
        if !self.is_controlling() {
            let again = nominates && self.nominated.replace(tuple) == Some(tuple);
            if nominates && tuple != selected.tuple && (again || interest == Interest::New) {
                self.suspect(selected.tuple, ATTEMPTS, now);
            }
            return;
        }
        let silence = now.saturating_duration_since(selected.heard);
        let moved = match interest {
            Interest::New => true,
            Interest::Renewed => silence >= QUIET,
            Interest::Idle => silence >= DEAF,
        };
        if moved && tuple != selected.tuple {
            self.suspect(selected.tuple, 0, now);
        }
    }

    /// The client's answer to one of our checks on `tuple`, while `selected` is in use.
    pub(super) fn answered(&mut self, tuple: Tuple, selected: &Pair, now: Instant) {
        let deaf = now.saturating_duration_since(selected.heard) >= DEAF;
        if deaf && tuple != selected.tuple && self.is_controlling() {
            self.suspect(selected.tuple, 0, now);
        }
    }

    fn suspect(&mut self, tuple: Tuple, checked: u8, now: Instant) {
        if self.last.is_none_or(|last| now.saturating_duration_since(last) >= PAUSE) {
            self.suspicion = Some(Suspicion { tuple, checked, due: now });
            self.last = Some(now);
        }
    }

    /// When [`Roaming::step`] has something to say.
    pub(super) fn due(&self) -> Option<Instant> {
        self.suspicion.map(|suspicion| suspicion.due)
    }

    /// What is due, to be called until there is nothing.
    pub(super) fn step(&mut self, now: Instant) -> Option<Step> {
        let suspicion = self.suspicion.as_mut().filter(|suspicion| suspicion.due <= now)?;
        let tuple = suspicion.tuple;
        if suspicion.checked < ATTEMPTS {
            suspicion.checked += 1;
            suspicion.due = now + PATIENCE;
            return Some(Step::Check(tuple));
        }
        self.suspicion = None;
        Some(Step::Renew(tuple))
    }
}

#[cfg(test)]
mod tests {
    use is::stun::TransId;

    use super::*;
    use crate::transport::paths::Paths;

    fn tuple(remote: u16) -> Tuple {
        Tuple { local: ([192, 0, 2, 1], 8586).into(), remote: ([198, 51, 100, 1], remote).into() }
    }

    /// Roaming in a role, and paths with pair 1 in use.
    fn connected(controlling: bool, now: Instant) -> (Roaming, Paths) {
        let mut roaming = Roaming::default();
        roaming.note_check(&StunMessage::binding_request("a:b", TransId::new(), controlling, 7, 1, false));
        let mut paths = Paths::default();
        paths.answered(tuple(1), now);
        paths.follow(|_| true);
        (roaming, paths)
    }

    fn request(roaming: &mut Roaming, paths: &mut Paths, pair: u16, nominates: bool, now: Instant) {
        let interest = paths.requested(tuple(pair), now).unwrap();
        roaming.requested(tuple(pair), interest, nominates, paths.selected().unwrap(), now);
    }

    #[test]
    fn a_silent_pair_is_checked_twice_and_then_given_up() {
        let start = Instant::now();
        let (mut roaming, mut paths) = connected(true, start);
        request(&mut roaming, &mut paths, 2, false, start);
        assert_eq!(roaming.step(start), Some(Step::Check(tuple(1))));
        assert_eq!(roaming.step(start), None);
        let second = roaming.due().unwrap();
        assert_eq!(roaming.step(second), Some(Step::Check(tuple(1))));
        let verdict = roaming.due().unwrap();
        assert!(verdict - start <= Duration::from_millis(500));
        assert_eq!(roaming.step(verdict), Some(Step::Renew(tuple(1))));
        assert_eq!((roaming.step(verdict), roaming.due()), (None, None));
    }

    #[test]
    fn a_pair_that_answers_is_kept() {
        let start = Instant::now();
        let (mut roaming, mut paths) = connected(true, start);
        request(&mut roaming, &mut paths, 2, false, start);
        assert_eq!(roaming.step(start), Some(Step::Check(tuple(1))));
        roaming.heard(tuple(1));
        assert_eq!((roaming.step(start + DEAF), roaming.due()), (None, None));
    }

    #[test]
    fn spare_pairs_raise_no_suspicion_while_the_pair_in_use_is_heard() {
        let start = Instant::now();
        let (mut roaming, mut paths) = connected(true, start);
        request(&mut roaming, &mut paths, 2, false, start);
        roaming.heard(tuple(1));
        for second in 1..60 {
            let now = start + Duration::from_secs(second);
            paths.answered(tuple(1), now);
            request(&mut roaming, &mut paths, 2, false, now + Duration::from_millis(400));
            assert_eq!(roaming.due(), None);
        }
    }

    #[test]
    fn a_return_to_a_known_pair_is_noticed() {
        let start = Instant::now();
        let (mut roaming, mut paths) = connected(true, start);
        request(&mut roaming, &mut paths, 2, false, start);
        roaming.heard(tuple(1));
        let now = start + Duration::from_secs(60);
        paths.answered(tuple(1), now);
        request(&mut roaming, &mut paths, 2, false, now + Duration::from_millis(100));
        assert_eq!(roaming.due(), None);
        let second = now + Duration::from_millis(600);
        request(&mut roaming, &mut paths, 2, false, second);
        assert_eq!(roaming.step(second), Some(Step::Check(tuple(1))));
    }

    #[test]
    fn answers_on_a_spare_pair_betray_a_dead_one() {
        let start = Instant::now();
        let (mut roaming, mut paths) = connected(true, start);
        paths.answered(tuple(2), start);
        let now = start + DEAF;
        roaming.answered(tuple(2), paths.selected().unwrap(), now);
        assert_eq!(roaming.step(now), Some(Step::Check(tuple(1))));
    }

    #[test]
    fn a_nominating_client_is_followed_without_a_check() {
        let start = Instant::now();
        let (mut roaming, mut paths) = connected(false, start);
        request(&mut roaming, &mut paths, 2, false, start);
        assert_eq!(roaming.due(), None);
        request(&mut roaming, &mut paths, 2, true, start);
        assert_eq!(roaming.due(), None);
        request(&mut roaming, &mut paths, 2, true, start);
        assert_eq!(roaming.step(start), Some(Step::Renew(tuple(1))));
        let later = start + PAUSE;
        request(&mut roaming, &mut paths, 3, true, later);
        assert_eq!(roaming.step(later), Some(Step::Renew(tuple(1))));
    }

    #[test]
    fn suspicions_are_rare() {
        let start = Instant::now();
        let (mut roaming, mut paths) = connected(true, start);
        let mut checks = 0;
        for pair in 2..60 {
            let now = start + Duration::from_millis(10) * pair;
            request(&mut roaming, &mut paths, pair as u16, false, now);
            while roaming.step(now).is_some() {
                checks += 1;
                roaming.heard(tuple(1));
            }
        }
        assert_eq!(checks, 1);
    }
}
