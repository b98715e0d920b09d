//! The promises of slots under loss, reordering, duplicates, wraps, switches and several CPUs: no
//! output index twice, no loss hidden, no gap invented.

mod world;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sft_common::{
    drops::DropReason,
    extension::KeyframeMark,
    maps::Kind,
    slot::{MAX_TIMESTAMP_STEP, Outgoing},
};
use world::{Entry, OUT_START, Outcome, Sent, World};

const SOURCES: usize = 6;
const CPUS: usize = 3;

/// One packet of a plan: what its sender and the network do to it.
#[derive(Clone, Debug)]
struct Packet {
    padding_only: bool,
    loud: bool,
    mark: KeyframeMark,
    /// It begins a frame, so many numbers behind the one before it.
    begins: Option<u16>,
    lost: bool,
    /// Places it arrives behind its turn.
    late: usize,
    /// It arrives a second time, this many places behind its turn.
    again: Option<usize>,
    cpu: usize,
    again_cpu: usize,
}

/// Something that happens between two arrivals.
#[derive(Clone, Debug)]
enum Event {
    /// In ms.
    Pass(u64),
    Turns(Vec<usize>),
    Subscribe(usize, bool),
    EndOldSubscriptions,
    ReplaceSpeaker(usize, Option<usize>),
}

#[derive(Clone, Debug)]
struct Plan {
    /// First index of each source.
    starts: Vec<u64>,
    /// Number of the last frame before that.
    frames: Vec<u16>,
    /// Packets by source.
    streams: Vec<Vec<Packet>>,
    /// One behind each arrival, as long as there are some.
    events: Vec<Event>,
}

fn packet() -> impl Strategy<Value = Packet> {
    let mark = prop::sample::select(vec![
        KeyframeMark::NotStart,
        KeyframeMark::NotStart,
        KeyframeMark::NotStart,
        KeyframeMark::Start,
        KeyframeMark::Unmarked,
    ]);
    let late = prop_oneof![5 => Just(0_usize), 2 => 1..4_usize, 1 => 4..30_usize];
    let again = prop::option::weighted(0.1, 0..20_usize);
    let begins = prop::option::of(prop_oneof![6 => 1..4_u16, 1 => 1..2000_u16]);
    (prop::bool::weighted(0.2), (mark, begins), prop::bool::weighted(0.1), late, again, 0..CPUS, 0..CPUS)
        .prop_map(|(padding_only, (mark, begins), lost, late, again, cpu, again_cpu)| Packet {
            padding_only,
            loud: true,
            mark,
            begins: begins.filter(|_| mark != KeyframeMark::Unmarked && !padding_only),
            lost,
            late,
            again,
            cpu,
            again_cpu,
        })
}

/// Packets in stretches of speech and silence.
fn stream() -> impl Strategy<Value = Vec<Packet>> {
    prop::collection::vec((any::<bool>(), prop::collection::vec(packet(), 1..15)), 1..6).prop_map(
        |stretches| {
            let speak = |(loud, stretch): (bool, Vec<Packet>)| {
                stretch.into_iter().map(move |packet| Packet { loud, ..packet })
            };
            stretches.into_iter().flat_map(speak).collect()
        },
    )
}

/// The CPUs get on with their work, or time passes.
fn turns() -> BoxedStrategy<Event> {
    let pass = prop_oneof![5 => 0..40_u64, 1 => 0..2000_u64, 1 => 0..u64::from(u32::MAX)];
    prop_oneof![
        3 => prop::collection::vec(0..CPUS, 0..8).prop_map(Event::Turns),
        1 => pass.prop_map(Event::Pass),
    ]
    .boxed()
}

/// As [`turns`], and the tables change.
fn event(kind: Kind) -> BoxedStrategy<Event> {
    match kind {
        Kind::Video => prop_oneof![
            16 => turns(),
            2 => (0..SOURCES, any::<bool>()).prop_map(|(source, wait)| Event::Subscribe(source, wait)),
            1 => Just(Event::EndOldSubscriptions),
        ]
        .boxed(),
        Kind::Audio => prop_oneof![
            16 => turns(),
            2 => (0..4_usize, prop::option::of(0..SOURCES))
                .prop_map(|(slot, next)| Event::ReplaceSpeaker(slot, next)),
        ]
        .boxed(),
    }
}

fn plan(event: BoxedStrategy<Event>) -> impl Strategy<Value = Plan> {
    let start = prop_oneof![1..10_u64, 65_500..65_536_u64];
    (
        (prop::collection::vec(start, SOURCES), prop::collection::vec(any::<u16>(), SOURCES)),
        prop::collection::vec(stream(), SOURCES),
        prop::collection::vec(event, 0..300),
    )
        .prop_map(|((starts, frames), streams, events)| Plan { starts, frames, streams, events })
}

