//! Who sends what in a conference, who watches whom, and which copies must therefore arrive: the rules of
//! sft-protocol.md 10.4 and 10.5 for legs that keep talking and keep sending both layers.

use std::time::Duration;

use crate::{marker::Stream, offer::AUDIO_SLOTS};

/// How many may speak at the same time.
const SPEAKERS: u16 = AUDIO_SLOTS as u16;

/// One conference's plan; legs are numbered in join order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) legs: u16,
    /// The first so many legs talk.
    pub(crate) talking: u16,
    /// The others send silence; else nothing.
    pub(crate) silence: bool,
    /// Between two audio packets of a leg.
    pub(crate) interval: Duration,
    pub(crate) video: bool,
    /// Both layers of it; else the lower one.
    pub(crate) high: bool,
    /// Between two pictures of a video.
    pub(crate) frame_interval: Duration,
    /// Legs that authorise each other: the first so many, the next so many, ...
    pub(crate) circle: u16,
    /// Videos that each leg watches; less than `legs`.
    pub(crate) watched: u16,
    /// Legs have no slots and watch everybody they watch in the same way.
    pub(crate) named: bool,
}

/// An entry of a video selection; its place in the list is the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Selected {
    pub(crate) sender: u16,
    /// The higher layer.
    pub(crate) high: bool,
}

impl Selected {
    pub(crate) fn stream(self) -> Stream {
        if self.high { Stream::High } else { Stream::Low }
    }
}

/// The two selections each leg makes, so that every slot changes hands once before the measuring window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    First,
    Final,
}

/// Which of a stream's packets must arrive at a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expectation {
    All,
    None,
    /// More talk than there are slots: either all or none, depending on who got a slot.
    AllOrNone,
}

impl Plan {
    pub(crate) fn is_talking(&self, leg: u16) -> bool {
        leg < self.talking
    }

    pub(crate) fn sends_audio(&self, leg: u16) -> bool {
        self.silence || self.is_talking(leg)
    }

    /// The layer of who selects none.
    pub(crate) fn best_layer(&self) -> Stream {
        if self.high { Stream::High } else { Stream::Low }
    }

    /// Whether the legs authorise each other.
    pub(crate) fn together(&self, one: u16, other: u16) -> bool {
        one / self.circle == other / self.circle
    }

    /// What `receiver` must get in the measuring window of a stream of `sender`.
    pub(crate) fn expectation(&self, receiver: u16, sender: u16, stream: Stream) -> Expectation {
        if receiver == sender || !self.together(receiver, sender) {
            return Expectation::None;
        }
        match stream {
            Stream::Audio if !self.is_talking(sender) => Expectation::None,
            Stream::Audio if self.talking <= SPEAKERS => Expectation::All,
            Stream::Audio => Expectation::AllOrNone,
            Stream::Low | Stream::High => {
                let selection = self.selection(receiver, Round::Final);
                let watched = selection.iter().any(|s| s.sender == sender && s.stream() == stream);
                if watched { Expectation::All } else { Expectation::None }
            }
        }
    }

    /// How many talkers `receiver` hears in the end. A server may choose the speakers per receiver, or once per
    /// conference; then a receiver that is one of them hears one less.
    pub(crate) fn heard(&self, receiver: u16) -> std::ops::RangeInclusive<u16> {
        let hears = |sender: &u16| *sender != receiver && self.together(receiver, *sender);
        let others = (0..self.talking).filter(hears).count() as u16;
        let most = others.min(SPEAKERS);
        let least = if self.is_talking(receiver) { others.min(SPEAKERS - 1) } else { most };
        least..=most
    }

