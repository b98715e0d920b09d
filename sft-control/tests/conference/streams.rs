//! A receiver's selection and its video slots (sft-protocol.md 9.4).
use sft_control::core::{
    Input,
    table::{Layer, LegId},
};

use crate::support::{A_WHILE, Bench, GROUP, answer_sdp, confconn, high, low, setup};

/// Three members whose video is known.
fn three() -> (Bench, [LegId; 3]) {
    let mut bench = Bench::new();
    let legs = bench.conference(["A", "B", "C"]);
    for leg in legs {
        bench.learn(leg);
    }
    bench.take();
    (bench, legs)
}

#[test]
fn entry_i_is_for_slot_i() {
    let (mut bench, [a, b, c]) = three();
    bench.select(a, &[("C", 1), ("B", 2)]);
    assert_eq!(bench.shown(a, 0), [(c, Layer::Low, 1)]);
    assert_eq!(bench.shown(a, 1), [(b, Layer::High, 1)]);
    assert!(bench.shown(a, 2).is_empty() && bench.shown(b, 0).is_empty());
}

#[test]
fn every_quality_has_its_layer() {
    for (quality, layer) in [(0, Layer::High), (1, Layer::Low), (2, Layer::High)] {
        let (mut bench, [a, b, _]) = three();
        bench.select(a, &[("B", quality)]);
        assert_eq!(bench.shown(a, 0), [(b, layer, 1)], "{quality}");
    }
}

#[test]
fn receivers_see_the_number_that_the_list_names() {
    let (bench, [_, b, _]) = three();
    let announced = bench.view().legs[1].video_ssrc;
    assert_eq!((bench.source(b, low(b)).csrc, bench.source(b, high(b)).csrc), (announced, announced));
    let audio = bench.audio(b);
    assert_eq!(audio.csrc, audio.ssrc);
}

#[test]
fn a_new_selection_replaces_the_old_one_at_once() {
    let (mut bench, [a, b, c]) = three();
    bench.select(a, &[("B", 2), ("C", 2)]);
    for slot in 0..2 {
        bench.reach(a, slot, 1);
    }
    bench.select(a, &[("C", 2)]);
    assert_eq!(bench.shown(a, 0), [(c, Layer::High, 2)], "B is not shown on in its slot");
    assert!(bench.shown(a, 1).is_empty());
    bench.select(a, &[("C", 2), ("B", 2)]);
    assert_eq!(bench.shown(a, 1), [(b, Layer::High, 2)], "a slot that was idle goes on counting");
}

#[test]
fn the_same_selection_again_changes_nothing() {
    let (mut bench, [a, ..]) = three();
    bench.select(a, &[("B", 2)]);
    bench.take();
    bench.select(a, &[("B", 2)]);
    assert_eq!((bench.published(), bench.asked().len()), (0, 0));
}

/// A source twice would come to the client under one name in two places.
#[test]
fn a_source_is_in_one_slot() {
    let (mut bench, [a, b, _]) = three();
    bench.select(a, &[("B", 2), ("B", 1)]);
    assert_eq!(bench.shown(a, 0), [(b, Layer::High, 1)]);
    assert!(bench.shown(a, 1).is_empty());
}

#[test]
fn nobody_is_shown_to_itself_and_strangers_are_not_shown() {
    let (mut bench, [a, b, _]) = three();
    bench.select(a, &[("A", 2), ("X", 2), ("B", 2)]);
    assert!(bench.shown(a, 0).is_empty() && bench.shown(a, 1).is_empty());
    assert_eq!(bench.shown(a, 2), [(b, Layer::High, 1)]);
}

