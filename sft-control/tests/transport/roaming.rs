//! A client whose address changes is followed, and one that has several is left in peace.

use std::time::Duration;

use crate::support::{Link, World, behind_nat, direct};
use sft_control::{core::table::LegId, dataplane::Tuple};

/// How often libwebrtc checks a pair that works.
const CLIENT_PACE: Duration = Duration::from_millis(2500);

fn selected(world: &World, leg: LegId) -> Tuple {
    world.legs[&leg].selected().last().unwrap().1
}

/// Runs until media goes to `remote`; how long that took since the client's first datagram from there, and
/// since the move.
fn followed(world: &mut World, leg: LegId, remote: &str, limit: Duration) -> Duration {
    let remote = remote.parse().unwrap();
    let from = world.now;
    let follows = world.run_until(limit, |world| selected(world, leg).remote == remote);
    assert!(follows, "still {:?} after {limit:?}", selected(world, leg));
    world.now - from
}

#[test]
fn a_new_mapping_of_the_nat_is_followed_within_a_second_of_the_next_check() {
    let mut world = World::new();
    let leg = world.connected(1, &[behind_nat("192.168.1.5:50000", "198.51.100.7:40000")]);
    world.run(Duration::from_secs(30));
    for outer in ["203.0.113.7:1111", "203.0.113.8:2222", "203.0.113.9:3333"] {
        world.clients.get_mut(&leg).unwrap().links[0].outer = outer.parse().unwrap();
        // The test's client checks every 3 s.
        let took = followed(&mut world, leg, outer, Duration::from_secs(3) + Duration::from_secs(1));
        assert!(took <= Duration::from_secs(4), "{outer}: {took:?}");
        world.send(leg, outer);
        world.run(Duration::from_secs(10));
        assert_eq!(world.clients[&leg].messages.last().unwrap(), outer);
        assert_eq!(selected(&world, leg).remote.to_string(), outer);
    }
    assert!(world.legs[&leg].failure().is_none());
}

#[test]
fn the_move_itself_takes_less_than_a_second_once_the_client_shows_itself() {
    let mut world = World::new();
    let leg = world.connected(1, &[behind_nat("192.168.1.5:50000", "198.51.100.7:40000")]);
    world.run(Duration::from_secs(10));
    world.clients.get_mut(&leg).unwrap().links[0].outer = "203.0.113.7:1111".parse().unwrap();
    let start = world.legs[&leg].events.len();
    followed(&mut world, leg, "203.0.113.7:1111", Duration::from_secs(5));
    // The first answer of ours to the new address came with the client's first check from there.
    let shown = world.legs[&leg].events[start..].iter().find_map(|(at, event)| match event {
        sft_control::transport::TransportEvent::Transmit { remote, .. } if remote.port() == 1111 => Some(*at),
        _ => None,
    });
    let (moved, _) = *world.legs[&leg].selected().last().unwrap();
    let took = moved - shown.unwrap();
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_new_pair_is_validated_before_it_is_selected() {
    let mut world = World::new();
    let leg = world.connected(1, &[behind_nat("192.168.1.5:50000", "198.51.100.7:40000")]);
    world.clients.get_mut(&leg).unwrap().links[0].outer = "203.0.113.7:1111".parse().unwrap();
    followed(&mut world, leg, "203.0.113.7:1111", Duration::from_secs(5));
    let entry = &world.legs[&leg];
    let (validated, tuple) = *entry.validated().last().unwrap();
    let (selected, same) = *entry.selected().last().unwrap();
    assert_eq!(tuple, same);
    assert!(validated <= selected);
}

#[test]
fn a_client_with_two_working_networks_is_not_moved_about() {
    let mut world = World::new();
    let links = [direct("198.51.100.7:40000"), direct("203.0.113.7:40000")];
    let leg = world.connected(1, &links);
    world.run(Duration::from_secs(120));
    let selected = world.legs[&leg].selected();
    assert!(selected.len() <= 2, "{selected:?}");
    // Nothing moves once both are known.
    assert!(selected.iter().all(|(at, _)| *at < Duration::from_secs(2)), "{selected:?}");
}

#[test]
fn a_network_that_dies_is_left_and_its_return_changes_nothing() {
    let mut world = World::new();
    let links = [direct("198.51.100.7:40000"), direct("203.0.113.7:40000")];
    let leg = world.connected(1, &links);
    world.run(Duration::from_secs(20));
    let first = selected(&world, leg).remote;
    let other = links.iter().map(|link| link.outer).find(|outer| *outer != first).unwrap();
    world.passes = Box::new(move |datagram| datagram.from != first && datagram.to != first);
    // Both sides check the other pair every 3 s, and 4 s of silence are needed.
    followed(&mut world, leg, &other.to_string(), Duration::from_secs(9));
    world.passes = Box::new(|_| true);
    world.run(Duration::from_secs(60));
    assert!(world.legs[&leg].failure().is_none());
    let moves = world.legs[&leg].selected().len();
    assert!(moves <= 3, "{:?}", world.legs[&leg].selected());
}

#[test]
fn a_client_that_comes_from_everywhere_is_bounded() {
    let mut world = World::new();
    let leg = world.connected(1, &[behind_nat("192.168.1.5:50000", "198.51.100.7:40000")]);
    for port in 1..200 {
        let outer = Link { outer: ([203, 0, 113, 7], port).into(), ..world.clients[&leg].links[0] };
        world.clients.get_mut(&leg).unwrap().links = vec![outer];
        world.run(CLIENT_PACE);
    }
    let validated = world.legs[&leg].validated().len();
    assert!(validated <= sft_control::transport::MAX_PAIRS, "{validated}");
}
