//! The forwarding maps. What is in them, who writes and reads them and what it means when one is full:
//! `sft_common::maps`, and docs/forwarding-maps.md, which is made from it and from the declarations here. Sizes here
//! are those of tests, the control plane sets its own when it loads the programs.

use aya_ebpf::{
    btf_maps::{Array, ArrayOfMaps, DevMap, HashMap, PerCpuArray},
    macros::btf_map,
};
use sft_common::{
    flight::Flights,
    keystream::{KeystreamEntry, LONG_BLOCKS, RingControl, SHORT_BLOCKS},
    maps::{
        ArrivalRing, Config, Counter, DROPS as REASONS, KeyRecord, LegControl, LegRecord, ListEntry,
        LocalKey, MAX_REPLICATION, PathRecord, SourceControl, SourceKey, SourceRecord, SpeakerCells,
        TupleKey,
    },
    slot::LockedSlot,
    source::{LockedSource, SourceStats},
};

use crate::scratch::Scratch;

/// The control plane maps the array into its memory.
const MMAPABLE: usize = 1 << 10;
/// Records of a map unless the control plane says otherwise.
const DEFAULT: usize = 64;

#[btf_map]
pub static CONFIG: Array<Config, 1, MMAPABLE> = Array::new();
#[btf_map]
pub static LOCAL: HashMap<LocalKey, u32, 16> = HashMap::new();
#[btf_map]
pub static TUPLES: HashMap<TupleKey, u32, DEFAULT> = HashMap::new();
#[btf_map]
pub static LEGS: Array<LegRecord, DEFAULT> = Array::new();
#[btf_map]
pub static LEG_CONTROL: Array<LegControl, DEFAULT, MMAPABLE> = Array::new();
#[btf_map]
pub static KEYS: Array<KeyRecord, DEFAULT> = Array::new();
#[btf_map]
pub static SOURCE_IDS: HashMap<SourceKey, u32, DEFAULT> = HashMap::new();
#[btf_map]
pub static SOURCES: Array<SourceRecord, DEFAULT> = Array::new();
#[btf_map]
pub static SOURCE_CONTROL: Array<SourceControl, DEFAULT, MMAPABLE> = Array::new();
#[btf_map]
pub static SOURCE_STATE: Array<LockedSource, DEFAULT> = Array::new();
#[btf_map]
pub static SOURCE_STATS: Array<SourceStats, DEFAULT, MMAPABLE> = Array::new();
#[btf_map]
pub static SPEAKERS: Array<SpeakerCells, DEFAULT, MMAPABLE> = Array::new();
#[btf_map]
pub static ENTRIES: Array<ListEntry, DEFAULT> = Array::new();
/// At n, a device map of n identical entries: one broadcast makes n copies. At `REPLICATE_AND_GO_ON`, one that
/// leads to the next stage, and as many of the others as there can be.
#[btf_map]
pub static REPLICATORS: ArrayOfMaps<DevMap<1>, { MAX_REPLICATION + 2 }> = ArrayOfMaps::new();
#[btf_map]
pub static PATHS: Array<PathRecord, DEFAULT> = Array::new();
#[btf_map]
pub static SLOTS: Array<LockedSlot, DEFAULT> = Array::new();
#[btf_map]
pub static ARRIVALS: Array<ArrivalRing, DEFAULT, MMAPABLE> = Array::new();
#[btf_map]
pub static SOURCE_RINGS: Array<RingControl, DEFAULT, MMAPABLE> = Array::new();
#[btf_map]
pub static SLOT_RINGS: Array<RingControl, DEFAULT, MMAPABLE> = Array::new();
#[btf_map]
pub static KEYSTREAM_SHORT: Array<KeystreamEntry<SHORT_BLOCKS>, DEFAULT, MMAPABLE> = Array::new();
#[btf_map]
pub static KEYSTREAM_LONG: Array<KeystreamEntry<LONG_BLOCKS>, DEFAULT, MMAPABLE> = Array::new();
#[btf_map]
pub static FLIGHT: PerCpuArray<Flights, 1> = PerCpuArray::new();
#[btf_map]
pub static DROPS: PerCpuArray<u64, REASONS> = PerCpuArray::new();
#[btf_map]
pub static COUNTERS: PerCpuArray<u64, { Counter::COUNT }> = PerCpuArray::new();
#[btf_map]
pub static SCRATCH: PerCpuArray<Scratch, 1> = PerCpuArray::new();
