//! Lists in `ENTRIES`, and the room they have.
//!
//! Most changes of a list add a receiver at its end. There is room for some more behind it, where no packet
//! looks yet: the new receiver is written there, and only the reference, which says how many there are, changes.
//! What packets may be looking at is never overwritten.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use sft_common::maps::ListEntry;

use super::{KernelLane, LaneError, kernel};

/// A list as it stands in the map. Its room goes back when nobody has a list in it any more.
pub(super) struct WrittenList {
    pub(super) entries: Arc<[ListEntry]>,
    room: Arc<Room>,
}

/// Consecutive numbers.
struct Room {
    first: u32,
    len: u32,
    /// How many have been written. Only a list that ends there can be continued.
    written: AtomicU32,
}

impl WrittenList {
    /// Nobody.
    pub(super) fn empty() -> Arc<WrittenList> {
        let room = Room { first: 0, len: 0, written: AtomicU32::new(0) };
        Arc::new(WrittenList { entries: Arc::default(), room: Arc::new(room) })
    }

    /// Number of its first entry.
    pub(super) fn first(&self) -> u32 {
        self.room.first
    }

    /// Whether these entries are this list and some more that its room has place for.
    fn can_become(&self, entries: &[ListEntry]) -> bool {
        let (known, written) = (self.entries.len(), self.room.written.load(Ordering::Relaxed) as usize);
        written == known && entries.len() <= self.room.len as usize && entries.starts_with(&self.entries)
    }
}

impl KernelLane {
    /// Writes a list, behind `before` if it continues that.
    ///
    /// # Errors
    /// `Full` and `Kernel`.
    pub(super) fn write_list(
        &mut self,
        entries: Arc<[ListEntry]>,
        before: &WrittenList,
    ) -> Result<Arc<WrittenList>, LaneError> {
        let (room, known) = match before.can_become(&entries) {
            true => (before.room.clone(), before.entries.len()),
            false => (Arc::new(self.room_for(entries.len() as u32)?), 0),
        };
        for (number, entry) in (room.first..).zip(&*entries).skip(known) {
            self.maps.entries.set(number, *entry, 0).map_err(|error| kernel("writing a list", error))?;
        }
        room.written.store(entries.len() as u32, Ordering::Relaxed);
        Ok(Arc::new(WrittenList { entries, room }))
    }

    /// Half as much again as is needed, if there is so much.
    fn room_for(&mut self, entries: u32) -> Result<Room, LaneError> {
        let ample = entries + entries.div_ceil(2);
        let (first, len) = match self.numbers.entries.take(ample) {
            Ok(first) => (first, ample),
            Err(_) => (self.numbers.entries.take(entries)?, entries),
        };
        Ok(Room { first, len, written: AtomicU32::new(0) })
    }

    /// One source less refers to the list.
    pub(super) fn release_list(&mut self, list: Arc<WrittenList>) {
        if let Some(room) = Arc::into_inner(list).and_then(|list| Arc::into_inner(list.room)) {
            self.numbers.entries.give_back(room.first, room.len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(legs: &[u32]) -> Arc<[ListEntry]> {
        legs.iter().map(|leg| ListEntry { leg: *leg, ..ListEntry::default() }).collect()
    }

    #[test]
    fn only_the_newest_list_of_a_room_is_continued() {
        let room = Arc::new(Room { first: 7, len: 4, written: AtomicU32::new(2) });
        let list = WrittenList { entries: entries(&[1, 2]), room };
        assert!(list.can_become(&entries(&[1, 2, 3])));
        assert!(list.can_become(&entries(&[1, 2, 3, 4])));
        assert!(!list.can_become(&entries(&[1, 2, 3, 4, 5])), "no room");
        assert!(!list.can_become(&entries(&[1, 3])), "another one");
        assert!(!list.can_become(&entries(&[1])), "one less");
        list.room.written.store(3, Ordering::Relaxed);
        assert!(!list.can_become(&entries(&[1, 2, 4])), "another list has gone on");
    }
}
