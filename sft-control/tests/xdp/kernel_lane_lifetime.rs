//! From loading to detaching: what a server finds, what it leaves, and how long that forwards.

use std::{fs, mem};

use crate::support::{
    kernel::monotonic_ns,
    lane::{Server, load, mount_bpf, pin_dir, settings, unmount_bpf},
    sender::Sender,
    tables::{CONFERENCE, FIRST_INDEX, everybody, keys, tuple},
    wire::{SERVER, Wire},
};
use sft_common::{
    drops::DropReason::{LeaseExpired, UnknownTuple},
    maps::name,
};
use sft_control::{
    core::table::{Layer, LegId},
    dataplane::{
        Lane, LaneError,
        xdp::{self as lane_xdp, LoadError, PinError, Settings, dump::PinnedMaps},
    },
};

const SECOND: u64 = 1_000_000_000;

fn frame(number: u64) -> Vec<u8> {
    Sender::video(1, Layer::Low).loud(number, b"payload")
}

fn refused(settings: &Settings) -> LoadError {
    let error = load(settings).err().expect("these settings cannot work");
    assert!(!pin_dir().exists(), "{error}: pins stay");
    error
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn nothing_is_forwarded_without_a_lease() {
    let mut server = Server::without_neighbours();
    server.assert_drops(&frame(0), LeaseExpired, 1);
    server.wire.add_neighbours();
    for leg in [1, 2] {
        crate::support::lane::join(&mut server.lane, leg).unwrap();
    }
    server.lane.publish(&everybody(&[1, 2])).unwrap();
    server.assert_drops(&frame(0), LeaseExpired, 1);
    let now = monotonic_ns();
    server.lane.renew_lease(now - 29 * SECOND);
    server.wire.send(&frame(0));
    server.assert_copy(2, FIRST_INDEX);
    server.lane.renew_lease(now - 31 * SECOND);
    server.assert_drops(&frame(1), LeaseExpired, 1);
    server.lane.renew_lease(now);
    server.wire.send(&frame(2));
    // The packet that was dropped is a loss of the sender's: nothing of it was taken in.
    server.assert_copy(2, FIRST_INDEX + 2);
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn what_a_crash_leaves_forwards_until_the_next_server_removes_it() {
    let Server { lane, wire } = Server::with_legs(&[1, 2]);
    mem::forget(lane);
    wire.send(&frame(0));
    assert!(wire.receive().is_some(), "the lease is still open");
    assert!(PinnedMaps::open(&pin_dir()).is_ok());

    let mut server = Server { lane: load(&settings(16)).unwrap(), wire };
    server.lane.renew_lease(monotonic_ns());
    server.assert_drops(&frame(1), UnknownTuple, 1);
    assert!(server.pinned().table(name::TUPLES).unwrap().rows.is_empty());
    for leg in [1, 2] {
        crate::support::lane::join(&mut server.lane, leg).unwrap();
    }
    server.lane.publish(&everybody(&[1, 2])).unwrap();
    server.wire.send(&frame(0));
    server.assert_copy(2, FIRST_INDEX);
    assert_eq!(server.lane.counters().video_copies, 1, "the counters are new");
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn detaching_leaves_nothing() {
    let Server { lane, wire } = Server::with_legs(&[1, 2]);
    mem::forget(lane);
    assert!(wire.has_programs());
    lane_xdp::detach(&pin_dir()).unwrap();
    assert!(!wire.has_programs());
    assert!(!pin_dir().exists());
    wire.send(&frame(0));
    assert!(wire.receive().is_none());
    assert!(PinnedMaps::open(&pin_dir()).is_err());
    assert!(matches!(lane_xdp::detach(&pin_dir()), Err(PinError::Directory { .. })));
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn a_server_that_ends_in_order_leaves_nothing() {
    let Server { lane, wire } = Server::with_legs(&[1, 2]);
    assert!(wire.has_programs());
    drop(lane);
    assert!(!wire.has_programs());
    assert!(!pin_dir().exists());
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn the_default_directory_is_found_without_being_named() {
    mount_bpf();
    unmount_bpf();
    let wire = Wire::new();
    wire.add_addresses();
    assert!(matches!(lane_xdp::only_pin_dir(), Err(PinError::Nothing)));
    let lane = load(&Settings { pin_dir: None, interfaces: Vec::new(), ..settings(16) }).unwrap();
    assert!(wire.has_programs(), "the interface that has the addresses is found");
    assert_eq!(lane_xdp::only_pin_dir().unwrap(), lane.pin_dir());
    assert!(lane.pin_dir().to_string_lossy().ends_with("-4321"), "{:?}", lane.pin_dir());
    drop(lane);
    assert!(matches!(lane_xdp::only_pin_dir(), Err(PinError::Nothing)));
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn interfaces_that_cannot_be_used_are_named() {
    mount_bpf();
    let wire = Wire::new();
    let with = |interface: &str| Settings { interfaces: vec![interface.into()], ..settings(16) };
    let error = refused(&with("lo"));
    assert!(matches!(&error, LoadError::NotNative { interface, .. } if interface == "lo"), "{error}");
    let text = error.to_string();
    assert!(text.starts_with("interface lo has no native XDP: ") && text.contains("not supported"), "{text}");
    assert!(!text.contains('\n'), "{text}");

    assert!(matches!(refused(&with("none")), LoadError::NoInterface(name) if name == "none"));
    let nowhere = Settings { interfaces: Vec::new(), ..settings(16) };
    assert!(matches!(refused(&nowhere), LoadError::NoAddress), "no interface has the addresses");
    // The first one is not kept if the second fails.
    let both = Settings { interfaces: vec![SERVER.into(), "lo".into()], ..settings(16) };
    assert!(matches!(refused(&both), LoadError::NotNative { .. }));
    assert!(!wire.has_programs());
}

/// Whatever stands in a directory that is not on a BPF file system is not ours to remove.
#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn a_directory_elsewhere_is_refused_and_left_alone() {
    mount_bpf();
    let wire = Wire::new();
    wire.add_addresses();
    let directory = std::env::temp_dir().join(format!("sft-pins-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join("precious");
    fs::write(&file, "content").unwrap();
    let error = refused(&Settings { pin_dir: Some(directory.clone()), ..settings(16) });
    assert!(matches!(error, LoadError::Pins(PinError::NotBpf(_))), "{error}");
    assert!(matches!(lane_xdp::detach(&directory), Err(PinError::NotBpf(_))));
    assert_eq!(fs::read_to_string(&file).unwrap(), "content");
    fs::remove_dir_all(&directory).unwrap();
    let error = refused(&Settings { pin_dir: Some(directory.clone()), ..settings(16) });
    assert!(matches!(error, LoadError::Pins(PinError::NotBpf(_))), "{error}");
    assert!(!directory.exists());
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn full_maps_refuse_and_take_again_what_was_given_back() {
    let mut server = Server::new();
    server.lane = {
        lane_xdp::detach(&pin_dir()).unwrap();
        load(&settings(0)).unwrap()
    };
    // A quarter more than asked for, and 16.
    let limit = 16;
    for leg in 0..limit {
        server.lane.install_leg(CONFERENCE, LegId(leg), &keys(leg)).unwrap();
    }
    let full = |map, limit| Err(LaneError::Full { map, limit });
    let install = |server: &mut Server, leg| server.lane.install_leg(CONFERENCE, LegId(leg), &keys(leg));
    assert_eq!(install(&mut server, 90), full(name::LEGS, 16));
    server.lane.remove_leg(LegId(3));
    assert_eq!(install(&mut server, 90), full(name::LEGS, 16), "the number rests");
    for second in 0..2 {
        server.lane.renew_lease(monotonic_ns() + second * SECOND);
    }
    install(&mut server, 90).unwrap();
    assert_eq!(install(&mut server, 91), full(name::LEGS, 16));

    server.lane.remove_leg(LegId(5));
    for other in 0..4 * limit {
        server.lane.accept_tuple(LegId(90), tuple(2 * other)).unwrap();
    }
    assert_eq!(server.lane.accept_tuple(LegId(90), tuple(999)), full(name::TUPLES, 64));
    server.lane.remove_leg(LegId(90));
    server.lane.accept_tuple(LegId(1), tuple(999)).unwrap();
}
