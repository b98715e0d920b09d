//! What is prepared, and when. Clock and waiting are the caller's.
//!
//! A stream gets a ring when it moves and loses it when it has rested, so memory follows the subscribed layers
//! and the active speakers, whoever decides about them.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use sft_common::{
    index::INDEX_END,
    keystream::{Class, Ring, RingControl},
};

use super::{Memory, Place, Sizes, Stream, StreamKey, class_of, rings::Rings};
use crate::dataplane::xdp::memory::Shared;

/// A stream that has not moved for so long gives its ring back.
const REST: Duration = Duration::from_secs(2);
/// Streams without a ring are looked at in so many shares, one share a time.
const SHARES: usize = 8;
/// Between two looks at streams without a ring, at least: there may be ten thousand of them.
const LOOK: Duration = Duration::from_micros(2500);
/// Words of `RingControl`.
const RING: usize = 0;
const POSITION: usize = 1;

/// What one pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Pass {
    /// Entries written.
    pub(super) prepared: u64,
    /// Largest share of its lead that a stream used up since the last pass, from 0 to 1 and more.
    pub(super) used: f64,
    /// Streams with a ring.
    pub(super) moving: usize,
}

/// All streams.
pub(super) struct Producer {
    slots: Streams,
    sources: Streams,
    rings: Rings,
    share: usize,
    looked: Instant,
}

/// Those of slots, or those of sources, by number.
struct Streams {
    control: Shared<RingControl>,
    states: Vec<Option<State>>,
    /// Numbers of those with a ring.
    moving: Vec<u32>,
}

struct State {
    class: Class,
    ssrc: u32,
    key: StreamKey,
    /// Position at the last look.
    seen: u64,
    moved: Instant,
    ring: Option<Ring>,
    /// Index of the next entry to write, once there is a ring.
    next: u64,
}

impl Producer {
    pub(super) fn new(memory: Memory, sizes: Sizes, now: Instant) -> Self {
        Producer {
            slots: Streams::new(memory.slots),
            sources: Streams::new(memory.sources),
            rings: Rings::new(memory.short, memory.long, sizes),
            share: 0,
            looked: now,
        }
    }

    /// A stream that may begin to move from now on.
    pub(super) fn add(&mut self, stream: Stream, now: Instant) {
        let (streams, number) = match stream.place {
            Place::Slot(number) => (&mut self.slots, number),
            Place::Source(number) => (&mut self.sources, number),
        };
        streams.release(number, &mut self.rings);
        let state = State {
            class: class_of(stream.kind),
            ssrc: stream.ssrc,
            key: stream.key,
            seen: streams.position(number),
            moved: now,
            ring: None,
            next: 0,
        };
        if let Some(place) = streams.states.get_mut(number as usize) {
            *place = Some(state);
        }
    }

    /// A stream that will not move any more.
    pub(super) fn remove(&mut self, place: Place) {
        let (streams, number) = match place {
            Place::Slot(number) => (&mut self.slots, number),
            Place::Source(number) => (&mut self.sources, number),
        };
        streams.forget(number, &mut self.rings);
    }

    /// Prepares what is missing.
    pub(super) fn pass(&mut self, now: Instant) -> Pass {
        let mut pass = Pass::default();
        let look = now.saturating_duration_since(self.looked) >= LOOK;
        if look {
            self.share = (self.share + 1) % SHARES;
            self.looked = now;
        }
        for streams in [&mut self.slots, &mut self.sources] {
            streams.refill(&mut self.rings, now, &mut pass);
            if look {
                streams.look_for_moving(&mut self.rings, self.share, now, &mut pass);
            }
            pass.moving += streams.moving.len();
        }
        pass
    }
}

impl Streams {
    fn new(control: Shared<RingControl>) -> Self {
        let states = (0..control.len()).map(|_| None).collect();
        Streams { control, states, moving: Vec::new() }
    }

    fn position(&self, number: u32) -> u64 {
        self.control.word(number, POSITION).load(Ordering::Acquire)
    }

    /// Fills rings up, and takes those of streams that rest.
    fn refill(&mut self, rings: &mut Rings, now: Instant, pass: &mut Pass) {
        let (mut rested, mut failed) = (Vec::new(), Vec::new());
        for &number in &self.moving {
            let position = self.position(number);
            let Some(Some(state)) = self.states.get_mut(number as usize) else { continue };
            if position > state.seen {
                let used = (position - state.seen) as f64 / f64::from(lead());
                pass.used = pass.used.max(used);
                state.seen = position;
                state.moved = now;
            }
            match state.fill(rings) {
                Some(prepared) => pass.prepared += prepared,
                None => failed.push(number),
            }
            if now.saturating_duration_since(state.moved) >= REST {
                rested.push(number);
            }
        }
        rested.into_iter().for_each(|number| self.release(number, rings));
        failed.into_iter().for_each(|number| self.forget(number, rings));
    }

    /// Gives rings to streams that have begun to move. Looks at a share of all.
    fn look_for_moving(&mut self, rings: &mut Rings, share: usize, now: Instant, pass: &mut Pass) {
        for number in (share..self.states.len()).step_by(SHARES) {
            let Some(Some(state)) = self.states.get_mut(number) else { continue };
            let number = number as u32;
            let position = self.control.word(number, POSITION).load(Ordering::Acquire);
            if state.ring.is_some() || position == state.seen {
                continue;
            }
            state.seen = position;
            let Some(ring) = rings.take(state.class) else { continue };
            (state.ring, state.next, state.moved) = (Some(ring), position, now);
            pass.prepared += state.fill(rings).unwrap_or(0);
            self.control.store(number, RING, ring.to_word());
            self.moving.push(number);
        }
    }

    fn forget(&mut self, number: u32, rings: &mut Rings) {
        self.release(number, rings);
        if let Some(place) = self.states.get_mut(number as usize) {
            *place = None;
        }
    }

    fn release(&mut self, number: u32, rings: &mut Rings) {
        let state = self.states.get_mut(number as usize).and_then(Option::as_mut);
        let Some(ring) = state.and_then(|state| state.ring.take()) else { return };
        self.control.store(number, RING, Ring::NONE);
        rings.give_back(ring);
        self.moving.retain(|other| *other != number);
    }
}

/// How many packets ahead of the newest one a ring is filled. The rest stays as it is for late packets, and
/// for a program that is at work on an entry while the ring moves on.
fn lead() -> u32 {
    super::RING_ENTRIES - super::RING_ENTRIES / 4
}

impl State {
    /// Writes the entries of the next packets; returns how many. `None`: this stream had better be computed by
    /// the programs.
    fn fill(&mut self, rings: &mut Rings) -> Option<u64> {
        let ring = self.ring?;
        // The position is that of the next packet.
        let first = self.next.max(self.seen);
        let end = (self.seen + u64::from(lead())).min(INDEX_END).max(first);
        if let Err(error) = rings.write(ring, &self.key, self.ssrc, first..end) {
            tracing::warn!(%error, ssrc = self.ssrc, "no key stream is prepared");
            return None;
        }
        self.next = end;
        Some(end - first)
    }
}
