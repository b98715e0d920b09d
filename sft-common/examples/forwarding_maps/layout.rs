//! Where the compiler puts the fields of every record.

use std::mem::offset_of;

use sft_common::{
    flight::{Flight, Flights},
    keystream::{KeystreamEntry, KeystreamTag, LONG_BLOCKS, RingControl, SHORT_BLOCKS},
    maps::{
        ArrivalRing, Config, KeyRecord, LegControl, LegRecord, ListEntry, LocalKey, PathRecord,
        SourceControl, SourceKey, SourceRecord, SpeakerCells, TupleKey, bpf_spin_lock,
    },
    slot::{LockedSlot, SlotState},
    source::{LockedSource, SKIPS, SourceStats},
};

/// A record as it lies in memory; all numbers are bytes.
pub(crate) struct Layout {
    /// As the sources name the type.
    pub(crate) record: &'static str,
    pub(crate) size: usize,
    pub(crate) fields: Vec<Field>,
}

pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) offset: usize,
    pub(crate) size: usize,
}

/// Fields that are no business of others, laid out once more.
#[allow(dead_code, reason = "only its layout is of interest")]
mod private {
    use super::SKIPS;

    #[repr(C)]
    pub(super) struct ReplayWindow {
        pub(super) words: [u64; sft_common::replay::WINDOW as usize / 64],
    }

    #[repr(C)]
    pub(super) struct SourceState {
        pub(super) window: ReplayWindow,
        pub(super) skips: [u64; SKIPS],
        pub(super) skipped: u64,
        pub(super) first_index: u64,
        pub(super) highest_index: u64,
        pub(super) packets: u64,
        pub(super) bytes: u64,
        pub(super) keyframes: u64,
        pub(super) auth_failures: u64,
        pub(super) replays: u64,
        pub(super) jitter: u64,
        pub(super) last_arrival_ns: u64,
        pub(super) level: u64,
        pub(super) gate_base: u64,
        pub(super) gate_end: u64,
        pub(super) gate_run: u32,
        pub(super) gate_open: u32,
        pub(super) transit: u32,
        pub(super) started: u32,
    }

    const _: () = assert!(size_of::<ReplayWindow>() == size_of::<sft_common::replay::ReplayWindow>());
    const _: () = assert!(size_of::<SourceState>() == size_of::<sft_common::source::SourceState>());
}
use private::{ReplayWindow, SourceState};

fn size_of_field<R, F>(_: fn(&R) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! layouts {
    ($($record:ty { $($field:ident),* $(,)? })*) => {
        vec![$(Layout {
            record: stringify!($record),
            size: size_of::<$record>(),
            fields: vec![$(Field {
                name: stringify!($field),
                offset: offset_of!($record, $field),
                size: size_of_field::<$record, _>(|record| &record.$field),
            }),*],
        }),*]
    };
}

/// All records, in the order of the page.
pub(crate) fn all() -> Vec<Layout> {
    layouts! {
        Config { lease_until, one, media_port, layout, pid, pad }
        LocalKey { address, port, vlan }
        TupleKey { local, remote, local_port, remote_port }
        LegRecord { receive_key, conference }
        LegControl { egress, flags, learning }
        KeyRecord { salt, one, epoch, profile, pad, round_keys, ghash, hmac_inner, hmac_outer }
        SourceKey { leg, ssrc }
        SourceRecord { leg, ssrc, csrc, kind, conference, pad }
        SourceControl { list }
        LockedSource { lock, pad, state }
        SourceState {
            window, skips, skipped, first_index, highest_index, packets, bytes, keyframes, auth_failures,
            replays, jitter, last_arrival_ns, level, gate_base, gate_end, gate_run, gate_open, transit, started,
        }
        ReplayWindow { words }
        SourceStats {
            packets, bytes, first_index, highest_index, jitter, last_arrival_ns, level, keyframes,
            auth_failures, replays,
        }
        SpeakerCells { cells }
        ListEntry { leg, slot, run, flags }
        PathRecord {
            local, remote, local_port, remote_port, source_mac, destination_mac, family, interface, mtu,
            vlan,
        }
        LockedSlot { lock, pad, state }
        SlotState {
            run, in_base, out_base, out_max, arrival, packets, bytes, superseded, awaiting_keyframe, before_base, ssrc,
            started, timestamp_offset, timestamp, frame_id, frame_offset, framed,
        }
        bpf_spin_lock { val }
        ArrivalRing { cells }
        Flights { next, pad, flights }
        Flight {
            effective, arrival, list, id, next_copy, end_copy, first_receiver, source_leg, csrc, kind,
            slot_offset, run_high, gate_run, mark, timestamp, payload_offset, header_len,
            payload_len, frame_id, first, second, csrc_count, frame_id_offset, pad,
        }
        RingControl { ring, position }
        KeystreamEntry<SHORT_BLOCKS> { tag, blocks }
        KeystreamEntry<LONG_BLOCKS> { tag, blocks }
        KeystreamTag { index, epoch, ssrc, pad }
    }
}
