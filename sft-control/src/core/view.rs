//! What the CLI and metrics may know of the core.

use super::{
    Core,
    conference::State,
    table::{ConferenceId, LegId},
};

/// A conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConferenceView {
    pub conference: ConferenceId,
    pub group: String,
    /// In join order.
    pub legs: Vec<LegView>,
}

/// A leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegView {
    pub leg: LegId,
    /// The client's user hash.
    pub user: String,
    /// `offered`, `answered` or `established`.
    pub state: &'static str,
}

/// Counts, as the original's metrics have them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub calls: u64,
    pub participants: u64,
    /// Since the start.
    pub calls_total: u64,
    pub participants_total: u64,
}

impl LegView {
    pub fn is_established(&self) -> bool {
        self.state == name(State::Established)
    }
}

impl Core {
    /// All conferences, in the order of their making.
    pub fn conferences(&self) -> Vec<ConferenceView> {
        let view = |conference: &super::Conference| ConferenceView {
            conference: conference.id,
            group: conference.group.clone(),
            legs: conference
                .members
                .iter()
                .map(|member| LegView {
                    leg: member.leg,
                    user: member.user.clone(),
                    state: name(member.state),
                })
                .collect(),
        };
        self.conferences.values().map(view).collect()
    }

    pub fn totals(&self) -> Totals {
        Totals {
            calls: self.conferences.len() as u64,
            participants: self.by_leg.len() as u64,
            calls_total: self.conferences_total,
            participants_total: self.participants_total,
        }
    }
}

const fn name(state: State) -> &'static str {
    match state {
        State::Offering { .. } | State::Offered => "offered",
        State::Answered => "answered",
        State::Established => "established",
    }
}
