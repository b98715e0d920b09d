//! Numbers of records: handed out once at a time, and again only when no packet on its way can still refer to
//! them.
//!
//! Programs run for microseconds, and what goes through the chain finds its records until [`LIFE`] after the
//! packet came. A number that was given back rests for longer.

use std::collections::{BTreeMap, VecDeque};

use sft_common::flight::LIFE;

/// How long a number rests at least, in ns; an RCU grace period is much shorter.
const REST: u64 = LIFE + 50_000_000;

/// The numbers of one map.
#[derive(Debug)]
pub(super) struct Numbers {
    map: &'static str,
    limit: u32,
    /// Free ranges, by first number.
    free: BTreeMap<u32, u32>,
    /// Ranges that were given back since the last tick: first number, length.
    returned: Vec<(u32, u32)>,
    /// Ranges that rest: instant of a tick behind their return, first number, length.
    resting: VecDeque<(u64, u32, u32)>,
}

impl Numbers {
    pub(super) fn new(map: &'static str, limit: u32) -> Self {
        Numbers {
            map,
            limit,
            free: BTreeMap::from([(0, limit)]),
            returned: Vec::new(),
            resting: VecDeque::new(),
        }
    }

    /// First of `len` consecutive numbers.
    ///
    /// # Errors
    /// `Full`.
    pub(super) fn take(&mut self, len: u32) -> Result<u32, super::LaneError> {
        if len == 0 {
            return Ok(0);
        }
        let fits = self.free.iter().find(|(_, room)| **room >= len).map(|(first, room)| (*first, *room));
        let Some((first, room)) = fits else {
            return Err(super::LaneError::Full { map: self.map, limit: self.limit as usize });
        };
        self.free.remove(&first);
        if room > len {
            self.free.insert(first + len, room - len);
        }
        Ok(first)
    }

    /// Gives numbers back.
    pub(super) fn give_back(&mut self, first: u32, len: u32) {
        if len > 0 {
            self.returned.push((first, len));
        }
    }

    /// It is `now` (CLOCK_MONOTONIC in ns); returns the ranges whose rest is over.
    pub(super) fn tick(&mut self, now: u64) -> Vec<(u32, u32)> {
        self.resting.extend(self.returned.drain(..).map(|(first, len)| (now, first, len)));
        let mut rested = Vec::new();
        while let Some(&(since, first, len)) = self.resting.front() {
            if since + REST > now {
                break;
            }
            self.resting.pop_front();
            self.release(first, len);
            rested.push((first, len));
        }
        rested
    }

    /// Joins the range with its neighbours.
    fn release(&mut self, mut first: u32, mut len: u32) {
        if let Some((&before, &room)) = self.free.range(..first).next_back()
            && before + room == first
        {
            self.free.remove(&before);
            (first, len) = (before, room + len);
        }
        if let Some(room) = self.free.remove(&(first + len)) {
            len += room;
        }
        self.free.insert(first, len);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_map_says_so() {
        let mut numbers = Numbers::new("LEGS", 3);
        assert_eq!(numbers.take(2), Ok(0));
        assert_eq!(numbers.take(2), Err(super::super::LaneError::Full { map: "LEGS", limit: 3 }));
        assert_eq!(numbers.take(1), Ok(2));
    }

    #[test]
    fn a_number_rests_before_it_comes_again() {
        let mut numbers = Numbers::new("LEGS", 1);
        assert_eq!(numbers.take(1), Ok(0));
        numbers.give_back(0, 1);
        // It counts from the first tick on.
        for now in [5 * REST, 5 * REST + 1, 6 * REST - 1] {
            assert!(numbers.tick(now).is_empty());
            assert!(numbers.take(1).is_err());
        }
        assert_eq!(numbers.tick(6 * REST), [(0, 1)]);
        assert_eq!(numbers.take(1), Ok(0));
    }

    proptest! {
        #[test]
        fn no_number_is_in_use_twice_and_none_is_lost(
            steps in prop::collection::vec((any::<bool>(), 1..9_u32, any::<prop::sample::Index>()), 1..200),
        ) {
            let mut numbers = Numbers::new("ENTRIES", 64);
            let mut held: Vec<(u32, u32)> = Vec::new();
            for ((take, len, which), now) in steps.into_iter().zip(0..) {
                if take {
                    if let Ok(first) = numbers.take(len) {
                        prop_assert!(held.iter().all(|(other, room)| first + len <= *other || other + room <= first));
                        held.push((first, len));
                    }
                } else if !held.is_empty() {
                    let (first, len) = held.swap_remove(which.index(held.len()));
                    numbers.give_back(first, len);
                }
                numbers.tick(now * REST / 2);
            }
            for (first, len) in held {
                numbers.give_back(first, len);
            }
            numbers.tick(300 * REST);
            numbers.tick(301 * REST);
            prop_assert_eq!(numbers.take(64), Ok(0));
        }
    }
}
