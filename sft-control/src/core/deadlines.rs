//! One instant per key, in order.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    time::Instant,
};

/// When each key's time comes.
#[derive(Debug)]
pub struct Deadlines<K> {
    queue: BTreeSet<(Instant, K)>,
    by_key: HashMap<K, Instant>,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Deadlines { queue: BTreeSet::new(), by_key: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash + Ord> Deadlines<K> {
    /// Replaces the key's instant.
    pub fn set(&mut self, key: K, at: Instant) {
        self.remove(key);
        self.queue.insert((at, key));
        self.by_key.insert(key, at);
    }

    /// Like [`Self::set`], but leaves an earlier instant in place.
    pub fn set_earliest(&mut self, key: K, at: Instant) {
        if self.by_key.get(&key).is_none_or(|known| *known > at) {
            self.set(key, at);
        }
    }

    pub fn remove(&mut self, key: K) {
        if let Some(at) = self.by_key.remove(&key) {
            self.queue.remove(&(at, key));
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes out one key whose instant has come.
    pub fn pop(&mut self, now: Instant) -> Option<K> {
        let &(at, key) = self.queue.first().filter(|(at, _)| *at <= now)?;
        self.queue.remove(&(at, key));
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_key_comes_up_once_in_the_order_of_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deadlines = Deadlines::default();
        deadlines.set(1, at(5));
        deadlines.set(2, at(3));
        deadlines.set(3, at(4));
        deadlines.set(1, at(2));
        deadlines.set_earliest(2, at(9));
        deadlines.remove(3);
        assert_eq!(deadlines.next(), Some(at(2)));
        assert_eq!(deadlines.pop(at(1)), None);
        assert_eq!(deadlines.pop(at(9)), Some(1));
        assert_eq!(deadlines.pop(at(9)), Some(2));
        assert_eq!(deadlines.pop(at(9)), None);
    }
}
