//! Compares what was sent with what arrived, leg by leg, and says whether the server did its work. Pure.

use std::time::Duration;

use crate::{
    checker::{Announced, Checker},
    marker::{LegId, Stream},
    plan::{Expectation, Plan},
};

/// What a leg knows at the end.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) leg: LegId,
    /// The SSRC of its audio.
    pub(crate) audio_ssrc: u32,
    /// From the first request to the participant list that names the leg.
    pub(crate) joined_after: Duration,
    /// From the first request to the first copy, if one has come.
    pub(crate) media_after: Option<Duration>,
    /// Packets sent in the measuring window, by [`Stream::index`].
    pub(crate) sent: [u64; 3],
    pub(crate) checker: Checker,
    /// The last participant list, in its order.
    pub(crate) roster: Vec<(u16, Announced)>,
    /// Legs whose properties (PROPSYNC) arrived.
    pub(crate) properties: Vec<u16>,
    /// Key frames that the server asked for.
    pub(crate) key_frames_requested: u64,
    /// The server may also just end the connection.
    pub(crate) hang_up_answered: bool,
}

/// Copies of one kind of stream, over all senders and receivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Copies {
    /// Packets sent in the measuring window.
    pub(crate) sent: u64,
    pub(crate) expected: u64,
    pub(crate) received: u64,
    pub(crate) missing: u64,
    /// Arrived where nobody wants them.
    pub(crate) unwanted: u64,
    /// These three count outside the measuring window, too.
    pub(crate) duplicate: u64,
    pub(crate) misordered: u64,
    pub(crate) wrong: u64,
}

impl Copies {
    fn add(&mut self, other: &Copies) {
        self.sent += other.sent;
        self.expected += other.expected;
        self.received += other.received;
        self.missing += other.missing;
        self.unwanted += other.unwanted;
        self.duplicate += other.duplicate;
        self.misordered += other.misordered;
        self.wrong += other.wrong;
    }
}

/// The result of one conference or, added up, of several.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// By [`Stream::index`].
    pub(crate) copies: [Copies; 3],
    /// Why the run failed; empty if it did not.
    pub(crate) reasons: Vec<String>,
}

impl Verdict {
    pub(crate) fn add(&mut self, other: Verdict) {
        for (own, others) in self.copies.iter_mut().zip(&other.copies) {
            own.add(others);
        }
        self.reasons.extend(other.reasons);
    }
}

/// Judges one conference by the outcomes of all its legs.
pub(crate) fn judge(plan: &Plan, outcomes: &[Outcome]) -> Verdict {
    let mut verdict = Verdict::default();
    for receiver in outcomes {
        let mut heard = 0;
        for sender in outcomes.iter().filter(|sender| sender.leg != receiver.leg) {
            for stream in Stream::ALL {
                let all = verdict.pair(plan, sender, receiver, stream);
                heard += u16::from(stream == Stream::Audio && all);
            }
        }
        verdict.check_speakers(plan, receiver, heard);
        verdict.check_signalling(plan, outcomes, receiver);
    }
    for sender in outcomes {
        for stream in Stream::ALL {
            verdict.copies[stream.index()].sent += sender.sent[stream.index()];
        }
    }
    verdict
}

impl Verdict {
    /// One stream of one sender at one receiver. Returns whether all of it arrived.
    fn pair(&mut self, plan: &Plan, sender: &Outcome, receiver: &Outcome, stream: Stream) -> bool {
        let (from, to) = (sender.leg.index, receiver.leg.index);
        let sent = sender.sent[stream.index()];
        let tally = receiver.checker.tallies.get(&(from, stream));
        let received = tally.map_or(0, |tally| tally.measured);
        let mut copies = Copies { received, ..Copies::default() };
        match plan.expectation(to, from, stream) {
            Expectation::All => copies.expected = sent,
            Expectation::AllOrNone if received > 0 => copies.expected = sent,
            Expectation::AllOrNone => {}
            Expectation::None => copies.unwanted = received,
        }
        copies.missing = copies.expected.saturating_sub(received);
        if let Some(tally) = tally {
            copies.duplicate = tally.duplicates;
            copies.misordered = tally.misordered;
            copies.wrong = tally.wrong;
        }
        let (conference, name) = (receiver.leg.conference, stream.name());
        if copies.missing > 0 {
            let (missing, expected) = (copies.missing, copies.expected);
            self.reasons.push(format!(
                "conference {conference}: leg {to} misses {missing} of {expected} packets of leg {from}'s {name}"
            ));
        }
        if copies.unwanted > 0 {
            self.reasons.push(format!(
                "conference {conference}: leg {to} got {received} packets of leg {from}'s {name}, which it must not get"
            ));
        }
        self.copies[stream.index()].add(&copies);
        sent > 0 && received == sent
    }

    fn check_speakers(&mut self, plan: &Plan, receiver: &Outcome, heard: u16) {
        let LegId { conference, index } = receiver.leg;
        let wanted = plan.heard(index);
        if !wanted.contains(&heard) {
            self.reasons.push(format!(
                "conference {conference}: leg {index} hears {heard} talkers instead of {wanted:?}"
            ));
        }
    }

