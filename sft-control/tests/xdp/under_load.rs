//! Everything that changes a conference, while two CPUs receive its media as fast as copies can be checked: no
//! copy is wrong, none comes twice, none is under a wrong key, and who is not concerned misses none.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use aya::maps::{MapData, PerCpuArray};
use sft_common::{
    drops::DropReason::{self, BeforeBase, NoPath, StaleReference, Superseded},
    maps::{AUDIO_SLOTS, Counter, name},
};
use sft_control::{
    core::table::{ConferenceTable, Layer, LegId, Source, Subscription},
    dataplane::{
        Lane, Tuple,
        user::{UserLane, Verdict},
    },
    sockets::{MediaSockets, ReceiveBatch, SendBatch},
};

use crate::support::{
    conference::transmit_key,
    kernel::monotonic_ns,
    lane::{Server, drops, join, pin_dir},
    packet::{Datagram, Header},
    sender::Sender,
    tables::{
        CONFERENCE, FIRST_INDEX, audio, keys, profile, receiver, slot_ssrc, subscription, tuple, video,
    },
    wire::Sending,
};

const CPUS: usize = 2;
/// Send audio and video. Both see each other.
const SENDERS: [u32; 2] = [1, 2];
/// Sees and hears both all the time.
const WITNESS: u32 = 3;
/// Changes what it sees, and its keys.
const CHANGING: u32 = 4;
/// Comes and goes.
const GUEST: u32 = 5;
/// Packets that may be on their way: their copies fit the rings of the wire.
const WINDOW: u64 = 16;
/// Without a copy.
const PATIENCE: Duration = Duration::from_secs(5);
const CHANGES: u32 = 120;
/// Packets of a stream between two changes.
const BETWEEN: u64 = 30;

fn streams() -> [Sender; 4] {
    let [first, second] = SENDERS;
    [
        Sender::video(first, Layer::Low),
        Sender::audio(first),
        Sender::video(second, Layer::Low),
        Sender::audio(second),
    ]
}

/// Sends numbered packets of all streams from both CPUs, so that the packets of a stream come by both.
struct Load {
    /// Packets that may be sent.
    allowed: AtomicU64,
    next: AtomicU64,
    end: AtomicBool,
}

impl Load {
    /// Also after a failure, which could not be seen otherwise.
    fn ending(&self) -> impl Drop {
        struct Ending<'a>(&'a Load);
        impl Drop for Ending<'_> {
            fn drop(&mut self) {
                self.0.end.store(true, Ordering::Relaxed);
            }
        }
        Ending(self)
    }

    fn send_from(&self, cpu: usize) {
        let wire = Sending::from_cpu(cpu);
        let streams = streams();
        while !self.end.load(Ordering::Relaxed) {
            if self.next.load(Ordering::Relaxed) >= self.allowed.load(Ordering::Relaxed) {
                thread::yield_now();
                continue;
            }
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let stream = (number % streams.len() as u64) as usize;
            wire.send(&streams[stream].loud(number / streams.len() as u64, &payload(stream, number)));
        }
    }
}

/// Tells stream and packet, in different lengths.
fn payload(stream: usize, number: u64) -> Vec<u8> {
    let mut bytes = format!("{stream} {number} ").into_bytes();
    bytes.resize(30 + (number as usize * 7) % 500, stream as u8);
    bytes
}

/// Looks at every copy.
#[derive(Default)]
struct Checker {
    /// SSRC and index of every copy.
    nonces: HashSet<(u32, u64)>,
    /// Receiving leg and packet of every copy.
    copies: HashSet<(u32, u64)>,
    /// Copies of the witness by stream.
    witnessed: HashMap<usize, u64>,
}

impl Checker {
    /// The leg, by the slot's SSRC, and not by its address: a leg that takes another's place has its address.
    fn note(&mut self, copy: &Datagram) {
        let (header, length) = Header::read(&copy.payload);
        let (leg, slot) = ((header.ssrc - slot_ssrc(0, 0)) / 256, (header.ssrc - slot_ssrc(0, 0)) % 256);
        let index = u64::from(header.sequence);
        let opened = transmit_key(leg, profile(leg)).open(&copy.payload, length, index);
        let opened = opened.unwrap_or_else(|| panic!("leg {leg}: a copy does not verify: {header:?}"));
        let text = String::from_utf8_lossy(&opened);
        let mut words = text.split(' ').map(str::parse);
        let (Some(Ok(stream)), Some(Ok(number))) = (words.next(), words.next()) else {
            panic!("leg {leg}: not what was sent: {text}")
        };
        assert_eq!(opened, payload(stream, number as u64), "leg {leg}");
        let is_audio = stream % 2 == 1;
        assert_eq!(is_audio, (slot as usize) < AUDIO_SLOTS, "leg {leg}: stream {stream} in slot {slot}");
        assert_ne!(Some(leg), SENDERS.get(stream / 2).copied(), "its own media");
        assert!(self.nonces.insert((header.ssrc, index)), "leg {leg}: index {index} again");
        assert!(self.copies.insert((leg, number as u64)), "leg {leg}: packet {number} again");
        if leg == WITNESS {
            *self.witnessed.entry(stream).or_default() += 1;
        }
    }

