//! Sets of a conference's members: a bit for each, since who authorises whom is a matter of every pair.

/// A member's number in its conference. Given again once it has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seat(u32);

impl Seat {
    /// Word and bit.
    const fn place(self) -> (usize, u64) {
        ((self.0 / u64::BITS) as usize, 1 << (self.0 % u64::BITS))
    }
}

/// A set of seats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Seats {
    /// The last one is not 0, so that equal sets are equal.
    words: Vec<u64>,
}

impl Seats {
    pub(super) const NONE: Seats = Seats { words: Vec::new() };

    pub(super) fn insert(&mut self, seat: Seat) {
        let (word, bit) = seat.place();
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= bit;
    }

    pub(super) fn remove(&mut self, seat: Seat) {
        let (word, bit) = seat.place();
        if let Some(word) = self.words.get_mut(word) {
            *word &= !bit;
            self.trim();
        }
    }

    pub(super) fn contains(&self, seat: Seat) -> bool {
        let (word, bit) = seat.place();
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Puts a seat in or takes it out.
    pub(super) fn set(&mut self, seat: Seat, is_in: bool) {
        if is_in { self.insert(seat) } else { self.remove(seat) }
    }

    pub(super) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub(super) fn is_subset(&self, other: &Seats) -> bool {
        let of_other = other.words.iter().copied().chain(std::iter::repeat(0));
        self.words.iter().zip(of_other).all(|(own, other)| own & !other == 0)
    }

    /// Who is in both.
    pub(super) fn and(&self, other: &Seats) -> Seats {
        let words = self.words.iter().zip(&other.words).map(|(own, other)| own & other);
        let mut both = Seats { words: words.collect() };
        both.trim();
        both
    }

    /// The lowest seat that is not taken.
    pub(super) fn first_free(&self) -> Seat {
        let full = self.words.iter().take_while(|word| **word == u64::MAX).count();
        let bit = self.words.get(full).map_or(0, |word| word.trailing_ones());
        Seat(full as u32 * u64::BITS + bit)
    }

    fn trim(&mut self) {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn seats(numbers: &BTreeSet<u32>) -> Seats {
        let mut seats = Seats::default();
        numbers.iter().for_each(|number| seats.insert(Seat(*number)));
        seats
    }

    proptest! {
        #[test]
        fn a_set_is_a_set(
            a in prop::collection::btree_set(0..200_u32, 0..100),
            b in prop::collection::btree_set(0..200_u32, 0..100),
        ) {
            let (mut left, right) = (seats(&a), seats(&b));
            let both: BTreeSet<u32> = a.intersection(&b).copied().collect();
            prop_assert_eq!(left.and(&right), seats(&both));
            prop_assert_eq!((left.len(), left.is_empty()), (a.len(), a.is_empty()));
            prop_assert_eq!(left.is_subset(&right), a.is_subset(&b));
            prop_assert!((0..200).all(|number| left.contains(Seat(number)) == a.contains(&number)));
            let free = (0..).find(|number| !a.contains(number)).unwrap();
            prop_assert_eq!(left.first_free(), Seat(free));
            for number in &b {
                left.remove(Seat(*number));
            }
            prop_assert_eq!(left, seats(&a.difference(&b).copied().collect()));
        }
    }
}
