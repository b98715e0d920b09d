//! Routing and migration, with lanes that only remember what they were told.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use proptest::prelude::*;
use sft_common::{maps::Profile, source::SourceState};

use super::*;
use crate::dataplane::{ConferenceState, SessionKey};

const CONFERENCE: ConferenceId = ConferenceId(1);

/// A lane that keeps what it is told, and refuses what the test wants refused.
#[derive(Default)]
struct FakeLane {
    legs: BTreeMap<LegId, FakeLeg>,
    tables: BTreeMap<ConferenceId, ConferenceTable>,
    /// (leg, SSRC) and packet index of every `learned`, in the order of the calls.
    learned: Vec<(LegId, u32, u64)>,
    imported: Vec<(ConferenceId, usize)>,
    exported: BTreeSet<ConferenceId>,
    /// Calls in order, for the order that a migration must keep.
    calls: Rc<RefCell<Vec<String>>>,
    /// Pairs with this remote port, and legs with this number, are refused with `refusal`.
    refuse_port: Option<u16>,
    refuse_leg: Option<LegId>,
    refuse_tables: bool,
    refusal: Option<LaneError>,
    label: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct FakeLeg {
    key: Vec<u8>,
    accepted: BTreeSet<String>,
    selected: Option<Tuple>,
    learning: u32,
}

impl FakeLane {
    fn note(&self, call: &str) {
        self.calls.borrow_mut().push(format!("{} {call}", self.label));
    }