    /// Neighbours in the ring of the circle, with alternating layers. The first round is shifted by one, with the
    /// layers swapped. Without slots there is nothing to select: what is watched is the same in both.
    pub(crate) fn selection(&self, receiver: u16, round: Round) -> Vec<Selected> {
        if !self.video {
            return Vec::new();
        }
        let (first, place_of_receiver) = (receiver - receiver % self.circle, receiver % self.circle);
        let size = self.circle.min(self.legs - first);
        // The last circle may be smaller than the others.
        let Some(others) = size.checked_sub(1).filter(|others| *others > 0) else { return Vec::new() };
        let shift = u16::from(round == Round::First && !self.named);
        let entry = |place: u16| {
            // Widened, because legs may be as many as the type holds.
            let distance = 1 + u32::from((place + shift) % others);
            let sender = first + ((u32::from(place_of_receiver) + distance) % u32::from(size)) as u16;
            Selected { sender, high: self.high && (self.named || (receiver ^ place ^ shift) & 1 == 0) }
        };
        (0..self.watched.min(others)).map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const PLAN: Plan = Plan {
        legs: 8,
        talking: 5,
        silence: true,
        interval: Duration::from_millis(20),
        video: true,
        high: true,
        frame_interval: Duration::from_millis(40),
        circle: 8,
        watched: 3,
        named: false,
    };

    #[test]
    fn as_many_talkers_as_there_are_slots_are_all_heard() {
        for receiver in 0..8 {
            for sender in 0..8 {
                let wanted = receiver != sender && sender < 5;
                let expected = if wanted { Expectation::All } else { Expectation::None };
                assert_eq!(
                    PLAN.expectation(receiver, sender, Stream::Audio),
                    expected,
                    "{sender} to {receiver}"
                );
            }
        }
        assert_eq!(PLAN.heard(7), 5..=5);
        assert_eq!(PLAN.heard(0), 4..=4);
    }

    #[test]
    fn of_more_talkers_as_many_are_heard_as_there_are_slots() {
        let talking = SPEAKERS + 2;
        let plan = Plan { legs: talking + 1, talking, circle: talking + 1, ..PLAN };
        assert_eq!(plan.expectation(talking, 6, Stream::Audio), Expectation::AllOrNone);
        assert_eq!(plan.heard(talking), SPEAKERS..=SPEAKERS);
        // Perhaps one of those heard itself.
        assert_eq!(plan.heard(3), SPEAKERS - 1..=SPEAKERS);
    }

    #[test]
    fn silence_is_not_heard() {
        let plan = Plan { talking: 0, ..PLAN };
        assert_eq!(plan.expectation(3, 0, Stream::Audio), Expectation::None);
        assert_eq!(plan.expectation(0, 3, Stream::Audio), Expectation::None);
        assert_eq!(plan.heard(3), 0..=0);
    }

    #[test]
    fn of_who_sends_nothing_nothing_is_expected() {
        let plan = Plan { talking: 0, silence: false, ..PLAN };
        assert_eq!(plan.expectation(3, 0, Stream::Audio), Expectation::None);
    }

    #[test]
    fn nobody_hears_or_watches_another_circle() {
        // The last one has two legs.
        let plan = Plan { legs: 8, circle: 3, talking: 2, watched: 2, ..PLAN };
        assert_eq!(plan.expectation(2, 0, Stream::Audio), Expectation::All);
        assert_eq!(plan.expectation(3, 0, Stream::Audio), Expectation::None);
        assert_eq!((plan.heard(2), plan.heard(3)), (2..=2, 0..=0));
        for receiver in 0..8 {
            let senders: Vec<u16> = plan.selection(receiver, Round::Final).iter().map(|s| s.sender).collect();
            assert_eq!(senders.len(), if receiver < 6 { 2 } else { 1 });
            assert!(senders.iter().all(|sender| *sender != receiver && plan.together(receiver, *sender)));
        }
    }

    #[test]
    fn with_one_layer_only_the_lower_is_watched() {
        let plan = Plan { high: false, ..PLAN };
        assert!(plan.selection(3, Round::Final).iter().all(|selected| !selected.high));
    }

    #[test]
    fn without_slots_all_are_watched_in_the_higher_layer() {
        let plan = Plan { watched: 7, named: true, ..PLAN };
        let [first, last] = [Round::First, Round::Final].map(|round| plan.selection(2, round));
        assert_eq!(first, last);
        let senders: BTreeSet<u16> = first.iter().map(|selected| selected.sender).collect();
        assert_eq!(senders, BTreeSet::from([0, 1, 3, 4, 5, 6, 7]));
        assert!(first.iter().all(|selected| selected.high));
    }

    #[test]
    fn watched_layers_are_expected_and_others_are_not() {
        for Selected { sender, high } in PLAN.selection(6, Round::Final) {
            let (yes, no) = if high { (Stream::High, Stream::Low) } else { (Stream::Low, Stream::High) };
            assert_eq!(PLAN.expectation(6, sender, yes), Expectation::All);
            assert_eq!(PLAN.expectation(6, sender, no), Expectation::None);
        }
        assert_eq!(PLAN.expectation(0, 7, Stream::High), Expectation::None);
    }

    proptest! {
        #[test]
        fn a_selection_has_distinct_others(legs in 2u16..60, watched in 1u16..33, receiver in 0u16..60) {
            let (receiver, watched) = (receiver % legs, watched.min(legs - 1));
            let plan = Plan { legs, talking: 0, circle: legs, watched, ..PLAN };
            for round in [Round::First, Round::Final] {
                let selection = plan.selection(receiver, round);
                let senders: BTreeSet<u16> = selection.iter().map(|selected| selected.sender).collect();
                prop_assert_eq!(senders.len(), usize::from(watched));
                prop_assert!(!senders.contains(&receiver));
                prop_assert!(senders.iter().all(|sender| *sender < legs));
            }
        }

        #[test]
        fn every_slot_changes_hands_between_the_rounds(legs in 2u16..60, receiver in 0u16..60) {
            let (receiver, watched) = (receiver % legs, (legs - 1).min(9));
            let plan = Plan { legs, talking: 0, circle: legs, watched, ..PLAN };
            let (first, last) = (plan.selection(receiver, Round::First), plan.selection(receiver, Round::Final));
            for (before, after) in first.iter().zip(&last) {
                prop_assert_ne!(before, after);
            }
        }
    }
}