    /// Packets of each stream that the witness has got.
    fn progress(&self) -> u64 {
        (0..streams().len())
            .map(|stream| self.witnessed.get(&stream).copied().unwrap_or(0))
            .min()
            .unwrap_or(0)
    }
}

/// Who is in the conference, and what it sees.
struct Call {
    /// The leg that is where [`CHANGING`] began, with other keys each time.
    changing: u32,
    run: u32,
    /// Sender whose video it sees.
    sees: u32,
    guest: Option<u32>,
}

impl Call {
    fn new() -> Call {
        Call { changing: CHANGING, run: 1, sees: 1, guest: None }
    }

    fn legs(&self) -> Vec<u32> {
        [SENDERS[0], SENDERS[1], WITNESS, self.changing].into_iter().chain(self.guest).collect()
    }

    fn table(&self) -> ConferenceTable {
        let legs = self.legs();
        let images = SENDERS.map(|sender| {
            let mut subscribers: Vec<Subscription> = Vec::new();
            subscribers
                .extend(SENDERS.into_iter().filter(|leg| *leg != sender).map(|leg| subscription(leg, 0, 1)));
            subscribers.push(subscription(WITNESS, (sender - 1) as u8, 1));
            subscribers.extend((self.sees == sender).then(|| subscription(self.changing, 0, self.run)));
            subscribers.extend(self.guest.map(|guest| subscription(guest, (sender - 1) as u8, 1)));
            video(sender, Layer::Low, subscribers)
        });
        let sounds = SENDERS.map(|sender| audio(sender, &legs));
        let sources: Vec<Source> = images.into_iter().chain(sounds).collect();
        ConferenceTable {
            conference: CONFERENCE,
            receivers: legs.iter().map(|leg| receiver(*leg).into()).collect(),
            sources,
        }
    }

    /// The n-th change.
    fn change(&mut self, lane: &mut dyn Lane, number: u32) {
        match number % 4 {
            0 => {
                let guest = GUEST + 10 * (1 + number);
                join(lane, guest).unwrap();
                self.guest = Some(guest);
            }
            1 => (self.sees, self.run) = (3 - self.sees, self.run + 1),
            2 => {
                // A new association over the pair of the old one.
                let (old, new) = (LegId(self.changing), CHANGING + 10 * (1 + number));
                let place = tuple(CHANGING);
                lane.install_leg(CONFERENCE, LegId(new), &keys(new)).unwrap();
                self.changing = new;
                lane.publish(&self.table()).unwrap();
                lane.accept_tuple(LegId(new), place).unwrap();
                lane.select_tuple(LegId(new), place).unwrap();
                lane.remove_leg(old);
            }
            _ => {
                let guest = self.guest.take();
                lane.publish(&self.table()).unwrap();
                lane.remove_leg(LegId(guest.unwrap()));
            }
        }
        lane.publish(&self.table()).unwrap();
    }
}

/// The call under load, its copies and where they come from.
struct Scene {
    server: Server,
    checker: Checker,
    load: Load,
    /// The lane that has taken over, with its sockets.
    user: Option<(UserLane, MediaSockets)>,
}

impl Scene {
    fn new(call: &Call) -> Scene {
        let mut server = Server::with_queues(CPUS);
        for leg in call.legs() {
            join(&mut server.lane, leg).unwrap();
        }
        server.lane.publish(&call.table()).unwrap();
        let load = Load { allowed: AtomicU64::new(0), next: AtomicU64::new(0), end: AtomicBool::new(false) };
        // What is before the first packet of a stream is not forwarded, so that one comes alone.
        for (number, stream) in (0..).zip(streams()) {
            server.wire.send(&stream.loud(0, &payload(number as usize, number)));
            load.next.store(number + 1, Ordering::Relaxed);
        }
        Scene { server, checker: Checker::default(), load, user: None }
    }

