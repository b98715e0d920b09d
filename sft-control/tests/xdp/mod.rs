//! What the tests of the XDP programs share: loading the object.
#![allow(dead_code, reason = "every test uses its part")]

use std::path::PathBuf;

use aya::{Ebpf, EbpfLoader, VerifierLogLevel};
use sft_common::maps::name;

/// Records in every map whose size the loader sets.
pub(crate) const RECORDS: u32 = 256;

/// Maps whose size the loader sets.
const SIZED: [&str; 15] = [
    name::LOCAL,
    name::TUPLES,
    name::LEGS,
    name::LEG_CONTROL,
    name::KEYS,
    name::SOURCE_IDS,
    name::SOURCES,
    name::SOURCE_CONTROL,
    name::SOURCE_STATE,
    name::SOURCE_STATS,
    name::SPEAKERS,
    name::ENTRIES,
    name::PATHS,
    name::SLOTS,
    name::ARRIVALS,
];

/// The object that `cargo xtask build-ebpf` makes.
fn object() -> Vec<u8> {
    let path = std::env::var_os("SFT_BPF_OBJECT").map(PathBuf::from).unwrap_or_else(|| {
        [env!("CARGO_MANIFEST_DIR"), "../target/bpf/bpfel-unknown-none/release/sft-ebpf"].iter().collect()
    });
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: cargo xtask build-ebpf", path.display()))
}

/// Creates the maps; the programs are not loaded yet.
pub(crate) fn load_object() -> Ebpf {
    let mut loader = EbpfLoader::new();
    for name in SIZED {
        loader.map_max_entries(name, RECORDS);
    }
    loader.verifier_log_level(VerifierLogLevel::STATS);
    loader.load(&object()).unwrap()
}
