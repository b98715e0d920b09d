//! Our checks whose answers are awaited, and the pair that each went over.

use std::collections::VecDeque;

use is::stun::TransId;

use crate::dataplane::Tuple;

/// Checks that are remembered, the oldest forgotten first. The agent sends at most 20 a second.
const LIMIT: usize = 256;

/// The checks of one leg.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// Oldest first.
    sent: VecDeque<(TransId, Tuple)>,
}

impl Checks {
    pub(super) fn sent(&mut self, transaction: TransId, tuple: Tuple) {
        if self.sent.len() >= LIMIT {
            self.sent.pop_front();
        }
        self.sent.push_back((transaction, tuple));
    }

    /// Whether a message on this pair answers a check that went over it; only such an answer proves the pair
    /// (RFC 8445 section 7.2.5.2.1). Each check has one answer.
    pub(super) fn answered(&mut self, transaction: TransId, tuple: Tuple) -> bool {
        let Some(at) = self.sent.iter().position(|check| *check == (transaction, tuple)) else {
            return false;
        };
        self.sent.remove(at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(port: u16) -> Tuple {
        Tuple { local: ([192, 0, 2, 1], 8586).into(), remote: ([198, 51, 100, 1], port).into() }
    }

    #[test]
    fn an_answer_counts_once_and_on_its_own_pair() {
        let mut checks = Checks::default();
        let transaction = TransId::new();
        checks.sent(transaction, tuple(1));
        assert!(!checks.answered(TransId::new(), tuple(1)));
        assert!(!checks.answered(transaction, tuple(2)));
        assert!(checks.answered(transaction, tuple(1)));
        assert!(!checks.answered(transaction, tuple(1)));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut checks = Checks::default();
        let first = TransId::new();
        checks.sent(first, tuple(1));
        for _ in 0..LIMIT {
            checks.sent(TransId::new(), tuple(1));
        }
        assert_eq!(checks.sent.len(), LIMIT);
        assert!(!checks.answered(first, tuple(1)));
    }
}
