//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): when each packet came. The
//! sender's bitrate follows it.

use rtcp_types::{TransportFeedback, Twcc, TwccPacketStatus};

use super::bytes;
use crate::dataplane::Arrival;

/// Bytes of the control information of one packet; with headers and tag it fits every path.
const LARGEST: usize = 1000;
/// Packets between two arrivals that are reported as not received; beyond, the sender has started anew.
const LARGEST_GAP: i32 = 2000;
/// Unit of the reference time, in us.
const REFERENCE: u64 = 64_000;
/// Unit of the differences, in us.
const TICK: u64 = 250;

/// Reports the arrivals of one leg.
#[derive(Debug)]
pub struct Feedback {
    /// Sender of our feedback.
    ssrc: u32,
    count: u8,
    /// Sequence number behind the last one reported.
    next: Option<u16>,
}

impl Feedback {
    /// `ssrc`: ours, as sender of RTCP.
    pub fn new(ssrc: u32) -> Self {
        Feedback { ssrc, count: 0, next: None }
    }

    /// Packets that report these arrivals, which are in order of their numbers. `media_ssrc`: any stream of
    /// the sender.
    pub fn packets(&mut self, media_ssrc: u32, arrivals: &[Arrival]) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut rest = arrivals;
        while let Some(first) = rest.first() {
            let base = self.base(first.sequence);
            let run = Run::collect(base, rest);
            let reference = (run.reference & 0xff_ffff) as u32;
            let builder = Twcc::builder(base, reference, self.count, &run.statuses, Some(LARGEST));
            let covered = builder.packet_status_count();
            if covered == 0 {
                break;
            }
            let taken = run.arrivals_within(covered);
            let end = base.wrapping_add(covered as u16);
            let packet = TransportFeedback::builder(&builder).sender_ssrc(self.ssrc).media_ssrc(media_ssrc);
            packets.extend(bytes(&packet));
            self.count = self.count.wrapping_add(1);
            self.next = Some(end);
            rest = rest.get(taken..).unwrap_or(&[]);
            if taken == 0 {
                break;
            }
        }
        packets
    }

    /// Where the next packet starts: behind the last one, so that a gap is reported as a loss, unless the
    /// number is an old one or far away.
    fn base(&self, first: u16) -> u16 {
        match self.next {
            Some(next) if (0..LARGEST_GAP).contains(&i32::from(first.wrapping_sub(next) as i16)) => next,
            _ => first,
        }
    }
}

/// Consecutive numbers from a base on.
struct Run {
    reference: u64,
    statuses: Vec<TwccPacketStatus>,
    /// Place of each arrival among the statuses.
    places: Vec<usize>,
}

impl Run {
    fn collect(base: u16, arrivals: &[Arrival]) -> Run {
        let reference = arrivals.first().map_or(0, |arrival| arrival.micros / REFERENCE);
        let mut run = Run { reference, statuses: Vec::new(), places: Vec::new() };
        let mut before = reference * REFERENCE / TICK;
        for arrival in arrivals {
            let place = usize::from(arrival.sequence.wrapping_sub(base));
            // A number that came twice, or that does not belong here any more.
            if place < run.statuses.len() || place > run.statuses.len() + LARGEST_GAP as usize {
                break;
            }
            let ticks = arrival.micros / TICK;
            let Ok(delta) = i16::try_from(ticks as i64 - before as i64) else { break };
            before = ticks;
            run.statuses.resize(place, TwccPacketStatus::NotReceived);
            run.places.push(place);
            run.statuses.push(TwccPacketStatus::Received { delta });
        }
        if run.places.is_empty() {
            // The first arrival cannot be expressed; it counts as reported, so that the others go on.
            run.statuses.push(TwccPacketStatus::NotReceived);
            run.places.push(0);
        }
        run
    }

    /// Arrivals among the first `covered` statuses.
    fn arrivals_within(&self, covered: usize) -> usize {
        self.places.iter().take_while(|place| **place < covered).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rtcp_types::{Compound, Packet};

    use super::*;

    /// What a packet says: number and arrival in ticks since time 0 of the 24-bit reference.
    fn read(packet: &[u8]) -> Vec<(u16, Option<i64>)> {
        let Some(Ok(Packet::TransportFeedback(feedback))) = Compound::parse(packet).unwrap().next() else {
            panic!("no feedback")
        };
        let report = feedback.parse_fci::<Twcc<'_>>().unwrap();
        let mut time = i64::from(report.reference_time()) * 256;
        let statuses = report.packets().map(|status| match status.unwrap() {
            (number, TwccPacketStatus::NotReceived) => (number, None),
            (number, TwccPacketStatus::Received { delta }) => {
                time += i64::from(delta);
                (number, Some(time))
            }
        });
        statuses.collect()
    }

    fn arrival(sequence: u16, micros: u64) -> Arrival {
        Arrival { sequence, micros }
    }

    #[test]
    fn a_gap_is_reported_as_not_received() {
        let mut feedback = Feedback::new(1);
        let packets = feedback.packets(2, &[arrival(65534, 1_000_000), arrival(1, 1_020_000)]);
        assert_eq!(packets.len(), 1);
        assert_eq!(read(&packets[0]), [(65534, Some(4000)), (65535, None), (0, None), (1, Some(4080))]);
        // The next packet starts where this one ended.
        let packets = feedback.packets(2, &[arrival(4, 1_100_000)]);
        assert_eq!(read(&packets[0]), [(2, None), (3, None), (4, Some(4400))]);
    }

    #[test]
    fn packets_are_counted() {
        let mut feedback = Feedback::new(1);
        for count in 0..3 {
            let packets = feedback.packets(2, &[arrival(count, 1000)]);
            assert_eq!(packets[0][12 + 7], count as u8);
        }
    }

    #[test]
    fn a_sender_that_starts_anew_is_followed() {
        let mut feedback = Feedback::new(1);
        feedback.packets(2, &[arrival(10, 1000)]);
        let packets = feedback.packets(2, &[arrival(30_000, 2000)]);
        assert_eq!(read(&packets[0])[0].0, 30_000);
    }

    proptest! {
        #[test]
        fn every_arrival_is_reported_once_at_its_time(
            start: u16,
            steps in prop::collection::vec((1..20_u16, 0..70_000_u64), 1..400),
        ) {
            let mut arrivals = Vec::new();
            let (mut sequence, mut micros) = (start, 5_000_000);
            for (step, pause) in steps {
                sequence = sequence.wrapping_add(step);
                micros += pause;
                arrivals.push(arrival(sequence, micros));
            }
            let packets = Feedback::new(1).packets(2, &arrivals);
            let reported: Vec<_> = packets
                .iter()
                .flat_map(|packet| read(packet))
                .filter_map(|(number, time)| Some((number, time?)))
                .collect();
            let expected: Vec<_> =
                arrivals.iter().map(|arrival| (arrival.sequence, (arrival.micros / TICK) as i64)).collect();
            prop_assert_eq!(reported, expected);
            prop_assert!(packets.iter().all(|packet| packet.len() <= LARGEST + 12));
        }
    }
}
