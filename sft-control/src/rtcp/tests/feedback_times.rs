//! Times: a reference in units of 64 ms modulo 2^24, differences in units of 250 us, negative and large ones.

use super::transport_wide::read;
use crate::{dataplane::Arrival, rtcp::Feedback};

fn arrival(sequence: u16, micros: u64) -> Arrival {
    Arrival { sequence, micros }
}

#[test]
fn arrivals_may_be_in_another_order_than_their_numbers() {
    let arrivals = [arrival(1, 1_000_000), arrival(2, 940_000), arrival(3, 1_000_250)];
    let packets = Feedback::new(1).packets(2, &arrivals);
    assert_eq!(read(&packets[0]).packets, [(1, Some(4000)), (2, Some(3760)), (3, Some(4001))]);
}

/// The largest difference is 32767 ticks, a good 8 s.
#[test]
fn a_longer_pause_starts_another_packet() {
    let most = 32_767 * 250;
    let packets = Feedback::new(1).packets(2, &[arrival(1, 0), arrival(2, most), arrival(4, 2 * most + 250)]);
    let reports: Vec<_> = packets.iter().map(|packet| read(packet).packets).collect();
    assert_eq!(reports, [vec![(1, Some(0)), (2, Some(32_767))], vec![(3, None), (4, Some(65_535))]]);
}

#[test]
fn the_reference_time_wraps() {
    let wrap = (1 << 24) * 64_000;
    let mut feedback = Feedback::new(1);
    let before = read(&feedback.packets(2, &[arrival(1, wrap - 1000), arrival(2, wrap + 500)])[0]);
    assert_eq!(before.reference, 0xff_ffff);
    assert_eq!(before.arrivals().map(|(_, time)| time - (1 << 32)).collect::<Vec<_>>(), [-4, 2]);
    let after = read(&feedback.packets(2, &[arrival(3, wrap + 64_000)])[0]);
    assert_eq!((after.reference, after.packets), (1, vec![(3, Some(256))]));
}
