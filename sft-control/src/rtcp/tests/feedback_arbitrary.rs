//! Arrivals in no order at all, repeated, from any time: every one is reported, and it ends.

use proptest::prelude::*;

use super::transport_wide::read;
use crate::{dataplane::Arrival, rtcp::Feedback};

proptest! {
    #[test]
    fn nothing_is_dropped(
        readings in prop::collection::vec(
            prop::collection::vec((any::<u16>(), any::<u64>()), 0..30),
            1..10,
        ),
        near: bool,
    ) {
        let mut feedback = Feedback::new(1);
        for reading in readings {
            let arrival = |(sequence, micros): &(u16, u64)| Arrival {
                sequence: if near { *sequence % 64 } else { *sequence },
                micros: *micros,
            };
            let arrivals: Vec<Arrival> = reading.iter().map(arrival).collect();
            let packets = feedback.packets(2, &arrivals);
            prop_assert!(packets.len() <= arrivals.len());
            let reported: Vec<u16> =
                packets.iter().flat_map(|packet| read(packet).arrivals().map(|(number, _)| number).collect::<Vec<_>>()).collect();
            let expected: Vec<u16> = arrivals.iter().map(|arrival| arrival.sequence).collect();
            prop_assert_eq!(reported, expected);
        }
    }
}
