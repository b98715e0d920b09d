//! When legs get sender reports, and what stands in them.
//!
//! A report puts the RTP timestamps of a slot on our clock. Where the source of the slot has sent reports itself,
//! what they say of its timestamps is taken, moved from its clock to ours by the one difference that all its
//! streams share: so audio and video stay together. Until then the arrival of the newest packet has to do.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sft_common::maps::Kind;

use super::{Engine, Time, peer::Peer};
use crate::{
    core::{
        deadlines::Deadlines,
        table::{ConferenceId, LegId, Speakers},
    },
    dataplane::{SlotReading, user::Outbox},
    rtcp::{self, Mapping, SenderReport},
    sdp,
};

/// Between two reports of a leg.
const PERIOD: Duration = Duration::from_secs(1);
/// Legs are reported to in groups, one after the other: a thousand at the same instant would fill the queues that
/// the copies of media need.
const GROUPS: u32 = 20;
/// From one group to the next after a switch that all legs see.
const PACE: Duration = Duration::from_millis(5);
/// Between two reports of a leg, however often its slots switch.
const LEAST: Duration = Duration::from_millis(200);
/// A slot that has carried nothing for so long is no sender any more (RFC 3550 section 6.3.8: two intervals).
const LATELY: u64 = 2_000_000_000;

/// Whose turn it is.
#[derive(Default)]
pub(super) struct Turns {
    due: Deadlines<LegId>,
    /// When each leg had its last turn.
    last: HashMap<LegId, Instant>,
    /// As they were at the last look.
    speakers: HashMap<ConferenceId, Speakers>,
}

impl Turns {
    /// A leg can be sent to.
    pub(super) fn begin(&mut self, leg: LegId, now: Instant) {
        self.last.insert(leg, now);
        self.due.set(leg, now + PERIOD * (leg.0 % GROUPS) / GROUPS);
    }

    pub(super) fn end(&mut self, leg: LegId) {
        self.last.remove(&leg);
        self.due.remove(leg);
    }

    pub(super) fn forget(&mut self, conference: ConferenceId) {
        self.speakers.remove(&conference);
    }

    /// A slot of the leg has turned to another source: its timestamps have not been reported on.
    pub(super) fn hasten(&mut self, leg: LegId, now: Instant) {
        let Some(last) = self.last.get(&leg) else { return };
        let soon = now + PACE * (leg.0 % GROUPS);
        self.due.set_earliest(leg, soon.max(*last + LEAST));
    }

    /// Whether somebody has an audio slot that was not theirs at the last look.
    pub(super) fn note_speakers(&mut self, conference: ConferenceId, speakers: &Speakers) -> bool {
        let before = self.speakers.insert(conference, *speakers).unwrap_or_default();
        speakers.iter().zip(before).any(|(now, before)| now.is_some() && *now != before)
    }

    fn next(&mut self, now: Instant) -> Option<LegId> {
        let leg = self.due.pop(now)?;
        self.last.insert(leg, now);
        self.due.set(leg, now + PERIOD);
        Some(leg)
    }
}

impl Engine {
    pub(super) fn send_sender_reports(&mut self, time: Time) {
        while let Some(leg) = self.sender_reports.next(time.instant) {
            let reports = self.reports_to(leg, time.monotonic_ns);
            let Some(peer) = self.peers.get_mut(&leg) else { continue };
            for packet in rtcp::sender_reports(&reports) {
                if let Some((tuple, datagram)) = peer.seal_rtcp(&packet) {
                    self.outgoing.push(tuple, &datagram);
                }
            }
        }
    }

    /// Reports on the slots of a leg that have carried something lately.
    fn reports_to(&self, leg: LegId, now_ns: u64) -> Vec<SenderReport> {
        let Some(peer) = self.peers.get(&leg) else { return Vec::new() };
        let speakers = self.lanes.speakers(peer.conference);
        let ntp = self.wall_clock.at(now_ns);
        let slots = self.lanes.slots_of(leg).into_iter().enumerate();
        let active = slots.filter(|(_, slot)| is_active(slot, now_ns));
        active
            .filter_map(|(place, slot)| {
                let source = self.source_in(peer, place, &slot, &speakers);
                Some(SenderReport {
                    ssrc: slot.ssrc,
                    cname: self.canonical_name(peer, place, &slot, source)?,
                    ntp,
                    timestamp: self.mapping(&slot, source).timestamp_at(ntp, peer.kind_of(place)),
                    packets: slot.packets as u32,
                    octets: slot.bytes as u32,
                })
            })
            .collect()
    }

    /// The leg and the SSRC that a slot is at.
    fn source_in(
        &self,
        peer: &Peer,
        place: usize,
        slot: &SlotReading,
        speakers: &Speakers,
    ) -> Option<(LegId, u32)> {
        match peer.kind_of(place) {
            Kind::Video => peer.shown_in(place, slot.run),
            Kind::Audio if peer.is_offered(place) => self.speaker_in(place, slot.run, speakers),
            // The run of such a slot is the sender's leg.
            Kind::Audio => Some((LegId(slot.run), slot.ssrc)),
        }
    }

    /// Of an offered slot: the one that the offer gave it. All streams of a sender that go under their own names
    /// share one, by which receivers know that they belong together; without a sender there is none.
    fn canonical_name(
        &self,
        peer: &Peer,
        place: usize,
        slot: &SlotReading,
        source: Option<(LegId, u32)>,
    ) -> Option<String> {
        if peer.is_offered(place) {
            return Some(sdp::label(slot.ssrc));
        }
        let sender = self.peers.get(&source?.0)?;
        let voice = Some(sender.media_ssrc).filter(|ssrc| *ssrc != 0);
        Some(sdp::label(voice.unwrap_or(slot.ssrc)))
    }

