//! Whatever single datagram is lost, a client connects, and quickly.

mod transport;

use std::{cell::Cell, rc::Rc, time::Duration};

use sft_control::sdp::Setup;
use transport::{World, direct};

/// Checks repeat after 150 ms, DTLS after 150 ms at our side; the client's SCTP and DCEP (and ours) after a
/// second, which is the least that RFC 9260 section 6.3.1 recommends.
const LIMIT: Duration = Duration::from_millis(3500);

/// Connects with those datagrams lost whose place in the order of sending `lose` names. Whether it did, how
/// long it took, and how many datagrams there were.
fn connect(setup: Setup, lose: impl Fn(usize) -> bool + 'static) -> (bool, Duration, usize) {
    let mut world = World::new();
    let count = Rc::new(Cell::new(0));
    let counter = count.clone();
    world.passes = Box::new(move |_| {
        let place = counter.get();
        counter.set(place + 1);
        !lose(place)
    });
    let leg = world.offer(1);
    world.client(leg, &[direct("198.51.100.7:40000")], setup);
    let answer = world.answer(leg);
    world.start(leg, &answer);
    let open = world.run_until(Duration::from_secs(9), |world| world.is_open(leg));
    (open, world.now - world.start, count.get())
}

#[test]
fn any_one_datagram_may_be_lost() {
    for setup in [Setup::Active, Setup::Passive] {
        let (open, _, datagrams) = connect(setup, |_| false);
        assert!(open);
        for lost in 0..datagrams {
            let (open, took, _) = connect(setup, move |place| place == lost);
            assert!(open && took <= LIMIT, "{setup:?}, without datagram {lost}: open {open} after {took:?}");
        }
    }
}

#[test]
fn any_two_datagrams_in_a_row_may_be_lost() {
    let (_, _, datagrams) = connect(Setup::Active, |_| false);
    for lost in 0..datagrams {
        let (open, took, _) = connect(Setup::Active, move |place| place == lost || place == lost + 1);
        assert!(open, "without datagrams {lost} and the next: not open after {took:?}");
    }
}

#[test]
fn a_third_of_all_datagrams_may_be_lost() {
    let (open, took, _) = connect(Setup::Active, |place| place % 3 == 1);
    assert!(open, "not open after {took:?}");
}
