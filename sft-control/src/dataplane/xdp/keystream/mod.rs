//! Prepares key stream for the next packets of every stream that moves, on a thread of its own, so that the
//! XDP programs need not compute AES.
//!
//! It decides nothing that a receiver could notice: what is missing the programs compute themselves. Which
//! entry a packet may use is decided by the programs alone (`sft_common::keystream`).

mod entries;
mod producer;
mod rings;
mod thread;

use std::sync::Arc;

use sft_common::{
    keystream::{Class, LONG_BLOCKS, RingControl, SHORT_BLOCKS},
    maps::Kind,
};

pub use self::thread::KeystreamReading;
pub(super) use self::{entries::Entries, thread::Handle};
use super::memory::Shared;
use crate::srtp::Keystream;

/// Entries of a ring. At the usual 50 packets a second of audio this is more than half a second; a key frame
/// of video fits at a time.
const RING_ENTRIES: u32 = 64;

/// Whose packets a stream holds, by number in the maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Slot(u32),
    Source(u32),
}

/// One SSRC under one key.
pub(super) struct Stream {
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) ssrc: u32,
    pub(super) key: StreamKey,
}

/// What the streams of one direction of a leg have in common.
#[derive(Clone)]
pub(super) struct StreamKey {
    /// `KeyRecord::epoch`.
    pub(super) epoch: u64,
    pub(super) keystream: Arc<Keystream>,
}

/// The memory shared with the programs.
pub(super) struct Memory {
    pub(super) slots: Shared<RingControl>,
    pub(super) sources: Shared<RingControl>,
    pub(super) short: Entries<SHORT_BLOCKS>,
    pub(super) long: Entries<LONG_BLOCKS>,
}

/// How much memory each class gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Entries, whole rings.
    pub(super) short: u32,
    pub(super) long: u32,
}

impl Sizes {
    /// A quarter for short entries, which need a quarter of the room: as many rings of each.
    pub(super) fn of(bytes: u64) -> Sizes {
        let entries = |share: u64, class: Class| {
            let rings = share / (bytes_of(class) * u64::from(RING_ENTRIES));
            u32::try_from(rings).unwrap_or(u32::MAX / RING_ENTRIES) * RING_ENTRIES
        };
        // The order of the programs' loads matters, see `sft_common::keystream`.
        let bytes = if cfg!(target_arch = "x86_64") { bytes } else { 0 };
        Sizes { short: entries(bytes / 5, Class::Short), long: entries(bytes - bytes / 5, Class::Long) }
    }

    pub(super) fn bytes(self) -> u64 {
        u64::from(self.short) * bytes_of(Class::Short) + u64::from(self.long) * bytes_of(Class::Long)
    }
}

fn bytes_of(class: Class) -> u64 {
    let tag = size_of::<sft_common::keystream::KeystreamTag>();
    (tag + 16 * class.blocks()) as u64
}

/// The class for packets of this kind.
fn class_of(kind: Kind) -> Class {
    match kind {
        Kind::Audio => Class::Short,
        Kind::Video => Class::Long,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_by_what_was_asked_for() {
        for bytes in [0, 1, 40_959, 1 << 20, 64 << 20, 1 << 40] {
            let sizes = Sizes::of(bytes);
            assert!(sizes.bytes() <= bytes, "{bytes}: {sizes:?}");
            assert!(sizes.short.is_multiple_of(RING_ENTRIES) && sizes.long.is_multiple_of(RING_ENTRIES));
        }
        assert!(Sizes::of(64 << 20).bytes() > 63 << 20);
    }
}