    fn check_signalling(&mut self, plan: &Plan, outcomes: &[Outcome], leg: &Outcome) {
        let LegId { conference, index } = leg.leg;
        let mut complain =
            |what: String| self.reasons.push(format!("conference {conference}: leg {index} {what}"));
        if let Some(first) = outcomes.first()
            && first.roster != leg.roster
        {
            complain(format!("has another participant list than leg {}", first.leg.index));
        }
        if leg.roster.len() != usize::from(plan.legs) {
            complain(format!("has {} participants in its list instead of {}", leg.roster.len(), plan.legs));
        }
        if leg.roster.first().is_none_or(|(first, _)| *first != 0) {
            complain("does not have the first leg at the head of its list".into());
        }
        for (other, announced) in &leg.roster {
            let real = outcomes.iter().find(|outcome| outcome.leg.index == *other);
            if let Some(real) = real.map(|outcome| outcome.audio_ssrc).filter(|real| *real != announced.audio)
            {
                complain(format!(
                    "was told SSRC {} for leg {other}'s audio, which has {real}",
                    announced.audio
                ));
            }
        }
        let silent: Vec<u16> = (0..plan.legs)
            .filter(|other| {
                *other != index && plan.together(index, *other) && !leg.properties.contains(other)
            })
            .collect();
        if !silent.is_empty() {
            complain(format!("never got the properties of legs {silent:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{
        checker::Copy,
        source::{Moment, Source},
    };

    const PLAN: Plan = Plan {
        legs: 3,
        talking: 2,
        silence: true,
        interval: Duration::from_millis(20),
        video: false,
        high: true,
        frame_interval: Duration::from_millis(40),
        circle: u16::MAX,
        watched: 0,
        named: false,
    };

    fn announced(leg: u16) -> Announced {
        Announced { audio: 100 + u32::from(leg), video: 200 + u32::from(leg) }
    }

    /// Leg `index`, which received `received[i]` of 10 measured audio packets of leg i.
    fn outcome(index: u16, received: &[usize]) -> Outcome {
        let leg = LegId { conference: 0, index };
        let mut checker = Checker::new(1, leg, received.len() as u16, 10..17, 0..0);
        for (sender, count) in received.iter().enumerate() {
            let sender = sender as u16;
            checker.announce(sender, announced(sender));
            let from = LegId { conference: 0, index: sender };
            let mut source = Source::new(1, from, Stream::Audio, &mut StdRng::seed_from_u64(1));
            for sequence in 0..*count {
                let packet = source.audio(true, PLAN.interval, Moment { measured: true, at: Duration::ZERO });
                let copy = Copy {
                    ssrc: 10 + u32::from(sender),
                    sequence: sequence as u64,
                    timestamp: packet.timestamp,
                    csrc: &[announced(sender).audio],
                    extension: Some(0x94),
                    frame: None,
                    leaks: false,
                    report: None,
                    payload: &packet.payload,
                };
                checker.receive(&copy, Duration::ZERO);
            }
        }
        let legs = received.len() as u16;
        Outcome {
            leg,
            audio_ssrc: announced(index).audio,
            joined_after: Duration::ZERO,
            media_after: None,
            sent: [10, 0, 0],
            checker,
            roster: (0..legs).map(|leg| (leg, announced(leg))).collect(),
            properties: (0..legs).collect(),
            key_frames_requested: 0,
            hang_up_answered: true,
        }
    }

    fn good() -> Vec<Outcome> {
        vec![outcome(0, &[0, 10, 0]), outcome(1, &[10, 0, 0]), outcome(2, &[10, 10, 0])]
    }

    #[test]
    fn a_server_that_forwards_everything_passes() {
        let verdict = judge(&PLAN, &good());
        assert_eq!(verdict.reasons, [""; 0]);
        let copies = verdict.copies[0];
        assert_eq!((copies.sent, copies.expected, copies.received, copies.missing), (30, 40, 40, 0));
    }

    #[test]
    fn a_missing_copy_is_found() {
        let mut outcomes = good();
        outcomes[2] = outcome(2, &[10, 9, 0]);
        let verdict = judge(&PLAN, &outcomes);
        assert_eq!(verdict.copies[0].missing, 1);
        assert!(
            verdict.reasons[0].contains("leg 2 misses 1 of 10 packets of leg 1's audio"),
            "{:?}",
            verdict.reasons
        );
    }

    #[test]
    fn silence_that_is_forwarded_is_found() {
        let mut outcomes = good();
        outcomes[0] = outcome(0, &[0, 10, 3]);
        let verdict = judge(&PLAN, &outcomes);
        assert_eq!(verdict.copies[0].unwanted, 3);
        assert_eq!(verdict.reasons.len(), 1);
    }

    #[test]
    fn too_few_speakers_are_found() {
        let plan = Plan { legs: 9, talking: 8, ..PLAN };
        let audio = |index: u16, heard: u16| -> Vec<usize> {
            (0..9).map(|sender| if sender != index && sender < heard { 10 } else { 0 }).collect()
        };
        let all = |heard: u16| (0..9).map(|index| outcome(index, &audio(index, heard))).collect::<Vec<_>>();
        assert_eq!(judge(&plan, &all(7)).reasons, [""; 0]);
        let few = judge(&plan, &all(6)).reasons;
        assert!(few.iter().any(|reason| reason.contains("leg 8 hears 6 talkers")), "{few:?}");
    }

    #[test]
    fn differing_lists_are_found() {
        let mut outcomes = good();
        outcomes[1].roster.swap(1, 2);
        assert!(judge(&PLAN, &outcomes).reasons[0].contains("leg 1 has another participant list"));
    }

    #[test]
    fn a_wrongly_announced_ssrc_is_found() {
        let mut outcomes = good();
        outcomes[2].audio_ssrc = 5;
        assert!(
            judge(&PLAN, &outcomes)
                .reasons
                .iter()
                .all(|reason| reason.contains("SSRC 102 for leg 2's audio"))
        );
    }

    #[test]
    fn missing_properties_are_found() {
        let mut outcomes = good();
        outcomes[0].properties = vec![1];
        assert_eq!(
            judge(&PLAN, &outcomes).reasons,
            ["conference 0: leg 0 never got the properties of legs [2]"]
        );
    }
}
