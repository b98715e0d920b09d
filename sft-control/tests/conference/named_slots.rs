//! Clients that ask for no slots receive each stream under its own name (sft-protocol.md 10.3).
use sft_common::maps::Kind;
use sft_control::core::{
    Input,
    table::{LegId, Media, Receiver, Subscription},
};

use crate::support::{A_WHILE, Bench, confconn};

/// A asks for no slots; B and C do.
fn conference() -> (Bench, [LegId; 3]) {
    let mut bench = Bench::new();
    let mut request = confconn("A");
    for kind in ["selective_audio", "selective_video"] {
        request[kind] = false.into();
    }
    let a = bench.enter_with("A", &request);
    let legs = [a, bench.enter("B"), bench.enter("C")];
    bench.advance(A_WHILE);
    for leg in legs {
        bench.authorise_all(leg);
    }
    bench.advance(A_WHILE);
    (bench, legs)
}

fn receiver(bench: &Bench, leg: LegId) -> &Receiver {
    bench.table().receivers.iter().find(|receiver| receiver.leg == leg).unwrap()
}

fn names(bench: &Bench, leg: LegId) -> Vec<(Kind, u32)> {
    receiver(bench, leg).named.iter().map(|(kind, start)| (*kind, start.ssrc)).collect()
}

/// The subscription of a receiver to a leg's audio or video.
fn subscription(bench: &Bench, from: LegId, to: LegId, kind: Kind) -> Option<Subscription> {
    let mut sources = bench.table().sources.iter().filter(|source| source.leg == from);
    let source = sources
        .find(|source| source.media.kind() == kind && source.reaches().any(|to_| to_.receiver == to))?;
    source.reaches().find(|subscription| subscription.receiver == to).copied()
}

#[test]
fn it_gets_a_slot_for_each_voice_and_each_video() {
    let (mut bench, [a, b, c]) = conference();
    let audio = |bench: &Bench, leg: LegId| {
        bench
            .table()
            .sources
            .iter()
            .find(|source| source.leg == leg && source.media == Media::Audio)
            .unwrap()
            .ssrc
    };
    let voices = [(Kind::Audio, audio(&bench, b)), (Kind::Audio, audio(&bench, c))];
    assert_eq!(names(&bench, a), voices);
    bench.learn(b);
    bench.advance(A_WHILE);
    let video = bench.view().legs[1].video_ssrc;
    assert_eq!(names(&bench, a), [voices[0], voices[1], (Kind::Video, video)]);
    for (from, kind, slot) in [(b, Kind::Audio, 0), (c, Kind::Audio, 1), (b, Kind::Video, 2)] {
        let subscription = subscription(&bench, from, a, kind).unwrap();
        assert!(subscription.slot == slot && subscription.run > 0, "{kind:?} of {from:?}: {subscription:?}");
    }
    assert!(names(&bench, b).is_empty());
}

/// Nothing else has to happen first.
#[test]
fn a_new_slot_carries_its_stream_at_once() {
    let mut bench = Bench::new();
    let mut request = confconn("A");
    for kind in ["selective_audio", "selective_video"] {
        request[kind] = false.into();
    }
    let (a, b) = (bench.enter_with("A", &request), bench.enter("B"));
    bench.learn(b);
    bench.advance(A_WHILE);
    bench.authorise_all(a);
    bench.advance(A_WHILE);
    bench.authorise_all(b);
    bench.advance(A_WHILE);
    assert!(subscription(&bench, b, a, Kind::Audio).is_some());
    assert!(subscription(&bench, b, a, Kind::Video).is_some());
}

#[test]
fn selective_receivers_share_their_slots_as_ever() {
    let (bench, [a, b, c]) = conference();
    let subscription = subscription(&bench, a, b, Kind::Audio).unwrap();
    assert_eq!((subscription.slot, subscription.run), (0, 0));
    let mut hearers = bench.hearers(b);
    hearers.sort_unstable();
    assert_eq!(hearers, [a, c]);
}

#[test]
fn whom_it_does_not_authorise_gets_no_slot() {
    let (mut bench, [a, b, c]) = conference();
    bench.learn(c);
    bench.authorise(a, &["B"]);
    bench.advance(A_WHILE);
    assert!(subscription(&bench, c, a, Kind::Audio).is_none());
    assert!(subscription(&bench, c, a, Kind::Video).is_none());
    assert!(subscription(&bench, b, a, Kind::Audio).is_some());
}

/// A slot that a name was given stays as it is, and a leg that comes back under the name has a newer run.
#[test]
fn who_comes_back_under_its_name_goes_on_in_its_slot() {
    let (mut bench, [a, b, _]) = conference();
    bench.learn(b);
    bench.advance(A_WHILE);
    let before = receiver(&bench, a).named.clone();
    let old = subscription(&bench, b, a, Kind::Video).unwrap();
    let again = bench.offer("B", true);
    bench.answer("B");
    bench.open(again);
    bench.advance(A_WHILE);
    bench.authorise_all(again);
    bench.authorise_all(a);
    bench.learn(again);
    bench.advance(A_WHILE);
    let after = receiver(&bench, a).named.clone();
    assert_eq!(after[..before.len()], before);
    let new = subscription(&bench, again, a, Kind::Video).unwrap();
    assert!(new.slot == old.slot && new.run > old.run);
}

#[test]
fn a_key_frame_of_a_named_slot_can_be_asked_for() {
    let (mut bench, [a, b, _]) = conference();
    bench.learn(b);
    let Subscription { slot, run, .. } = subscription(&bench, b, a, Kind::Video).unwrap();
    bench.input(Input::SlotReached { receiver: a, slot, run });
    bench.advance(A_WHILE * 10);
    bench.take();
    bench.input(Input::KeyframeWanted { receiver: a, slot });
    assert_eq!(bench.asked().len(), 1);
}

/// However many come and go.
#[test]
fn their_number_is_bounded() {
    let (mut bench, [a, ..]) = conference();
    for round in 0..40 {
        let leg = bench.enter(&format!("guest{round}"));
        bench.advance(A_WHILE);
        bench.authorise_all(leg);
        bench.authorise_all(a);
        bench.advance(A_WHILE);
        bench.input(Input::ChannelClosed { leg });
    }
    let receiver = receiver(&bench, a);
    assert_eq!(receiver.slots().count(), receiver.room());
}
