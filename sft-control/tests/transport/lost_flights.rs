//! Whatever datagram is lost, a client connects, and quickly where the repetition is ours.

use std::{cell::RefCell, rc::Rc, time::Duration};

use crate::support::{World, direct};
use sft_control::sdp::Setup;

/// The most that a lost check, or a lost handshake message of ours, may cost: we repeat after 150 ms, give or
/// take the jitter of DTLS. A server's last flight is only repeated when the client repeats its own (RFC 6347
/// section 4.2.4).
const OURS: Duration = Duration::from_millis(500);
/// The same for the client's DTLS, whose first repetition comes after a second, and for SCTP, where it comes
/// after three (RFC 9260 section 16).
const OTHERS: Duration = Duration::from_millis(3500);
/// Content type of a record with a handshake message.
const HANDSHAKE: u8 = 22;

/// What one attempt to connect came to.
struct Attempt {
    open: bool,
    took: Duration,
    /// First byte and direction of every datagram, in the order of sending.
    datagrams: Vec<(u8, bool)>,
}

/// Connects with those datagrams lost whose places `lose` names.
fn connect(setup: Setup, lose: impl Fn(usize) -> bool + 'static) -> Attempt {
    let mut world = World::new();
    let log = Rc::new(RefCell::new(Vec::new()));
    let written = log.clone();
    world.passes = Box::new(move |datagram| {
        let mut log = written.borrow_mut();
        log.push((datagram.data[0], datagram.down));
        !lose(log.len() - 1)
    });
    let leg = world.offer(1);
    world.client(leg, &[direct("198.51.100.7:40000")], setup);
    let answer = world.answer(leg);
    world.start(leg, &answer);
    let open = world.run_until(Duration::from_secs(9), |world| world.is_open(leg));
    let datagrams = log.borrow().clone();
    Attempt { open, took: world.now - world.start, datagrams }
}

#[test]
fn any_one_datagram_may_be_lost() {
    for setup in [Setup::Active, Setup::Passive] {
        let usual = connect(setup, |_| false);
        assert!(usual.open);
        for lost in 0..usual.datagrams.len() {
            let attempt = connect(setup, move |place| place == lost);
            // The jitter makes attempts differ by a datagram or two.
            let Some(&(first, down)) = attempt.datagrams.get(lost) else { continue };
            let ours = first < 4 || down && first == HANDSHAKE;
            let limit = usual.took + if ours { OURS } else { OTHERS };
            assert!(
                attempt.open && attempt.took <= limit,
                "{setup:?}, without datagram {lost} (first byte {first}, down {down}): {:?}",
                attempt.took
            );
        }
    }
}

#[test]
fn any_two_datagrams_in_a_row_may_be_lost() {
    let usual = connect(Setup::Active, |_| false);
    for lost in 0..usual.datagrams.len() {
        let attempt = connect(Setup::Active, move |place| place == lost || place == lost + 1);
        assert!(attempt.open, "without datagrams {lost} and the next: not open after {:?}", attempt.took);
    }
}
