//! The kernel lane on a wire, with its pins on a BPF file system that only the calling thread sees.

use std::{
    ffi::CStr,
    io,
    path::{Path, PathBuf},
    ptr,
};

use sft_common::drops::DropReason;
use sft_control::{
    core::table::{ConferenceTable, LegId},
    dataplane::{
        Lane, LaneError,
        xdp::{KernelLane, LoadError, Settings, dump::PinnedMaps},
    },
};

use super::{
    conference::{open_copy, server},
    kernel::{monotonic_ns, object},
    packet::{Datagram, Header},
    tables::{CONFERENCE, keys, profile, tuple, v6},
    wire::{SERVER, Wire, wait_for},
};

const BPF: &CStr = c"/sys/fs/bpf";

/// Leaves the thread's mount namespace for a new one with a BPF file system of its own.
pub(crate) fn mount_bpf() {
    // SAFETY: constant strings, or none.
    unsafe {
        check(libc::unshare(libc::CLONE_NEWNS));
        let private = libc::MS_REC | libc::MS_PRIVATE;
        check(libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), private, ptr::null()));
        check(libc::mount(c"bpf".as_ptr(), BPF.as_ptr(), c"bpf".as_ptr(), 0, ptr::null()));
    }
}

/// No BPF file system is to be seen any more.
pub(crate) fn unmount_bpf() {
    // SAFETY: a constant string.
    while unsafe { libc::umount2(BPF.as_ptr(), libc::MNT_DETACH) } == 0 {}
}

fn check(result: i32) {
    assert!(result >= 0, "{}", io::Error::last_os_error());
}

pub(crate) fn pin_dir() -> PathBuf {
    Path::new("/sys/fs/bpf").join("sft-test")
}

/// For the interface [`SERVER`].
pub(crate) fn settings(legs: u32) -> Settings {
    Settings {
        interfaces: vec![SERVER.into()],
        media: vec![server(false).socket, server(true).socket],
        pin_dir: Some(pin_dir()),
        legs,
        keystream: 8 << 20,
    }
}

/// A server with the kernel lane.
pub(crate) struct Server {
    pub(crate) lane: KernelLane,
    pub(crate) wire: Wire,
}

impl Server {
    /// With neighbours and an open lease.
    pub(crate) fn new() -> Server {
        let mut server = Server::without_neighbours();
        server.wire.add_neighbours();
        server.lane.renew_lease(monotonic_ns());
        server
    }

    pub(crate) fn without_neighbours() -> Server {
        Server::for_legs(16, 1)
    }

    /// With so many queues, neighbours and an open lease.
    pub(crate) fn with_queues(queues: usize) -> Server {
        let mut server = Server::for_legs(64, queues);
        server.wire.add_neighbours();
        server.lane.renew_lease(monotonic_ns());
        server
    }

    fn for_legs(legs: u32, queues: usize) -> Server {
        mount_bpf();
        let wire = Wire::with_queues(queues);
        wire.add_addresses();
        let lane = load(&settings(legs)).unwrap();
        Server { lane, wire }
    }

    /// With these legs, and everybody seeing and hearing whom [`super::tables::everybody`] says.
    pub(crate) fn with_legs(legs: &[u32]) -> Server {
        Server::with_table(legs, &super::tables::everybody(legs))
    }

    pub(crate) fn with_table(legs: &[u32], table: &ConferenceTable) -> Server {
        let mut server = Server::for_legs(legs.len().max(16) as u32, 1);
        server.wire.add_neighbours();
        server.lane.renew_lease(monotonic_ns());
        for &leg in legs {
            join(&mut server.lane, leg).unwrap();
        }
        server.lane.publish(table).unwrap();
        server
    }

    pub(crate) fn drops(&self, reason: DropReason) -> u64 {
        drops(&self.lane).iter().find(|(known, _)| *known == reason).map_or(0, |(_, count)| *count)
    }

    /// Sends a frame that must end for this reason, and only for it.
    #[track_caller]
    pub(crate) fn assert_drops(&self, frame: &[u8], reason: DropReason, count: u64) {
        let before = self.drops(reason);
        self.wire.send(frame);
        wait_for(|| self.drops(reason) == before + count);
        assert!(self.wire.waiting().is_none(), "a copy came although {reason:?} was counted");
    }

    /// The next copy, which must be for this leg and have this index.
    #[track_caller]
    pub(crate) fn assert_copy(&self, leg: u32, index: u64) -> (Header, Vec<u8>) {
        let copy = self.wire.receive().unwrap_or_else(|| panic!("no copy: {:?}", drops(&self.lane)));
        assert_eq!(leg_of(&copy), leg);
        open_copy(&copy, leg, (profile(leg), v6(leg)), index)
    }

    pub(crate) fn pinned(&self) -> PinnedMaps {
        PinnedMaps::open(&pin_dir()).unwrap()
    }
}

pub(crate) fn load(settings: &Settings) -> Result<KernelLane, LoadError> {
    KernelLane::load(&object(), settings)
}

/// The leg that a datagram is for.
pub(crate) fn leg_of(copy: &Datagram) -> u32 {
    u32::from(copy.to.socket.port()) - 10_000
}

/// A leg with keys and a selected pair, as after ICE and DTLS.
pub(crate) fn join(lane: &mut dyn Lane, leg: u32) -> Result<(), LaneError> {
    lane.install_leg(CONFERENCE, LegId(leg), &keys(leg))?;
    lane.accept_tuple(LegId(leg), tuple(leg))?;
    lane.select_tuple(LegId(leg), tuple(leg))
}

/// Every reason that a lane has counted.
pub(crate) fn drops(lane: &dyn Lane) -> Vec<(DropReason, u64)> {
    lane.counters().drops.into_iter().filter(|(_, count)| *count > 0).collect()
}
