//! Who gets a packet, and where in a slot's history it belongs: steps 9 and 14 of docs/architecture.md.

use crate::{
    drops::DropReason,
    extension::KeyframeMark,
    flight::Flight,
    list::List,
    maps::{ENTRY_FROM_KEYFRAME, ENTRY_OWN_SLOT, Kind, ListEntry, SourceControl},
    slot::Incoming,
    speaker::{self, SpeakerStore},
};

/// The receivers of a packet and the slot it takes at each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The receivers, at least 1.
    pub list: List,
    /// Audio: the speaker's slot, added to `ListEntry::slot`; video: 0.
    pub slot_offset: u32,
    /// Audio: run of the speaker cell; video: 0.
    pub run_high: u32,
}

/// Finds the receivers of a packet of source number `source`; an audio source that speaks takes a free
/// slot.
///
/// # Errors
/// `NoReceiver` and `NoAudioSlot`.
#[inline(always)]
pub fn route(
    kind: Kind,
    source: u32,
    control: &SourceControl,
    speakers: &impl SpeakerStore,
) -> Result<Route, DropReason> {
    let list = List::from_word(control.list);
    if list.copies() == 0 {
        return Err(DropReason::NoReceiver);
    }
    let (slot_offset, run_high) = match kind {
        Kind::Video => (0, 0),
        Kind::Audio => {
            let claim = speaker::find_or_claim(speakers, source)?;
            (claim.slot as u32, claim.run)
        }
    };
    Ok(Route { list, slot_offset, run_high })
}

/// The run that a copy belongs to; see "Runs" in docs/architecture.md.
#[inline(always)]
pub const fn run_of(entry: &ListEntry, flight: &Flight) -> u64 {
    match Kind::from_number(flight.kind) {
        Kind::Audio if has_own_slot(entry) => (entry.run as u64) << 32 | flight.gate_run as u64,
        Kind::Audio => (flight.run_high as u64) << 32 | flight.gate_run as u64,
        Kind::Video => (entry.run as u64) << 32,
    }
}

/// The slot (number in `SLOTS`) that a copy goes through.
#[inline(always)]
pub const fn slot_of(entry: &ListEntry, flight: &Flight) -> u32 {
    if has_own_slot(entry) { entry.slot } else { entry.slot.wrapping_add(flight.slot_offset) }
}

#[inline(always)]
const fn has_own_slot(entry: &ListEntry) -> bool {
    entry.flags & ENTRY_OWN_SLOT != 0
}

/// What a copy for this entry asks its slot.
#[inline(always)]
pub const fn incoming(entry: &ListEntry, flight: &Flight) -> Incoming {
    Incoming {
        kind: Kind::from_number(flight.kind),
        run: run_of(entry, flight),
        from_keyframe: entry.flags & ENTRY_FROM_KEYFRAME != 0,
        mark: KeyframeMark::from_number(flight.mark),
        index: flight.effective,
        frame_id: if flight.frame_id_offset == 0 { None } else { Some(flight.frame_id) },
        timestamp: flight.timestamp,
        arrival: flight.arrival,
        bytes: flight.payload_len as u32,
    }
}
