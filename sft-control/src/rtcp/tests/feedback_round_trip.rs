//! Every arrival is reported once, at its time, whatever the readings are cut into.

use proptest::prelude::*;

use super::transport_wide::read;
use crate::{dataplane::Arrival, rtcp::Feedback};

proptest! {
    #[test]
    fn every_arrival_is_reported_once_at_its_time(
        start: u16,
        first_micros in 0..(1_u64 << 48),
        steps in prop::collection::vec((1..20_u16, -3000..70_000_i64), 1..400),
        cuts in prop::collection::vec(1..60_usize, 1..20),
    ) {
        let (mut sequence, mut micros) = (start, first_micros + 2_000_000);
        let mut arrivals = Vec::new();
        for (step, pause) in steps {
            sequence = sequence.wrapping_add(step);
            micros = micros.saturating_add_signed(pause);
            arrivals.push(Arrival { sequence, micros });
        }
        let mut feedback = Feedback::new(1);
        let (mut rest, mut reported, mut numbers) = (&arrivals[..], Vec::new(), Vec::new());
        for cut in cuts.iter().cycle() {
            let (reading, others) = rest.split_at((*cut).min(rest.len()));
            for packet in feedback.packets(2, reading) {
                let report = read(&packet);
                reported.extend(report.arrivals());
                numbers.extend(report.packets.iter().map(|(number, _)| *number));
            }
            rest = others;
            if rest.is_empty() {
                break;
            }
        }
        // Times are modulo 2^24 references of 256 ticks; a packet may run across the end of them.
        let modulo = |time: i64| time & 0xffff_ffff;
        let reported: Vec<_> = reported.into_iter().map(|(number, time)| (number, modulo(time))).collect();
        let expected: Vec<_> =
            arrivals.iter().map(|arrival| (arrival.sequence, modulo((arrival.micros / 250) as i64))).collect();
        prop_assert_eq!(reported, expected);
        // Received or not, every number is reported once.
        prop_assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));
    }
}