    /// An instant of our clock, and the slot's timestamp for it.
    fn mapping(&self, slot: &SlotReading, source: Option<(LegId, u32)>) -> Mapping {
        let reported =
            source.and_then(|(leg, ssrc)| self.peers.get(&leg)?.media.as_ref()?.rtcp.reported(ssrc));
        match reported {
            Some(source) => {
                Mapping { timestamp: source.timestamp.wrapping_add(slot.timestamp_offset), ..source }
            }
            None => Mapping { ntp: self.wall_clock.at(slot.arrival_ns), timestamp: slot.timestamp },
        }
    }

    /// The leg and the SSRC that an audio slot is at in this run.
    fn speaker_in(&self, place: usize, run: u32, speakers: &Speakers) -> Option<(LegId, u32)> {
        let speaker = speakers.get(place).copied().flatten().filter(|speaker| speaker.run == run)?;
        Some((speaker.leg, self.peers.get(&speaker.leg)?.media_ssrc))
    }
}

fn is_active(slot: &SlotReading, now_ns: u64) -> bool {
    slot.arrival_ns > 0 && now_ns.saturating_sub(slot.arrival_ns) < LATELY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::table::Speaker;

    fn turns(legs: u32, start: Instant) -> Turns {
        let mut turns = Turns::default();
        (0..legs).for_each(|leg| turns.begin(LegId(leg), start));
        turns
    }

    /// All turns until then, as (ms, leg).
    fn until(turns: &mut Turns, start: Instant, from: u64, to: u64) -> Vec<(u64, u32)> {
        let mut found = Vec::new();
        for ms in (from..to).step_by(8) {
            while let Some(leg) = turns.next(start + Duration::from_millis(ms)) {
                found.push((ms, leg.0));
            }
        }
        found
    }

    #[test]
    fn every_leg_has_a_turn_a_second_and_never_all_at_once() {
        let start = Instant::now();
        let found = until(&mut turns(1000, start), start, 0, 3000);
        for leg in 0..1000 {
            let times: Vec<u64> = found.iter().filter(|turn| turn.1 == leg).map(|turn| turn.0).collect();
            assert!(times.len() == 3 || times.len() == 2, "{times:?}");
            assert!(times.windows(2).all(|pair| (1000..1009).contains(&(pair[1] - pair[0]))), "{times:?}");
        }
        let busiest = (0..3000).map(|ms| found.iter().filter(|turn| turn.0 == ms).count()).max();
        assert!(busiest <= Some(100), "{busiest:?}");
    }

    #[test]
    fn after_a_switch_all_have_one_soon_and_not_at_once() {
        let start = Instant::now();
        let mut turns = turns(1000, start);
        until(&mut turns, start, 0, 1000);
        let switch = start + Duration::from_millis(1000);
        (0..1000).for_each(|leg| turns.hasten(LegId(leg), switch));
        let found = until(&mut turns, start, 1000, 1208);
        let first = |leg| found.iter().find(|turn| turn.1 == leg).map(|turn| turn.0);
        assert!((0..1000).all(|leg| first(leg).is_some()));
        let busiest = (0..1208).map(|ms| found.iter().filter(|turn| turn.0 == ms).count()).max();
        assert!(busiest <= Some(250), "{busiest:?}");
    }

    #[test]
    fn many_switches_do_not_make_many_turns() {
        let start = Instant::now();
        let mut turns = turns(3, start);
        let mut found = Vec::new();
        for ms in (0..2000).step_by(8) {
            (0..3).for_each(|leg| turns.hasten(LegId(leg), start + Duration::from_millis(ms)));
            found.extend(until(&mut turns, start, ms, ms + 8));
        }
        assert!((24..=33).contains(&found.len()), "{found:?}");
    }

    #[test]
    fn who_has_gone_has_no_turn() {
        let start = Instant::now();
        let mut turns = turns(2, start);
        turns.end(LegId(0));
        turns.hasten(LegId(0), start);
        turns.hasten(LegId(7), start);
        assert!(until(&mut turns, start, 0, 2000).iter().all(|turn| turn.1 == 1));
    }

    #[test]
    fn only_who_gets_a_slot_counts() {
        let mut turns = Turns::default();
        let mut look = |holder: Option<(u32, u32)>| {
            let mut speakers = Speakers::default();
            speakers[3] = holder.map(|(leg, run)| Speaker { leg: LegId(leg), run });
            turns.note_speakers(ConferenceId(1), &speakers)
        };
        let looks = [None, Some((1, 1)), Some((1, 1)), None, Some((1, 2)), Some((2, 3)), None];
        assert_eq!(looks.map(&mut look), [false, true, false, false, true, true, false]);
    }

    #[test]
    fn a_slot_is_active_while_something_comes() {
        let state = sft_common::slot::SlotState { arrival: 5_000_000_000, ..Default::default() };
        let slot = SlotReading::of(LegId(1), &state);
        let active = [4_999_999_999, 5_000_000_000, 6_999_999_999, 7_000_000_000];
        assert_eq!(active.map(|now| is_active(&slot, now)), [true, true, true, false]);
        assert!(!is_active(&SlotReading { arrival_ns: 0, ..slot }, 1));
    }
}
