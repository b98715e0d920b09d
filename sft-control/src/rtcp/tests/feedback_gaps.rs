//! What has not come is reported as not received, once.

use super::transport_wide::read;
use crate::{dataplane::Arrival, rtcp::Feedback};

fn arrival(sequence: u16, micros: u64) -> Arrival {
    Arrival { sequence, micros }
}

#[test]
fn a_gap_is_reported_as_not_received_across_the_wrap() {
    let mut feedback = Feedback::new(1);
    let packets = feedback.packets(2, &[arrival(65534, 1_000_000), arrival(1, 1_020_000)]);
    assert_eq!(packets.len(), 1);
    let report = read(&packets[0]);
    assert_eq!((report.sender, report.media), (1, 2));
    assert_eq!(report.packets, [(65534, Some(4000)), (65535, None), (0, None), (1, Some(4080))]);
}

#[test]
fn a_report_starts_where_the_one_before_ended() {
    let mut feedback = Feedback::new(1);
    feedback.packets(2, &[arrival(1, 1_000_000)]);
    let packets = feedback.packets(2, &[arrival(4, 1_100_000)]);
    assert_eq!(read(&packets[0]).packets, [(2, None), (3, None), (4, Some(4400))]);
    let packets = feedback.packets(2, &[arrival(5, 1_100_250)]);
    assert_eq!(read(&packets[0]).packets, [(5, Some(4401))]);
}

#[test]
fn the_longest_gap_is_reported() {
    let mut feedback = Feedback::new(1);
    feedback.packets(2, &[arrival(0, 1000)]);
    let report = read(&feedback.packets(2, &[arrival(2000, 2000)])[0]);
    assert_eq!(report.packets.len(), 2000);
    assert_eq!(report.arrivals().collect::<Vec<_>>(), [(2000, 8)]);
}

#[test]
fn without_arrivals_there_is_no_report() {
    assert!(Feedback::new(1).packets(2, &[]).is_empty());
}
