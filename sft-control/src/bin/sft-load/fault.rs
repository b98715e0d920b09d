//! What can be wrong with what a server sends, counted, with the first few cases of each kind described.

use std::fmt;

use serde::Serialize;

/// Cases described per kind; the others are only counted.
const DESCRIBED: usize = 3;

/// One kind of misbehaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// SRTP refused the packet: not authentic, replayed, or of an SSRC that was not offered.
    Refused,
    /// The payload is not as it was sent.
    Payload,
    /// From another conference or another load client.
    Foreign,
    /// A leg's own packet.
    Echo,
    /// Not exactly the one CSRC that the participant list announces.
    Csrc,
    /// Right source, wrong slot.
    Slot,
    /// A video that this slot was not asked to carry, or the other layer of it.
    Unselected,
    /// Audio level or frame descriptor were not passed on.
    Extension,
    /// An extension that was meant for the server alone was passed on.
    Leak,
    /// Frames are not numbered on at a switch, or not as far apart as at the sender.
    FrameNumber,
    /// The RTP timestamps of a source do not advance as at the sender, or do not follow the clock at a switch.
    Timestamp,
    /// No sender report on a slot, or one that puts the streams of a sender apart.
    SenderReport,
    /// Arrived behind a later packet.
    Order,
    Duplicate,
    /// The output numbers tell of a loss that did not happen.
    InventedLoss,
    /// The output numbers hide a loss.
    HiddenLoss,
    /// A source enters a video slot with something else than the start of a key frame.
    NoKeyFrame,
    /// A message that a stock client would not understand, or that has wrong contents.
    Signalling,
    /// A PING without an answer.
    Ping,
    /// The receiving socket of this client was full: our own loss.
    SocketFull,
}

/// Faults of one leg.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Few kinds occur, so a list is enough.
    kinds: Vec<(Fault, u64, Vec<String>)>,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault, description: fmt::Arguments<'_>) {
        self.add_many(fault, 1, description);
    }

    /// Counts `count` cases with one description.
    pub(crate) fn add_many(&mut self, fault: Fault, count: u64, description: fmt::Arguments<'_>) {
        let place = self.kinds.iter().position(|(kind, ..)| *kind == fault).unwrap_or_else(|| {
            self.kinds.push((fault, 0, Vec::new()));
            self.kinds.len() - 1
        });
        let (_, total, described) = &mut self.kinds[place];
        *total += count;
        if described.len() < DESCRIBED {
            described.push(description.to_string());
        }
    }

    #[cfg(test)]
    pub(crate) fn count(&self, fault: Fault) -> u64 {
        self.kinds.iter().find(|(kind, ..)| *kind == fault).map_or(0, |(_, count, _)| *count)
    }

    /// Cases of all kinds.
    pub(crate) fn total(&self) -> u64 {
        self.kinds.iter().map(|(_, count, _)| count).sum()
    }

    /// Kind, number of cases, and descriptions of the first ones.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Fault, u64, &[String])> {
        self.kinds.iter().map(|(kind, count, described)| (*kind, *count, described.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cases_are_counted_and_the_first_ones_described() {
        let mut faults = Faults::default();
        assert_eq!(faults.total(), 0);
        for case in 0..10 {
            faults.add(Fault::Order, format_args!("case {case}"));
        }
        faults.add_many(Fault::InventedLoss, 7, format_args!("gap"));
        assert_eq!(faults.count(Fault::Order), 10);
        assert_eq!(faults.count(Fault::InventedLoss), 7);
        assert_eq!(faults.count(Fault::Csrc), 0);
        assert_eq!(faults.total(), 17);
        let (_, _, described) = faults.iter().next().unwrap();
        assert_eq!(described, ["case 0", "case 1", "case 2"]);
    }
}
