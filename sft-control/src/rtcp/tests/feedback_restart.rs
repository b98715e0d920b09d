//! A sender whose numbers jump has started anew; the jump is no loss.

use super::transport_wide::read;
use crate::{dataplane::Arrival, rtcp::Feedback};

fn first_after(last: u16, sequence: u16) -> u16 {
    let mut feedback = Feedback::new(1);
    feedback.packets(2, &[Arrival { sequence: last, micros: 1000 }]);
    let packets = feedback.packets(2, &[Arrival { sequence, micros: 2000 }]);
    read(&packets[0]).packets[0].0
}

#[test]
fn a_jump_in_either_direction_is_followed() {
    assert_eq!(first_after(10, 30_000), 30_000);
    assert_eq!(first_after(10, 2011), 2011);
    assert_eq!(first_after(30_000, 10), 10);
}

#[test]
fn a_jump_within_one_reading_starts_another_packet() {
    let arrivals = [10, 11, 9000, 9001].map(|sequence| Arrival { sequence, micros: 1000 });
    let packets = Feedback::new(1).packets(2, &arrivals);
    let numbers: Vec<Vec<u16>> = packets
        .iter()
        .map(|packet| read(packet).packets.iter().map(|(number, _)| *number).collect())
        .collect();
    assert_eq!(numbers, [[10, 11], [9000, 9001]]);
}
