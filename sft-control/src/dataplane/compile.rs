//! From a table's subscriptions to the lists that packets are copied by: the same for both lanes.

use std::{collections::HashMap, sync::Arc};

use sft_common::{
    list::{List, NOT_IN_LIST},
    maps::{ENTRY_FROM_KEYFRAME, ENTRY_OWN_SLOT, ListEntry},
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

/// The lists of one table. Audio sources that share their subscriptions share the list.
pub struct Lists<'a> {
    /// The table's receivers, as far as the lane has them.
    places: HashMap<LegId, Place<'a>>,
    audio: HashMap<*const [Subscription], Shared>,
}

struct Shared {
    entries: Arc<[ListEntry]>,
    /// Place of each leg, by its number: a source is looked for in it, and there are as many as places.
    places: HashMap<u32, u32>,
}

impl<'a> Lists<'a> {
    pub fn new(places: impl Iterator<Item = Place<'a>>) -> Self {
        Lists { places: places.map(|place| (place.receiver.leg, place)).collect(), audio: HashMap::new() }
    }

    /// The receivers of a source, in the order of its subscriptions. A subscription of a receiver that the
    /// lane does not have, or of a slot that the receiver does not have, is left out. It is the list `before`
    /// if that says the same.
    pub fn of(&mut self, source: &Source, before: &Arc<[ListEntry]>) -> Arc<[ListEntry]> {
        let shared = matches!(source.media, Media::Audio).then(|| Arc::as_ptr(&source.subscribers));
        if let Some(known) = shared.and_then(|shared| self.audio.get(&shared)) {
            return known.entries.clone();
        }
        let entries = self.entries(source);
        let list = if **before == *entries { before.clone() } else { entries.into() };
        if let Some(shared) = shared {
            let places = list.iter().map(|entry| entry.leg).zip(0..).collect();
            self.audio.insert(shared, Shared { entries: list.clone(), places });
        }
        list
    }

    /// The list of a source, whose leg has this number, if its entries stand in `ENTRIES` from `first` on.
    pub fn reference(&self, source: &Source, entries: &[ListEntry], first: u32, leg: u32) -> List {
        let own = match self.audio.get(&Arc::as_ptr(&source.subscribers)) {
            Some(shared) => shared.places.get(&leg).copied(),
            None => entries.iter().position(|entry| entry.leg == leg).map(|own| own as u32),
        };
        List { first, len: entries.len() as u32, own: own.unwrap_or(NOT_IN_LIST) }
    }

    fn entries(&self, source: &Source) -> Vec<ListEntry> {
        let entry = |subscription: &Subscription| {
            let place = *self.places.get(&subscription.receiver)?;
            match source.media {
                Media::Audio if subscription.run == 0 => audio_entry(place),
                Media::Audio => own_entry(place, subscription, ENTRY_OWN_SLOT),
                Media::Video { .. } => {
                    let flags = if subscription.from_keyframe { ENTRY_FROM_KEYFRAME } else { 0 };
                    own_entry(place, subscription, flags)
                }
            }
        };
        source.subscribers.iter().filter_map(entry).collect()
    }
}

fn audio_entry(place: Place<'_>) -> Option<ListEntry> {
    let entry = ListEntry { leg: place.leg, slot: place.first_slot, run: 0, flags: 0 };
    (!place.receiver.audio.is_empty()).then_some(entry)
}

/// The entry of a slot that the subscription names.
fn own_entry(place: Place<'_>, subscription: &Subscription, flags: u32) -> Option<ListEntry> {
    let slot = place.receiver.audio.len() + usize::from(subscription.slot);
    let entry =
        ListEntry { leg: place.leg, slot: place.first_slot + slot as u32, run: subscription.run, flags };
    (slot < place.receiver.slots().count()).then_some(entry)
}
