//! Many arrivals are split over packets that fit every path.

use super::transport_wide::read;
use crate::{dataplane::Arrival, rtcp::Feedback};

#[test]
fn packets_stay_small_and_continue_one_another() {
    // Differences of two bytes, and no two statuses alike for long.
    let arrivals: Vec<Arrival> =
        (0..3000).map(|n: u16| Arrival { sequence: n * 3, micros: u64::from(n) * 100_000 }).collect();
    let packets = Feedback::new(1).packets(2, &arrivals);
    assert!(packets.len() > 5);
    let mut numbers = Vec::new();
    for packet in &packets {
        assert!(packet.len() <= 1012, "{}", packet.len());
        numbers.extend(read(packet).packets.iter().map(|(number, _)| *number));
    }
    assert_eq!(numbers, (0..=8997).collect::<Vec<u16>>());
}