    fn refuse(&self, refused: bool) -> Result<(), LaneError> {
        match &self.refusal {
            Some(error) if refused => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

impl Lane for FakeLane {
    fn install_leg(&mut self, _: ConferenceId, leg: LegId, keys: &LegKeys) -> Result<(), LaneError> {
        self.note("install");
        self.refuse(self.refuse_leg == Some(leg))?;
        self.legs.insert(leg, FakeLeg { key: keys.receive.encryption.clone(), ..FakeLeg::default() });
        Ok(())
    }
    fn accept_tuple(&mut self, leg: LegId, tuple: Tuple) -> Result<(), LaneError> {
        self.note("accept");
        self.refuse(self.refuse_port == Some(tuple.remote.port()))?;
        self.legs.get_mut(&leg).expect("accept follows install").accepted.insert(format!("{tuple:?}"));
        Ok(())
    }
    fn select_tuple(&mut self, leg: LegId, tuple: Tuple) -> Result<(), LaneError> {
        self.note("select");
        self.refuse(self.refuse_port == Some(tuple.remote.port()))?;
        self.legs.get_mut(&leg).expect("select follows install").selected = Some(tuple);
        Ok(())
    }
    fn remove_leg(&mut self, leg: LegId) {
        self.legs.remove(&leg);
    }
    fn allow_learning(&mut self, leg: LegId, packets: u32) {
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.learning = packets;
        }
    }
    fn publish(&mut self, table: &ConferenceTable) -> Result<(), LaneError> {
        self.note("publish");
        self.refuse(self.refuse_tables)?;
        self.tables.insert(table.conference, table.clone());
        Ok(())
    }
    fn remove_conference(&mut self, conference: ConferenceId) {
        self.tables.remove(&conference);
    }
    fn learned(&mut self, leg: LegId, ssrc: u32, index: u64) {
        self.learned.push((leg, ssrc, index));
    }
    fn speakers(&self, _: ConferenceId) -> Speakers {
        let run = if self.label == "kernel" { 1 } else { 2 };
        let mut speakers = Speakers::default();
        speakers[1] = Some(Speaker { leg: LegId(1), run });
        speakers
    }
    fn replace_speaker(&mut self, _: ConferenceId, _: u8, _: Option<Speaker>, _: Option<LegId>) -> bool {
        self.note("replace");
        true
    }
    fn sources(&self, _: ConferenceId) -> Vec<SourceReading> {
        Vec::new()
    }
    fn slots(&self, _: ConferenceId) -> Vec<SlotReading> {
        Vec::new()
    }
    fn slot(&self, _: LegId, _: usize) -> Option<SlotReading> {
        None
    }
    fn slots_of(&self, _: LegId) -> Vec<SlotReading> {
        Vec::new()
    }
    fn take_arrivals(&mut self, _: LegId, into: &mut Vec<Arrival>) {
        into.push(Arrival { sequence: if self.label == "kernel" { 1 } else { 2 }, micros: 0 });
    }
    fn export(&mut self, conference: ConferenceId) -> Option<ConferenceState> {
        self.note("export");
        self.exported.insert(conference);
        self.tables.remove(&conference).map(|_| ConferenceState {
            sources: vec![(LegId(1), 7, SourceState::default())],
            ..ConferenceState::default()
        })
    }
    fn import(&mut self, conference: ConferenceId, state: ConferenceState) {
        self.note("import");
        self.imported.push((conference, state.sources.len()));
    }
    fn counters(&self) -> Counters {
        Counters { audio_copies: if self.label == "kernel" { 10 } else { 3 }, ..Counters::default() }
    }
}

fn not_carried(reason: &str) -> LaneError {
    LaneError::NotCarried { conference: CONFERENCE, reason: reason.into() }
}

/// Lanes whose kernel lane refuses pairs with remote port 6666 (and what else the test sets).
fn lanes(mode: Mode) -> Lanes<FakeLane, FakeLane> {
    let calls = Rc::new(RefCell::new(Vec::new()));
    let user = FakeLane { label: "user", calls: calls.clone(), ..FakeLane::default() };
    let kernel = FakeLane {
        label: "kernel",
        calls,
        refuse_port: Some(6666),
        refusal: Some(not_carried("leg 1 arrives over lo, which has no native XDP")),
        ..FakeLane::default()
    };
    Lanes::start(mode, user, || Ok::<_, String>(kernel)).expect("the fake lane loads")
}

fn keys(byte: u8) -> LegKeys {
    let key = SessionKey {
        profile: Profile::AeadAes128Gcm,
        encryption: vec![byte; 16],
        authentication: Vec::new(),
        salt: vec![byte; 12],
    };
    LegKeys { receive: key.clone(), transmit: key }
}

fn tuple(port: u16) -> Tuple {
    Tuple { local: ([192, 0, 2, 1], 3478).into(), remote: ([192, 0, 2, 2], port).into() }
}

fn table(conference: ConferenceId) -> ConferenceTable {
    ConferenceTable { conference, receivers: Vec::new(), sources: Vec::new() }
}

fn kernel(lanes: &Lanes<FakeLane, FakeLane>) -> &FakeLane {
    lanes.kernel.as_ref().expect("these lanes have a kernel lane")
}

#[test]
fn conference_stays_in_the_kernel_while_it_can() {
    let mut lanes = lanes(Mode::Auto);
    lanes.install_leg(CONFERENCE, LegId(1), &keys(1)).unwrap();
    lanes.accept_tuple(LegId(1), tuple(1000)).unwrap();
    lanes.publish(&table(CONFERENCE)).unwrap();
    assert_eq!(lanes.status(CONFERENCE).unwrap().to_string(), "kernel");
    assert!(lanes.user.legs.is_empty() && lanes.user.tables.is_empty());
    assert_eq!(lanes.speakers(CONFERENCE)[1].unwrap().run, 1);
}

#[test]
fn migration_tells_the_userspace_lane_everything_and_in_order() {
    let mut lanes = lanes(Mode::Auto);
    lanes.install_leg(CONFERENCE, LegId(1), &keys(1)).unwrap();
    lanes.accept_tuple(LegId(1), tuple(1000)).unwrap();
    lanes.select_tuple(LegId(1), tuple(1000)).unwrap();
    lanes.allow_learning(LegId(1), 50);
    lanes.learned(LegId(1), 7, 99);
    lanes.publish(&table(CONFERENCE)).unwrap();
    lanes.user.calls.borrow_mut().clear();

    lanes.accept_tuple(LegId(1), tuple(6666)).unwrap();

    assert_eq!(
        *lanes.user.calls.borrow(),
        [
            "kernel accept",
            "kernel export",
            "user install",
            "user accept",
            "user accept",
            "user select",
            "user publish",
            "user import",
            "kernel accept"
        ]
    );
    assert_eq!(
        lanes.status(CONFERENCE).unwrap().to_string(),
        "user: leg 1 arrives over lo, which has no native XDP"
    );
    let leg = &lanes.user.legs[&LegId(1)];
    assert_eq!(leg.key, vec![1; 16]);
    assert_eq!(leg.accepted.len(), 2);
    assert_eq!((leg.selected, leg.learning), (Some(tuple(1000)), 50));
    assert_eq!(lanes.user.learned, [(LegId(1), 7, 99)]);
    assert_eq!(lanes.user.imported, [(CONFERENCE, 1)]);
}

#[test]
fn migration_is_for_life_and_for_one_conference_only() {
    let mut lanes = lanes(Mode::Auto);
    let other = ConferenceId(2);
    lanes.install_leg(CONFERENCE, LegId(1), &keys(1)).unwrap();
    lanes.install_leg(other, LegId(2), &keys(2)).unwrap();
    lanes.accept_tuple(LegId(1), tuple(6666)).unwrap();
    lanes.remove_leg(LegId(1));
    lanes.install_leg(CONFERENCE, LegId(3), &keys(3)).unwrap();
    assert_eq!(lanes.status(CONFERENCE).unwrap().lane, LaneName::User);
    assert_eq!(lanes.status(other).unwrap().lane, LaneName::Kernel);
    assert!(lanes.user.legs.contains_key(&LegId(3)) && !lanes.user.legs.contains_key(&LegId(2)));
}

#[test]
fn kernel_lane_learns_of_legs_whose_packets_it_must_pass() {
    let mut lanes = lanes(Mode::Auto);
    lanes.install_leg(CONFERENCE, LegId(1), &keys(1)).unwrap();
    lanes.accept_tuple(LegId(1), tuple(6666)).unwrap();
    lanes.install_leg(CONFERENCE, LegId(2), &keys(2)).unwrap();
    lanes.accept_tuple(LegId(2), tuple(2000)).unwrap();
    lanes.publish(&table(CONFERENCE)).unwrap();
    assert!(kernel(&lanes).exported.contains(&CONFERENCE));
    assert_eq!(kernel(&lanes).legs[&LegId(2)].accepted.len(), 1);
    assert!(kernel(&lanes).tables.is_empty(), "only the carrier gets tables");
}

#[test]
fn full_map_reaches_the_caller_and_moves_nothing() {
    let mut lanes = lanes(Mode::Auto);
    let full = LaneError::Full { map: "LEGS", limit: 4 };
    let fake = lanes.kernel.as_mut().unwrap();
    (fake.refusal, fake.refuse_leg) = (Some(full.clone()), Some(LegId(5)));
    assert_eq!(lanes.install_leg(CONFERENCE, LegId(5), &keys(5)), Err(full));
    assert_eq!(lanes.status(CONFERENCE).unwrap().lane, LaneName::Kernel);
    assert!(lanes.user.legs.is_empty());
    lanes.remove_leg(LegId(5));
    assert!(lanes.legs.is_empty(), "the keys of a refused leg are forgotten");
}

#[test]
fn refused_table_leaves_the_one_before_in_force() {
    let mut lanes = lanes(Mode::Auto);
    lanes.publish(&table(CONFERENCE)).unwrap();
    let fake = lanes.kernel.as_mut().unwrap();
    fake.refuse_tables = true;
    fake.refusal = Some(LaneError::Full { map: "ENTRIES", limit: 1 });
    let mut larger = table(CONFERENCE);
    larger.receivers.push(
        crate::core::table::Receiver { leg: LegId(1), audio: vec![], video: vec![], named: vec![] }.into(),
    );
    assert!(lanes.publish(&larger).is_err());
    assert_eq!(lanes.conferences[&CONFERENCE].table, Some(table(CONFERENCE)));
}

#[test]
fn xdp_mode_refuses_instead_of_migrating() {
    let mut lanes = lanes(Mode::Xdp);
    lanes.install_leg(CONFERENCE, LegId(1), &keys(1)).unwrap();
    let refused = lanes.accept_tuple(LegId(1), tuple(6666));
    assert_eq!(refused, Err(not_carried("leg 1 arrives over lo, which has no native XDP")));
    assert_eq!(lanes.status(CONFERENCE).unwrap().lane, LaneName::Kernel);
    assert!(lanes.user.legs.is_empty());
}

#[test]
fn without_a_kernel_lane_only_xdp_mode_refuses_to_start() {
    let start = |mode| {
        Lanes::<FakeLane, FakeLane>::start(mode, FakeLane::default(), || Err("no permission"))
            .map(|lanes| lanes.initial().to_string())
    };
    assert_eq!(start(Mode::Auto), Ok("user: no permission".into()));
    assert_eq!(start(Mode::Userspace), Ok("user: asked for with --dataplane userspace".into()));
    assert_eq!(start(Mode::Xdp), Err(NoKernelLane { reason: "no permission".into() }));
}

#[test]
fn readings_come_from_the_carrier_and_counters_from_both() {
    let mut lanes = lanes(Mode::Auto);
    lanes.install_leg(CONFERENCE, LegId(1), &keys(1)).unwrap();
    let arrivals = |lanes: &mut Lanes<FakeLane, FakeLane>| {
        let mut into = Vec::new();
        lanes.take_arrivals(LegId(1), &mut into);
        into[0].sequence
    };
    assert_eq!(arrivals(&mut lanes), 1);
    lanes.accept_tuple(LegId(1), tuple(6666)).unwrap();
    assert_eq!(arrivals(&mut lanes), 2);
    assert_eq!(lanes.speakers(CONFERENCE)[1].unwrap().run, 2);
    let counters = lanes.counters();
    assert_eq!((counters.kernel.unwrap().audio_copies, counters.user.audio_copies), (10, 3));
}

#[test]
fn removed_conference_takes_its_legs_along() {
    let mut lanes = lanes(Mode::Auto);
    lanes.install_leg(CONFERENCE, LegId(1), &keys(1)).unwrap();
    lanes.install_leg(ConferenceId(2), LegId(2), &keys(2)).unwrap();
    lanes.remove_conference(CONFERENCE);
    assert_eq!(kernel(&lanes).legs.keys().collect::<Vec<_>>(), [&LegId(2)]);
    assert_eq!(lanes.legs.keys().collect::<Vec<_>>(), [&LegId(2)]);
    assert_eq!(lanes.status(CONFERENCE), None);
}

/// One call of the engine.
#[derive(Clone, Debug)]
enum Step {
    Install(u32),
    Accept(u32, u16),
    Select(u32, u16),
    Learned(u32, u32, u64),
    Allow(u32, u32),
    Remove(u32),
    Publish(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leg = 1..4u32;
    let step = prop_oneof![
        leg.clone().prop_map(Step::Install),
        (leg.clone(), 1000..1003u16).prop_map(|(l, p)| Step::Accept(l, p)),
        (leg.clone(), 1000..1003u16).prop_map(|(l, p)| Step::Select(l, p)),
        (leg.clone(), 7..9u32, 0..100u64).prop_map(|(l, s, i)| Step::Learned(l, s, i)),
        (leg.clone(), 0..10u32).prop_map(|(l, n)| Step::Allow(l, n)),
        leg.clone().prop_map(Step::Remove),
        leg.prop_map(Step::Publish),
    ];
    proptest::collection::vec(step, 0..30)
}

fn apply(lanes: &mut Lanes<FakeLane, FakeLane>, step: &Step) {
    match *step {
        Step::Install(leg) => lanes.install_leg(CONFERENCE, LegId(leg), &keys(leg as u8)),
        Step::Accept(leg, port) => lanes.accept_tuple(LegId(leg), tuple(port)),
        Step::Select(leg, port) => lanes.select_tuple(LegId(leg), tuple(port)),
        Step::Learned(leg, ssrc, index) => {
            lanes.learned(LegId(leg), ssrc, index);
            Ok(())
        }
        Step::Allow(leg, packets) => {
            lanes.allow_learning(LegId(leg), packets);
            Ok(())
        }
        Step::Remove(leg) => {
            lanes.remove_leg(LegId(leg));
            Ok(())
        }
        Step::Publish(leg) => {
            let mut table = table(CONFERENCE);
            let receiver =
                crate::core::table::Receiver { leg: LegId(leg), audio: vec![], video: vec![], named: vec![] };
            table.receivers.push(receiver.into());
            lanes.publish(&table)
        }
    }
    .expect("nothing is refused but the migration's pair");
}

proptest! {
    /// Wherever in its life a conference moves, the userspace lane ends up knowing what it would know had it
    /// carried the conference from the start.
    #[test]
    fn migration_loses_nothing(steps in steps(), at in 0..30usize) {
        let mut direct = lanes(Mode::Userspace);
        let mut moved = lanes(Mode::Auto);
        for (number, step) in steps.iter().enumerate() {
            if number == at.min(steps.len() - 1) {
                for lanes in [&mut direct, &mut moved] {
                    lanes.install_leg(CONFERENCE, LegId(9), &keys(9)).unwrap();
                    lanes.accept_tuple(LegId(9), tuple(6666)).unwrap();
                }
            }
            apply(&mut direct, step);
            apply(&mut moved, step);
        }
        prop_assert_eq!(&direct.user.legs, &moved.user.legs);
        prop_assert_eq!(&direct.user.tables, &moved.user.tables);
    }
}
