//! Who gets which copy.

use std::collections::HashSet;

use proptest::prelude::*;
use sft_common::{
    flight::{Flight, REPLICATE_AND_GO_ON},
    list::{List, MAX_LIST, NOT_IN_LIST, first_receiver},
    maps::MAX_REPLICATION,
};

fn lists() -> impl Strategy<Value = List> {
    (0..=u32::MAX - 2000, 1..1500_u32).prop_flat_map(|(first, len)| {
        let own = prop_oneof![Just(NOT_IN_LIST), 0..len];
        own.prop_map(move |own| List { first, len, own })
    })
}

proptest! {
    #[test]
    fn words_say_what_they_were_made_from(list in lists()) {
        prop_assert_eq!(List::from_word(list.to_word()), list);
    }

    #[test]
    fn every_receiver_but_the_source_gets_one_copy(list in lists(), timestamp in any::<u32>()) {
        let start = first_receiver(timestamp, list.copies());
        prop_assert!(start < list.copies().max(1));
        let receivers: HashSet<u32> = (0..list.copies()).map(|copy| list.entry_of(start, copy)).collect();
        let expected: HashSet<u32> =
            (0..list.len).filter(|place| *place != list.own).map(|place| list.first + place).collect();
        prop_assert_eq!(receivers, expected);
    }

    #[test]
    fn stages_make_every_copy_once(list in lists()) {
        let flight = Flight { list: list.to_word(), ..Flight::default() };
        let (mut made, mut stages) = (0, 0);
        while made < list.copies() {
            let stage = flight.stage(made);
            prop_assert_eq!(stage.next_copy, made);
            let copies = stage.end_copy - made;
            prop_assert!(0 < copies && copies <= MAX_REPLICATION as u32);
            let expected = if stage.left() > 0 { REPLICATE_AND_GO_ON } else { copies };
            prop_assert_eq!(stage.replicator(), expected);
            prop_assert_eq!(stage.left(), list.copies() - stage.end_copy);
            (made, stages) = (stage.end_copy, stages + 1);
        }
        prop_assert_eq!(stages, list.copies().div_ceil(MAX_REPLICATION as u32));
    }
}

#[test]
fn the_longest_list_fits() {
    let last = MAX_LIST as u32 - 1;
    let list = List { first: 7, len: MAX_LIST as u32, own: last };
    assert_eq!(List::from_word(list.to_word()), list);
    assert_eq!(List::from_word(0), List::EMPTY);
    assert_eq!(List::EMPTY.copies(), 0);
}

/// Over the frames of a stream everybody's turn comes early and late.
#[test]
fn nobody_is_always_last() {
    for step in [960, 3000, 3003, 90_000 / 15] {
        let mut firsts = [0_u32; 20];
        for frame in 0..2000 {
            firsts[first_receiver(1234 + frame * step, 20) as usize] += 1;
        }
        assert!(firsts.iter().all(|times| (50..200).contains(times)), "{step}: {firsts:?}");
    }
}