/// All arrivals in their order, as (CPU, packet). The order of different sources is mixed by position.
fn arrivals(plan: &Plan) -> Vec<(usize, Sent)> {
    let mut all = Vec::new();
    for (source, stream) in plan.streams.iter().enumerate() {
        let mut frame = plan.frames[source];
        for (n, packet) in stream.iter().enumerate() {
            frame = frame.wrapping_add(packet.begins.unwrap_or(0));
            let sent = Sent {
                source,
                index: plan.starts[source] + n as u64,
                padding_only: packet.padding_only,
                level: if packet.loud { 20 } else { 127 },
                mark: packet.mark,
                frame: packet.begins.map(|_| frame),
            };
            if packet.lost {
                continue;
            }
            all.push((n + packet.late, packet.cpu, sent));
            if let Some(again) = packet.again {
                all.push((n + again, packet.again_cpu, sent));
            }
        }
    }
    all.sort_by_key(|arrival| arrival.0);
    all.into_iter().map(|(_, cpu, sent)| (cpu, sent)).collect()
}

fn run(kind: Kind, plan: &Plan) -> World {
    let mut world = World::new(kind, &plan.starts, CPUS);
    if kind == Kind::Video {
        world.subscribe(0, false);
    }
    let mut events = plan.events.iter();
    for (cpu, sent) in arrivals(plan) {
        world.arrive(cpu, sent);
        match events.next() {
            // Without further plans the CPUs keep up.
            None => world.finish(),
            Some(Event::Turns(cpus)) => {
                for cpu in cpus {
                    world.turn(*cpu);
                }
            }
            Some(Event::Pass(time)) => world.pass(time * 1_000_000),
            Some(Event::Subscribe(source, wait)) => world.subscribe(*source, *wait),
            Some(Event::EndOldSubscriptions) => world.end_old_subscriptions(),
            Some(Event::ReplaceSpeaker(slot, next)) => world.replace_speaker(*slot, *next),
        }
    }
    world.finish();
    world
}

/// Copies handed out in one run of one slot.
#[derive(Default)]
struct Run {
    /// By output index: the packet and the place it got.
    out: BTreeMap<u64, (Sent, Outgoing)>,
    /// Arrivals, likewise.
    arrivals: BTreeMap<u64, u64>,
}

/// By slot, then by run.
type Runs = BTreeMap<usize, BTreeMap<u64, Run>>;

fn runs(journal: &[Entry]) -> Result<Runs, TestCaseError> {
    let mut runs = Runs::new();
    let mut used = BTreeSet::new();
    for Entry { sent, arrival, outcome } in journal {
        if let Outcome::Copied(slot, run, Ok(place)) = outcome {
            prop_assert!(used.insert((*slot, place.index)), "index {} of slot {} twice", place.index, slot);
            let run = runs.entry(*slot).or_default().entry(*run).or_default();
            run.out.insert(place.index, (*sent, *place));
            run.arrivals.insert(place.index, *arrival);
        }
    }
    Ok(runs)
}

/// Runs follow each other without a gap, and the first starts where it was told.
fn runs_are_adjacent(runs: &Runs) -> Result<(), TestCaseError> {
    for slot in runs.values() {
        let mut next = OUT_START;
        for run in slot.values() {
            prop_assert_eq!(run.out.keys().next(), Some(&next));
            next = run.out.keys().next_back().map_or(next, |last| last + 1);
        }
    }
    Ok(())
}

/// Where a packet is missing.
#[derive(Clone, Copy)]
struct At {
    slot: usize,
    run: u64,
    /// There are later runs.
    over: bool,
    /// It was sent before the first frame that the run has a number for.
    unframed: bool,
}

/// May this be why a packet is missing in a run of a slot?
///
/// While `steady`, when the tables do not change, only the network's doing may: the packet came too late
/// for the numbers, for the stretch of speech (`over`) or for the slot. A change of tables may send a
/// packet elsewhere besides.
fn explains(outcome: &Outcome, at: At, steady: bool) -> bool {
    let At { slot, run, over, unframed } = at;
    let at = (slot, run);
    match outcome {
        Outcome::Refused(DropReason::BeforeBase) => over || !steady,
        Outcome::Refused(DropReason::Replay | DropReason::TooOld) => true,
        Outcome::Refused(DropReason::NoReceiver | DropReason::NoAudioSlot) => !steady,
        Outcome::Refused(_) => false,
        Outcome::Copied(slot, run, Err(DropReason::Superseded)) if (*slot, *run) == at => true,
        Outcome::Copied(slot, run, Err(DropReason::BeforeBase)) if (*slot, *run) == at => unframed,
        // It overtook the key frame that the slot waited for.
        Outcome::Copied(slot, run, Err(DropReason::AwaitingKeyframe)) if (*slot, *run) == at => !steady,
        Outcome::Copied(slot, run, _) => (*slot, *run) != at && !steady,
    }
}

