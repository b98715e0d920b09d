//! Feedback packets are counted modulo 256, those of one reading too.

use super::transport_wide::read;
use crate::{dataplane::Arrival, rtcp::Feedback};

#[test]
fn packets_are_counted() {
    let mut feedback = Feedback::new(1);
    for count in 0..600_u16 {
        let packets = feedback.packets(2, &[Arrival { sequence: count, micros: 1000 }]);
        assert_eq!(read(&packets[0]).count, count as u8);
    }
}

#[test]
fn packets_of_one_reading_have_their_own_numbers() {
    let arrivals = [1, 9000, 20_000].map(|sequence| Arrival { sequence, micros: 1000 });
    let packets = Feedback::new(1).packets(2, &arrivals);
    assert_eq!(packets.iter().map(|packet| read(packet).count).collect::<Vec<_>>(), [0, 1, 2]);
}
