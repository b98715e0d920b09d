//! Every map of the programs, under the names of `sft_common::maps::name`, whose module documents the
//! records.
//!
//! Sizes are placeholders: the loader sets the number of entries of every map whose size depends on how
//! many legs a server carries. All maps are allocated in full and none evicts: when one is full, user
//! space refuses the join.

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    btf_maps::{Array, ArrayOfMaps, DevMap, HashMap, PerCpuArray},
    macros::btf_map,
};
use sft_common::{
    flight::Flights,
    maps::{
        ArrivalRing, Config, Counter, DROPS as REASONS, KeyRecord, LegControl, LegRecord, ListEntry,
        LocalKey, MAX_REPLICATION, PathRecord, SourceControl, SourceKey, SourceRecord, SpeakerCells,
        TupleKey,
    },
    slot::LockedSlot,
    source::{LockedSource, SourceStats},
};

use crate::scratch::Scratch;

/// Shared with user space as memory.
const SHARED: usize = BPF_F_MMAPABLE as usize;
/// Entries where the loader sets the number.
const PLACEHOLDER: usize = 8;

// ---- Written by user space, read here. ------------------------------------------------------------

#[btf_map]
pub static CONFIG: Array<Config, 1, SHARED> = Array::new();
#[btf_map]
pub static LOCAL: HashMap<LocalKey, u32, PLACEHOLDER> = HashMap::new();
#[btf_map]
pub static TUPLES: HashMap<TupleKey, u32, PLACEHOLDER> = HashMap::new();
#[btf_map]
pub static LEGS: Array<LegRecord, PLACEHOLDER> = Array::new();
#[btf_map]
pub static KEYS: Array<KeyRecord, PLACEHOLDER> = Array::new();
#[btf_map]
pub static SOURCE_IDS: HashMap<SourceKey, u32, PLACEHOLDER> = HashMap::new();
#[btf_map]
pub static SOURCES: Array<SourceRecord, PLACEHOLDER> = Array::new();
#[btf_map]
pub static SOURCE_CONTROL: Array<SourceControl, PLACEHOLDER, SHARED> = Array::new();
#[btf_map]
pub static ENTRIES: Array<ListEntry, PLACEHOLDER> = Array::new();
#[btf_map]
pub static PATHS: Array<PathRecord, PLACEHOLDER> = Array::new();
/// Map n holds n entries, all for the same interface and the egress program.
#[btf_map]
pub static REPLICATORS: ArrayOfMaps<DevMap<1>, { MAX_REPLICATION + 1 }> = ArrayOfMaps::new();

// ---- Changed by both. -----------------------------------------------------------------------------

/// The learning budget is counted down here.
#[btf_map]
pub static LEG_CONTROL: Array<LegControl, PLACEHOLDER, SHARED> = Array::new();
/// Changed by compare-and-exchange only.
#[btf_map]
pub static SPEAKERS: Array<SpeakerCells, PLACEHOLDER, SHARED> = Array::new();

// ---- Written here, read by user space. ------------------------------------------------------------

#[btf_map]
pub static SOURCE_STATE: Array<LockedSource, PLACEHOLDER> = Array::new();
#[btf_map]
pub static SOURCE_STATS: Array<SourceStats, PLACEHOLDER, SHARED> = Array::new();
#[btf_map]
pub static SLOTS: Array<LockedSlot, PLACEHOLDER> = Array::new();
#[btf_map]
pub static ARRIVALS: Array<ArrivalRing, PLACEHOLDER, SHARED> = Array::new();
#[btf_map]
pub static DROPS: PerCpuArray<u64, REASONS> = PerCpuArray::new();
#[btf_map]
pub static COUNTERS: PerCpuArray<u64, { Counter::COUNT }> = PerCpuArray::new();

// ---- Ours alone. ----------------------------------------------------------------------------------

#[btf_map]
pub static FLIGHT: PerCpuArray<Flights, 1> = PerCpuArray::new();
/// Neither ingress, egress nor the report of a transmission interrupts another on the same CPU.
#[btf_map]
pub static SCRATCH: PerCpuArray<Scratch, 1> = PerCpuArray::new();
