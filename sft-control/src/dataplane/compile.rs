//! From a table's subscriptions to the lists that packets are copied by: the same for both lanes.

use sft_common::{
    list::{List, NOT_IN_LIST},
    maps::{ENTRY_FROM_KEYFRAME, ListEntry},
};

use crate::core::table::{LegId, Media, Receiver, Source, Subscription};

/// A receiver as a lane knows it. Its slots have consecutive numbers, the audio slots first.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub receiver: &'a Receiver,
    /// Number of the leg.
    pub leg: u32,
    /// Number of its first slot.
    pub first_slot: u32,
}

/// The receivers of a source, in the order of its subscriptions. A subscription of a receiver that the lane
/// does not have, or of a slot that the receiver does not have, is left out.
pub fn entries<'a>(source: &Source, place: impl Fn(LegId) -> Option<Place<'a>>) -> Vec<ListEntry> {
    let entry = |subscription: &Subscription| {
        let place = place(subscription.receiver)?;
        match source.media {
            Media::Audio { .. } => audio_entry(place),
            Media::Video { .. } => video_entry(place, subscription),
        }
    };
    source.subscribers.iter().filter_map(entry).collect()
}

/// These entries, written from number `first` on, as the list of a source whose leg has this number.
pub fn list(first: u32, entries: &[ListEntry], leg: u32) -> List {
    let own = entries.iter().position(|entry| entry.leg == leg).map_or(NOT_IN_LIST, |own| own as u32);
    List { first, len: entries.len() as u32, own }
}

fn audio_entry(place: Place<'_>) -> Option<ListEntry> {
    let entry = ListEntry { leg: place.leg, slot: place.first_slot, run: 0, flags: 0 };
    (!place.receiver.audio.is_empty()).then_some(entry)
}

fn video_entry(place: Place<'_>, subscription: &Subscription) -> Option<ListEntry> {
    let slot = usize::from(subscription.slot);
    let entry = ListEntry {
        leg: place.leg,
        slot: place.first_slot + (place.receiver.audio.len() + slot) as u32,
        run: subscription.run,
        flags: if subscription.from_keyframe { ENTRY_FROM_KEYFRAME } else { 0 },
    };
    (slot < place.receiver.video.len()).then_some(entry)
}

/// `SourceControl::reserved_slot` of a source.
pub const fn reserved_slot(media: Media) -> u64 {
    match media {
        Media::Audio { reserved_run: Some(run) } => (run as u64) << 32 | 1,
        Media::Audio { reserved_run: None } | Media::Video { .. } => 0,
    }
}
