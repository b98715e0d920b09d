//! A late arrival is reported alone: what lies around it has been reported, and stays so.

use super::transport_wide::read;
use crate::{dataplane::Arrival, rtcp::Feedback};

fn arrivals(numbers: &[u16]) -> Vec<Arrival> {
    numbers.iter().map(|sequence| Arrival { sequence: *sequence, micros: 1_000_000 }).collect()
}

fn reported(feedback: &mut Feedback, numbers: &[u16]) -> Vec<Vec<(u16, bool)>> {
    let packets = feedback.packets(2, &arrivals(numbers));
    let statuses = |packet: &Vec<u8>| {
        let report = read(packet);
        report.packets.iter().map(|(number, time)| (*number, time.is_some())).collect()
    };
    packets.iter().map(statuses).collect()
}

#[test]
fn a_late_arrival_does_not_take_back_what_was_reported() {
    let mut feedback = Feedback::new(1);
    reported(&mut feedback, &[10, 14, 15]);
    assert_eq!(
        reported(&mut feedback, &[12, 16, 18]),
        [vec![(12, true)], vec![(16, true), (17, false), (18, true)]]
    );
}

#[test]
fn late_arrivals_in_a_row_share_a_report() {
    let mut feedback = Feedback::new(1);
    reported(&mut feedback, &[65533, 4]);
    assert_eq!(
        reported(&mut feedback, &[65535, 0, 3, 5]),
        [vec![(65535, true), (0, true)], vec![(3, true)], vec![(5, true)]]
    );
}

#[test]
fn a_late_arrival_alone_does_not_move_the_start_of_the_next_report() {
    let mut feedback = Feedback::new(1);
    reported(&mut feedback, &[10, 20]);
    reported(&mut feedback, &[15]);
    assert_eq!(reported(&mut feedback, &[22]), [vec![(21, false), (22, true)]]);
}
