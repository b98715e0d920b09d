//! The kernel lane: publishes forwarding tables into the maps of the XDP programs and reads them back.
//!
//! It touches no packet and decides nothing about who hears whom.

mod batch;
mod chain;
mod departed;
pub mod dump;
mod keystream;
mod lane;
mod legs;
mod links;
mod lists;
mod load;
mod memory;
mod numbers;
mod pins;
mod ports;
mod readings;
mod slots;
mod tables;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

pub use self::{
    keystream::KeystreamReading,
    load::{LoadError, Settings},
    pins::{PinError, only_pin_dir, remove as detach},
};
use self::{
    load::{Loaded, Maps},
    numbers::Numbers,
};
use super::{LaneError, Tuple};
use crate::{
    core::table::{ConferenceId, LegId, Receiver},
    netlink::{Interface, Resolver},
};
use sft_common::maps::{LocalKey, name};

/// How long the programs forward without hearing from us, in ns.
const LEASE: u64 = 30_000_000_000;

/// The lane.
pub struct KernelLane {
    maps: Maps,
    directory: std::path::PathBuf,
    egress: Interface,
    /// Name of the chain's far end.
    chain: String,
    /// What `LOCAL` holds.
    local: Vec<LocalKey>,
    resolver: Resolver,
    numbers: AllNumbers,
    /// Size of `TUPLES`.
    tuples_limit: u32,
    /// Keys installed so far.
    keys: u32,
    legs: HashMap<LegId, Leg>,
    conferences: HashMap<ConferenceId, Conference>,
    sources: HashMap<(LegId, u32), Source>,
    /// By number, for speaker cells.
    by_number: HashMap<u32, LegId>,
    /// Index of the packet that a source, not in a table yet, was learned from.
    learned: HashMap<(LegId, u32), u64>,
    /// State of sources that left their table; it lives as long as the leg.
    parked: HashMap<(LegId, u32), sft_common::source::SourceState>,
    /// Conferences that another lane carries.
    passing: HashSet<ConferenceId>,
    /// Keeps the programs loaded.
    _programs: aya::Ebpf,
}

struct AllNumbers {
    legs: Numbers,
    keys: Numbers,
    sources: Numbers,
    conferences: Numbers,
    slots: Numbers,
    entries: Numbers,
    paths: Numbers,
}

struct Leg {
    number: u32,
    conference: ConferenceId,
    receive_key: u32,
    transmit_key: u32,
    receive: keystream::StreamKey,
    transmit: keystream::StreamKey,
    tuples: Vec<Tuple>,
    selected: Option<Tuple>,
    path: Option<(u32, sft_common::maps::PathRecord)>,
    /// First slot and number of slots, once a table names the leg as receiver.
    slots: Option<(u32, u32)>,
    /// So many of them have been made.
    made: usize,
    /// Numbers of its sources.
    sources: Vec<u32>,
    traffic: readings::Traffic,
    /// The arrival taken last.
    last_arrival: Option<super::Arrival>,
}

#[derive(Default)]
struct Conference {
    number: u32,
    receivers: Vec<Arc<Receiver>>,
    listed: departed::Listed,
    /// By leg and SSRC.
    sources: Vec<(LegId, u32)>,
}

struct Source {
    number: u32,
    kind: sft_common::maps::Kind,
    list: Arc<lists::WrittenList>,
}

impl KernelLane {
    /// Loads and attaches the programs. What an earlier server left is removed.
    ///
    /// # Errors
    /// [`LoadError`]; nothing stays attached.
    pub fn load(object: &[u8], settings: &Settings) -> Result<Self, LoadError> {
        let resolver = Resolver::open()?;
        let loaded = load::load(object, settings)?;
        let Loaded { maps, sizes, directory, egress, chain, local, _programs } = loaded;
        Ok(KernelLane {
            maps,
            directory,
            egress,
            chain,
            local,
            resolver,
            numbers: AllNumbers {
                legs: Numbers::new(name::LEGS, sizes.legs),
                keys: Numbers::new(name::KEYS, sizes.keys),
                sources: Numbers::new(name::SOURCES, sizes.sources),
                conferences: Numbers::new(name::SPEAKERS, sizes.conferences),
                slots: Numbers::new(name::SLOTS, sizes.slots),
                entries: Numbers::new(name::ENTRIES, sizes.entries),
                paths: Numbers::new(name::PATHS, sizes.paths),
            },
            tuples_limit: sizes.tuples,
            keys: 0,
            legs: HashMap::new(),
            conferences: HashMap::new(),
            sources: HashMap::new(),
            by_number: HashMap::new(),
            learned: HashMap::new(),
            parked: HashMap::new(),
            passing: HashSet::new(),
            _programs,
        })
    }

    pub fn pin_dir(&self) -> &std::path::Path {
        &self.directory
    }

    /// Name of the device through which packets with many receivers come back for their next stage.
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// How the preparing of key stream is doing.
    pub fn keystream(&self) -> KeystreamReading {
        self.maps.keystream.reading()
    }

    /// Lets the programs forward for another 30 s from `now_ns` (CLOCK_MONOTONIC) on. To be called
    /// often: numbers that were given back are free again at the second call that is late enough.
    pub fn renew_lease(&mut self, now_ns: u64) {
        const LEASE_UNTIL: usize = 0;
        self.maps.config.store(0, LEASE_UNTIL, now_ns + LEASE);
        self.tick(now_ns);
    }

    fn tick(&mut self, now: u64) {
        let numbers = &mut self.numbers;
        for (first, len) in numbers.keys.tick(now) {
            for number in first..first + len {
                // A key that nobody uses any more is not kept. The kernel refuses no write to a place that
                // exists.
                let _ = self.maps.keys.set(number, sft_common::maps::KeyRecord::EMPTY, 0);
            }
        }
        for rest in [
            &mut numbers.legs,
            &mut numbers.sources,
            &mut numbers.conferences,
            &mut numbers.slots,
            &mut numbers.entries,
            &mut numbers.paths,
        ] {
            rest.tick(now);
        }
    }

    fn leg(&self, leg: LegId) -> Result<&Leg, LaneError> {
        self.legs.get(&leg).ok_or_else(|| kernel("finding a leg", format!("leg {} is not installed", leg.0)))
    }
}

impl Drop for KernelLane {
    fn drop(&mut self) {
        if let Err(error) = pins::remove(&self.directory) {
            tracing::warn!(%error, "pinned maps stay: `sft detach` removes them");
        }
    }
}

/// An operation that the kernel refused.
fn kernel(operation: &'static str, reason: impl ToString) -> LaneError {
    LaneError::Kernel { operation, reason: reason.to_string() }
}