#[test]
fn entries_beyond_the_slots_are_ignored() {
    let mut bench = Bench::new();
    let mut request = confconn("A");
    request["vstreams"] = 1.into();
    bench.post(GROUP, &request.to_string());
    let a = bench.opened();
    bench.input(Input::OfferReady { leg: a, sdp: String::new() });
    bench.answer("A");
    bench.open(a);
    bench.advance(A_WHILE);
    let [b, c] = ["B", "C"].map(|user| bench.enter(user));
    bench.advance(A_WHILE);
    for leg in [a, b, c] {
        bench.authorise_all(leg);
        bench.learn(leg);
    }
    bench.select(a, &[("B", 2), ("C", 2)]);
    assert_eq!(bench.shown(a, 0), [(b, Layer::High, 1)]);
    assert_eq!(bench.table().receivers[0].video.len(), 1);
}

/// The selection waits for its source to be known.
#[test]
fn a_source_is_shown_when_its_ssrc_is_learned() {
    let mut bench = Bench::new();
    let [a, b] = bench.conference(["A", "B"]);
    bench.select(a, &[("B", 2)]);
    assert!(bench.shown(a, 0).is_empty());
    bench.learn_layer(b, Layer::Low, 71);
    assert_eq!(bench.shown(a, 0), [(b, Layer::Low, 1)], "what there is");
    bench.reach(a, 0, 1);
    bench.learn_layer(b, Layer::High, 72);
    assert_eq!(bench.shown(a, 0), [(b, Layer::Low, 1), (b, Layer::High, 2)]);
}

#[test]
fn a_layer_is_learned_once_and_is_no_other_stream() {
    let (mut bench, [_, b, _]) = three();
    let audio = bench.audio(b).ssrc;
    bench.take();
    bench.learn_layer(b, Layer::High, 999);
    assert_eq!(bench.published(), 0);
    let c = bench.enter("D");
    let own = bench.view().legs[3].audio_ssrc.unwrap();
    bench.learn_layer(c, Layer::High, own);
    bench.learn_layer(c, Layer::High, audio);
    bench.learn_layer(c, Layer::Low, audio);
    let layers: Vec<u32> = bench.view().legs[3].layers.iter().map(|layer| layer.ssrc).collect();
    assert_eq!(layers, [audio], "SSRCs of other legs are no matter, one's own are");
}

/// Media may come before the data channel is open.
#[test]
fn a_layer_may_be_learned_before_the_channel_opens() {
    let mut bench = Bench::new();
    let a = bench.offer("A", false);
    bench.learn_layer(a, Layer::High, 5);
    assert!(bench.view().legs[0].layers.is_empty(), "before the answer nothing can have come");
    bench.answer("A");
    bench.take();
    bench.learn_layer(a, Layer::High, 5);
    assert_eq!(bench.published(), 0);
    bench.open(a);
    assert_eq!(bench.source(a, 5).leg, a);
}

/// Both layers are its one stream (sft-protocol.md 3.8).
#[test]
fn a_legacy_clients_stream_serves_every_quality() {
    for quality in 0..3 {
        let mut bench = Bench::new();
        let a = bench.enter("A");
        bench.advance(A_WHILE);
        let mut request = confconn("B");
        request["toolver"] = "9.2.1".into();
        bench.post(GROUP, &request.to_string());
        let b = bench.opened();
        bench.input(Input::OfferReady { leg: b, sdp: String::new() });
        bench.post(GROUP, &setup("B", &answer_sdp(81, Some(82))));
        bench.open(b);
        bench.advance(A_WHILE);
        bench.authorise_all(a);
        bench.authorise_all(b);
        bench.learn_layer(b, Layer::Low, 83);
        bench.select(a, &[("B", quality)]);
        assert_eq!(bench.shown(a, 0), [(b, Layer::High, 1)]);
        assert_eq!(bench.source(b, 82).csrc, 82);
    }
}

#[test]
fn who_leaves_is_no_longer_shown() {
    let (mut bench, [a, b, c]) = three();
    bench.select(a, &[("B", 2), ("C", 2)]);
    bench.input(Input::ChannelClosed { leg: b });
    assert!(bench.shown(a, 0).is_empty());
    assert_eq!(bench.shown(a, 1), [(c, Layer::High, 1)]);
    assert!(bench.table().sources.iter().all(|source| source.leg != b));
}
