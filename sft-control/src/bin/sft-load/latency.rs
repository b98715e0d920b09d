//! A histogram of durations with buckets of constant relative width, so that any number of packets takes a
//! fixed amount of memory.

use std::time::Duration;

/// Buckets per power of two: 1/8 is the relative error.
const STEPS: usize = 8;
const BUCKETS: usize = 64 * STEPS;

#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, duration: Duration) {
        let place = bucket(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        self.buckets[place] += 1;
        self.total += 1;
    }

    pub(crate) fn merge(&mut self, other: &Histogram) {
        for (own, others) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += others;
        }
        self.total += other.total;
    }

    /// Upper bound of the bucket in which this fraction of all durations is reached; zero without any.
    pub(crate) fn quantile(&self, fraction: f64) -> Duration {
        let wanted = (self.total as f64 * fraction).ceil() as u64;
        let mut seen = 0;
        let found = self.buckets.iter().position(|count| {
            seen += count;
            seen > 0 && seen >= wanted
        });
        Duration::from_micros(found.map_or(0, upper_bound))
    }
}

/// Values below `2 * STEPS` have a bucket each.
fn bucket(micros: u64) -> usize {
    let exponent = micros.max(1).ilog2().saturating_sub(STEPS.ilog2());
    exponent as usize * STEPS + (micros >> exponent) as usize
}

fn upper_bound(bucket: usize) -> u64 {
    if bucket < 2 * STEPS {
        return bucket as u64;
    }
    let exponent = bucket / STEPS - 1;
    let mantissa = (bucket % STEPS + STEPS) as u64;
    ((mantissa + 1) << exponent) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_added() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), Duration::ZERO);
        for micros in 1..=10 {
            histogram.add(Duration::from_micros(micros));
        }
        assert_eq!(histogram.quantile(0.5), Duration::from_micros(5));
        assert_eq!(histogram.quantile(1.0), Duration::from_micros(10));
        assert_eq!(histogram.quantile(0.0), Duration::from_micros(1));
    }

    #[test]
    fn merging_adds_up() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        one.add(Duration::from_micros(3));
        other.add(Duration::from_micros(9));
        one.merge(&other);
        assert_eq!((one.total, one.quantile(1.0)), (2, Duration::from_micros(9)));
    }

    proptest! {
        #[test]
        fn a_bucket_is_narrow(micros in 0..u64::MAX / 2) {
            let bound = upper_bound(bucket(micros));
            prop_assert!(bound >= micros);
            prop_assert!(bound - micros <= micros / STEPS as u64);
        }
    }
}