/// Every index that a run leaves out is a packet that did not arrive in time, and every such packet
/// leaves one out.
fn gaps_are_losses(journal: &[Entry], runs: &Runs, steady: bool) -> Result<(), TestCaseError> {
    let mut fates: BTreeMap<(usize, u64), Vec<Outcome>> = BTreeMap::new();
    for Entry { sent, outcome, .. } in journal {
        fates.entry((sent.source, sent.index)).or_default().push(*outcome);
    }
    let fate = |source, index| fates.get(&(source, index)).map_or(&[][..], Vec::as_slice);
    let skipped = |outcome: &Outcome| matches!(outcome, Outcome::Refused(DropReason::PaddingOnly));
    for (slot, runs) in runs {
        for (number, run) in runs {
            let over = runs.range(number + 1..).next().is_some();
            let places: Vec<_> = run.out.iter().collect();
            let framed = run.out.values().find(|(sent, _)| sent.frame.is_some()).map(|(sent, _)| sent.index);
            for pair in places.windows(2) {
                let ((low_out, (low, low_place)), (high_out, (high, high_place))) = (pair[0], pair[1]);
                prop_assert_eq!(low.source, high.source);
                prop_assert!(low.index < high.index, "order within a run is the sender's");
                let distance = high.timestamp().wrapping_sub(low.timestamp());
                prop_assert_eq!(high_place.timestamp.wrapping_sub(low_place.timestamp), distance);
                let mut missing = 0;
                for index in low.index + 1..high.index {
                    let fate = fate(low.source, index);
                    if fate.iter().any(skipped) {
                        continue;
                    }
                    missing += 1;
                    let unframed = framed.is_some_and(|framed| index < framed);
                    let at = At { slot: *slot, run: *number, over, unframed };
                    let wrong = fate.iter().find(|outcome| !explains(outcome, at, steady));
                    prop_assert!(wrong.is_none(), "source {} packet {}: {:?}", low.source, index, wrong);
                }
                prop_assert_eq!(high_out - low_out - 1, missing);
            }
        }
    }
    Ok(())
}

/// A receiver tells the order of frames by their numbers: they never repeat and never go back, the first of a
/// run is the next one, and within a run they are as far apart as they were sent.
fn frames_are_numbered_on(runs: &Runs) -> Result<(), TestCaseError> {
    for runs in runs.values() {
        let mut last: u16 = 0;
        for run in runs.values() {
            let mut before: Option<(u16, u16)> = None;
            for (sent, place) in run.out.values() {
                prop_assert_eq!(sent.frame.is_some(), place.frame_id.is_some());
                let (Some(sent), Some(given)) = (sent.frame, place.frame_id) else { continue };
                let expected = before.map_or(last.wrapping_add(1), |(sent_before, given_before)| {
                    given_before.wrapping_add(sent.wrapping_sub(sent_before))
                });
                prop_assert_eq!(given, expected);
                prop_assert!((given.wrapping_sub(last) as i16) > 0, "{} behind {}", given, last);
                (before, last) = (Some((sent, given)), given);
            }
        }
    }
    Ok(())
}

/// Between two runs the timestamp moves as the clock, within limits, and never back.
fn timestamps_follow_the_clock(kind: Kind, runs: &Runs) -> Result<(), TestCaseError> {
    for runs in runs.values() {
        let runs: Vec<&Run> = runs.values().collect();
        for pair in runs.windows(2) {
            let (Some((_, (_, last))), Some((_, (_, first)))) =
                (pair[0].out.last_key_value(), pair[1].out.first_key_value())
            else {
                continue;
            };
            let elapsed = pair[1].arrivals[&first.index].saturating_sub(pair[0].arrivals[&last.index]);
            let ticks = u128::from(elapsed) * u128::from(kind.ticks_per_ms()) / 1_000_000;
            let step = ticks.clamp(kind.least_switch_step().into(), MAX_TIMESTAMP_STEP.into());
            prop_assert_eq!(u128::from(first.timestamp.wrapping_sub(last.timestamp)), step);
        }
    }
    Ok(())
}

fn check(kind: Kind, plan: &Plan, steady: bool) -> Result<(), TestCaseError> {
    let world = run(kind, plan);
    let runs = runs(&world.journal)?;
    runs_are_adjacent(&runs)?;
    frames_are_numbered_on(&runs)?;
    timestamps_follow_the_clock(kind, &runs)?;
    gaps_are_losses(&world.journal, &runs, steady)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn video_keeps_the_promises(plan in plan(event(Kind::Video))) {
        check(Kind::Video, &plan, false)?;
    }

    #[test]
    fn audio_keeps_the_promises(plan in plan(event(Kind::Audio))) {
        check(Kind::Audio, &plan, false)?;
    }

    #[test]
    fn video_without_switches_shows_losses_and_nothing_else(plan in plan(turns())) {
        check(Kind::Video, &plan, true)?;
    }

    #[test]
    fn audio_without_switches_shows_losses_and_nothing_else(plan in plan(turns())) {
        check(Kind::Audio, &plan, true)?;
    }
}
