//! The producer's thread: when it runs, what it is told, what it says of itself.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Memory, Place, Sizes, Stream,
    producer::{Pass, Producer},
};

/// Between two passes while streams move, at most: a client does not send half a ring in less.
const MOVING: Duration = Duration::from_millis(4);
/// Between two passes while none does.
const RESTING: Duration = Duration::from_millis(20);
/// Between two passes, at least.
const SHORTEST: Duration = Duration::from_micros(50);

enum Command {
    Add(Stream),
    Remove(Place),
}

/// What the lane holds of the thread, which ends when it is dropped.
pub(in crate::dataplane::xdp) struct Handle {
    commands: mpsc::Sender<Command>,
    figures: Arc<Figures>,
    bytes: u64,
}

#[derive(Default)]
struct Figures {
    prepared: AtomicU64,
    rings: AtomicU64,
    cpu_ns: AtomicU64,
}

/// How the producer is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeystreamReading {
    /// Memory of all rings, in bytes.
    pub bytes: u64,
    /// Streams that have a ring now.
    pub rings: u64,
    /// Packets prepared for since start.
    pub prepared: u64,
    /// CPU time of the thread since start, in ns.
    pub cpu_ns: u64,
}

impl Handle {
    /// Starts the thread.
    pub(in crate::dataplane::xdp) fn start(memory: Memory, sizes: Sizes) -> io::Result<Handle> {
        let (commands, queue) = mpsc::channel();
        let figures = Arc::new(Figures::default());
        let told = Arc::clone(&figures);
        let producer = Producer::new(memory, sizes, Instant::now());
        thread::Builder::new().name("keystream".into()).spawn(move || run(producer, &queue, &told))?;
        Ok(Handle { commands, figures, bytes: sizes.bytes() })
    }

    pub(in crate::dataplane::xdp) fn add(&self, stream: Stream) {
        // Without the thread the programs compute.
        let _ = self.commands.send(Command::Add(stream));
    }

    pub(in crate::dataplane::xdp) fn remove(&self, place: Place) {
        let _ = self.commands.send(Command::Remove(place));
    }

    pub(in crate::dataplane::xdp) fn reading(&self) -> KeystreamReading {
        let figure = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        KeystreamReading {
            bytes: self.bytes,
            rings: figure(&self.figures.rings),
            prepared: figure(&self.figures.prepared),
            cpu_ns: figure(&self.figures.cpu_ns),
        }
    }
}

fn run(mut producer: Producer, queue: &mpsc::Receiver<Command>, figures: &Figures) {
    let mut pause = RESTING;
    loop {
        match queue.recv_timeout(pause) {
            Ok(first) => {
                for command in std::iter::once(first).chain(queue.try_iter()) {
                    match command {
                        Command::Add(stream) => producer.add(stream, Instant::now()),
                        Command::Remove(place) => producer.remove(place),
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let pass = producer.pass(Instant::now());
        pause = next_pause(pause, pass);
        figures.prepared.fetch_add(pass.prepared, Ordering::Relaxed);
        figures.rings.store(pass.moving as u64, Ordering::Relaxed);
        figures.cpu_ns.store(cpu_time(), Ordering::Relaxed);
    }
}

/// So long that the fastest stream uses up half of its lead.
fn next_pause(last: Duration, pass: Pass) -> Duration {
    let longest = if pass.moving == 0 { RESTING } else { MOVING };
    if pass.used == 0.0 {
        return longest;
    }
    last.max(SHORTEST).mul_f64(0.5 / pass.used).clamp(SHORTEST, longest)
}

/// Of the calling thread, in ns.
fn cpu_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_stream_is_looked_at_more_often() {
        let pass = |used| Pass { used, moving: 1, prepared: 0 };
        assert_eq!(next_pause(MOVING, pass(0.0)), MOVING);
        assert_eq!(next_pause(MOVING, pass(1.0)), MOVING / 2);
        assert_eq!(next_pause(SHORTEST, pass(100.0)), SHORTEST);
        assert_eq!(next_pause(SHORTEST, pass(0.1)), SHORTEST.mul_f64(5.0));
        assert_eq!(next_pause(MOVING, Pass::default()), RESTING);
    }
}
