//! The names of a conference and its legs: the hashes that clients derive from the call's secret
//! (sft-protocol.md 1). A load client has no secret, so they are random.

use std::collections::HashMap;

use rand::Rng;

use crate::message::Writer;

/// Names of one conference.
#[derive(Debug)]
pub(crate) struct Conference {
    pub(crate) hash: String,
    /// By the leg's index.
    users: Vec<String>,
    indices: HashMap<String, u16>,
}

impl Conference {
    pub(crate) fn random(legs: u16, random: &mut impl Rng) -> Self {
        let mut hash = || format!("{:032x}", random.random::<u128>());
        let conference = hash();
        Conference::new(conference, (0..legs).map(|_| hash()).collect())
    }

    fn new(hash: String, users: Vec<String>) -> Self {
        let indices = users.iter().cloned().zip(0..).collect();
        Conference { hash, users, indices }
    }

    /// `user0`, `user1`, ...
    #[cfg(test)]
    pub(crate) fn for_test(hash: &str, legs: u16) -> Self {
        Conference::new(hash.into(), (0..legs).map(|leg| format!("user{leg}")).collect())
    }

    /// The hash of a leg.
    ///
    /// # Panics
    /// If the conference has no such leg.
    pub(crate) fn user(&self, leg: u16) -> &str {
        &self.users[usize::from(leg)]
    }

    /// The leg with this hash.
    pub(crate) fn leg(&self, user: &str) -> Option<u16> {
        self.indices.get(user).copied()
    }

    /// What writes the messages of a leg.
    pub(crate) fn writer(&self, leg: u16) -> Writer {
        Writer { conference: self.hash.clone(), user: self.user(leg).to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn names_are_hashes_and_lead_back_to_their_legs() {
        let conference = Conference::random(3, &mut StdRng::seed_from_u64(0));
        for leg in 0..3 {
            let user = conference.user(leg);
            assert_eq!((user.len(), conference.leg(user)), (32, Some(leg)));
            assert_ne!(user, conference.hash);
        }
        assert_eq!(conference.leg("stranger"), None);
    }
}