    /// Sends, checks what comes, and calls `change` each time the witness has got enough more, until that says
    /// that it is enough.
    fn run(&mut self, mut change: impl FnMut(&mut Server, &mut Option<(UserLane, MediaSockets)>) -> bool) {
        let Scene { server, checker, load, user } = self;
        thread::scope(|scope| {
            let load = &*load;
            let _ending = load.ending();
            (0..CPUS).for_each(|cpu| drop(scope.spawn(move || load.send_from(cpu))));
            let (mut last, mut next) = (Instant::now(), BETWEEN);
            loop {
                user.as_mut().into_iter().for_each(|(lane, sockets)| forward(lane, sockets));
                if let Some(copy) = server.wire.waiting() {
                    checker.note(&copy);
                    last = Instant::now();
                } else if last.elapsed() > PATIENCE {
                    panic!("copies stay away: {:?}, {:?}", checker.witnessed, drops(&server.lane));
                }
                load.allowed.store(checker.progress() * streams().len() as u64 + WINDOW, Ordering::Relaxed);
                if checker.progress() >= next {
                    next += BETWEEN;
                    if change(server, user) {
                        break;
                    }
                }
            }
        });
        self.finish();
    }

    /// Takes what is still on its way, and looks whether all is there.
    fn finish(&mut self) {
        let Scene { server, checker, load, user } = self;
        let (sent, start) = (load.next.load(Ordering::Relaxed), Instant::now());
        let missing = |checker: &Checker| -> Vec<u64> {
            (0..sent).filter(|number| !checker.copies.contains(&(WITNESS, *number))).collect()
        };
        while !missing(checker).is_empty() && start.elapsed() < PATIENCE {
            user.as_mut().into_iter().for_each(|(lane, sockets)| forward(lane, sockets));
            std::iter::from_fn(|| server.wire.waiting()).for_each(|copy| checker.note(&copy));
        }
        let missing = missing(checker);
        assert!(missing.is_empty(), "the witness misses {missing:?}: {:?}", drops(&server.lane));
        let first = (slot_ssrc(WITNESS, AUDIO_SLOTS), FIRST_INDEX);
        assert!(checker.nonces.contains(&first), "the first copy");
        let both = received_by_cpu();
        let busy = both.iter().filter(|packets| **packets > sent / 10);
        assert_eq!(busy.count(), CPUS, "{both:?}: one CPU had it all");
    }
}

/// What has come to the sockets goes on.
fn forward(lane: &mut UserLane, sockets: &MediaSockets) {
    let (mut received, mut outgoing) = (ReceiveBatch::default(), SendBatch::default());
    for socket in sockets.iter() {
        while socket.receive(&mut received).is_ok() {
            for (remote, packet) in received.iter_mut() {
                let place = Tuple { local: socket.local(), remote };
                assert_eq!(lane.forward(place, packet, monotonic_ns(), &mut outgoing), Verdict::Finished);
            }
            let report = outgoing.flush(sockets, |_, _| false);
            assert_eq!((report.full, report.refused), (0, 0));
        }
    }
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn joins_switches_rekeys_and_leaves() {
    let mut call = Call::new();
    let mut scene = Scene::new(&call);
    let mut changes = 0;
    scene.run(|server, _| {
        call.change(&mut server.lane, changes);
        changes += 1;
        changes == CHANGES
    });
    let concerned: [DropReason; 4] = [Superseded, BeforeBase, NoPath, StaleReference];
    let drops = drops(&scene.server.lane);
    assert!(drops.iter().all(|(reason, _)| concerned.contains(reason)), "{drops:?}");
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn a_conference_changes_lanes() {
    let call = Call::new();
    let mut scene = Scene::new(&call);
    let mut changes = 0;
    scene.run(|server, user| {
        if changes == 3 {
            server.wire.like_a_cable();
            let mut lane = UserLane::new();
            for leg in call.legs() {
                join(&mut lane, leg).unwrap();
            }
            lane.publish(&call.table()).unwrap();
            let places = [tuple(SENDERS[0]).local, tuple(SENDERS[1]).local];
            let sockets = MediaSockets::bind(&places).unwrap();
            lane.import(CONFERENCE, server.lane.export(CONFERENCE).unwrap());
            *user = Some((lane, sockets));
        }
        changes += 1;
        changes == 10
    });
    let (lane, _) = scene.user.take().unwrap();
    assert!(lane.counters().video_copies > 0 && scene.server.lane.counters().video_copies > 0);
    assert_eq!(drops(&scene.server.lane), []);
    assert_eq!(drops(&lane), []);
}

/// RTP packets that came in on each CPU.
fn received_by_cpu() -> Vec<u64> {
    let map = MapData::from_pin(pin_dir().join(name::COUNTERS)).unwrap();
    let counters = PerCpuArray::<_, u64>::try_from(aya::maps::Map::PerCpuArray(map)).unwrap();
    counters.get(&(Counter::RtpReceived as u32), 0).unwrap().to_vec()
}
