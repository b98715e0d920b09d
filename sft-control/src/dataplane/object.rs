//! The BPF object inside the binary.

/// The object, if this build has one (docs/toolchain.md).
pub const OBJECT: Option<&[u8]> = if BYTES.is_empty() { None } else { Some(BYTES) };

static BYTES: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/sft-ebpf.o"));
