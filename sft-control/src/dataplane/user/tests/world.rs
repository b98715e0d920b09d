//! A conference in small: clients that make packets, a lane, and what comes out of it in the clear.

use std::collections::{BTreeMap, HashSet};

use sft_common::{
    drops::DropReason,
    maps::{AUDIO_SLOTS, KeyRecord, Profile},
    srtp::{DONE, Frame, TAG_ROOM, Work, counter_mode, gcm},
};

use crate::{
    core::table::{
        ConferenceId, ConferenceTable, Layer, LegId, Media, Receiver, SlotStart, Source, Subscription,
    },
    dataplane::{
        Lane, LegKeys, SessionKey, Tuple,
        user::{Outbox, UserLane, Verdict},
    },
    srtp::RtpCipher,
};

pub(super) const CONFERENCE: ConferenceId = ConferenceId(3);
pub(super) const PROFILES: [Profile; 3] =
    [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmHmacSha1_80];
/// Index that every slot starts with: the first rollover is near.
pub(super) const OUT_START: u64 = 32_000;
pub(super) const OUT_TIMESTAMP: u32 = 0xffff_ff00;
const VIDEO_SLOTS: usize = 2;

fn key(profile: Profile, seed: u8) -> SessionKey {
    let authentication = if profile == Profile::Aes128CmHmacSha1_80 { 20 } else { 0 };
    SessionKey {
        profile,
        encryption: vec![seed; profile.key_len()],
        authentication: vec![seed ^ 0x55; authentication],
        salt: vec![seed ^ 0xaa; profile.salt_len()],
    }
}

/// Each leg has a profile of its own, so that copies change between profiles.
pub(super) fn keys(leg: u32) -> LegKeys {
    let profile = PROFILES[leg as usize % PROFILES.len()];
    LegKeys { receive: key(profile, leg as u8), transmit: key(profile, leg as u8 ^ 0x80) }
}

pub(super) fn tuple(leg: u32) -> Tuple {
    let port = 10_000 + leg as u16;
    Tuple { local: ([192, 0, 2, 1], 4000).into(), remote: ([198, 51, 100, 7], port).into() }
}

pub(super) fn audio_ssrc(leg: u32) -> u32 {
    0xa000_0000 | leg
}

pub(super) fn video_ssrc(leg: u32, layer: Layer) -> u32 {
    0xb000_0000 | leg << 1 | (layer == Layer::High) as u32
}

pub(super) fn csrc(leg: u32) -> u32 {
    0xc000_0000 | leg
}

/// SSRC of a leg's slot: audio 0 to 4, video from 5 on.
pub(super) fn slot_ssrc(leg: u32, slot: usize) -> u32 {
    0xd000_0000 | leg << 8 | slot as u32
}

pub(super) fn receiver(leg: u32) -> Receiver {
    let start = |slot| SlotStart { ssrc: slot_ssrc(leg, slot), index: OUT_START, timestamp: OUT_TIMESTAMP };
    Receiver {
        leg: LegId(leg),
        audio: (0..AUDIO_SLOTS).map(start).collect(),
        video: (AUDIO_SLOTS..AUDIO_SLOTS + VIDEO_SLOTS).map(start).collect(),
        named: Vec::new(),
    }
}

pub(super) fn subscription(receiver: u32, slot: u8, run: u32) -> Subscription {
    Subscription { receiver: LegId(receiver), slot, run, from_keyframe: false }
}

pub(super) fn audio_source(leg: u32, legs: &[u32]) -> Source {
    Source {
        leg: LegId(leg),
        ssrc: audio_ssrc(leg),
        csrc: csrc(leg),
        media: Media::Audio,
        subscribers: legs.iter().map(|&leg| subscription(leg, 0, 0)).collect(),
    }
}

pub(super) fn video_source(leg: u32, layer: Layer, subscribers: Vec<Subscription>) -> Source {
    Source {
        leg: LegId(leg),
        ssrc: video_ssrc(leg, layer),
        csrc: csrc(leg),
        media: Media::Video { layer },
        subscribers: subscribers.into(),
    }
}

/// Everybody hears everybody; video as given.
pub(super) fn table(legs: &[u32], video: Vec<Source>) -> ConferenceTable {
    let audio = legs.iter().map(|&leg| audio_source(leg, legs));
    ConferenceTable {
        conference: CONFERENCE,
        receivers: legs.iter().map(|&leg| receiver(leg).into()).collect(),
        sources: audio.chain(video).collect(),
    }
}

/// A lane with these legs, whose pairs are validated and selected.
pub(super) fn lane(legs: &[u32]) -> UserLane {
    let mut lane = UserLane::new();
    for &leg in legs {
        lane.install_leg(CONFERENCE, LegId(leg), &keys(leg)).unwrap();
        lane.accept_tuple(LegId(leg), tuple(leg)).unwrap();
        lane.select_tuple(LegId(leg), tuple(leg)).unwrap();
    }
    lane
}

/// A packet as a client makes it.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) ssrc: u32,
    pub(super) index: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) padding: bool,
    pub(super) csrcs: Vec<u32>,
    /// One-byte elements: id and data.
    pub(super) extensions: Vec<(u8, Vec<u8>)>,
    pub(super) payload: Vec<u8>,
}

impl Sent {
    pub(super) fn audio(leg: u32, index: u64, level: u8) -> Sent {
        Sent {
            ssrc: audio_ssrc(leg),
            index,
            timestamp: (index as u32).wrapping_mul(960),
            marker: false,
            padding: false,
            csrcs: Vec::new(),
            extensions: vec![(1, vec![level])],
            payload: vec![leg as u8; 80],
        }
    }

    pub(super) fn video(leg: u32, layer: Layer, index: u64, descriptor: u8) -> Sent {
        Sent {
            ssrc: video_ssrc(leg, layer),
            timestamp: (index as u32).wrapping_mul(3000),
            extensions: vec![(11, vec![descriptor])],
            payload: vec![index as u8; 900],
            ..Sent::audio(leg, index, 0)
        }
    }

    /// The packet in the clear.
    pub(super) fn plain(&self) -> Vec<u8> {
        let first = 0x80
            | u8::from(self.padding) << 5
            | u8::from(!self.extensions.is_empty()) << 4
            | self.csrcs.len() as u8;
        let mut packet = vec![first, u8::from(self.marker) << 7 | 111];
        packet.extend((self.index as u16).to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        self.csrcs.iter().for_each(|csrc| packet.extend(csrc.to_be_bytes()));
        if !self.extensions.is_empty() {
            let mut elements = Vec::new();
            for (id, data) in &self.extensions {
                elements.push(id << 4 | (data.len() - 1) as u8);
                elements.extend(data);
            }
            elements.resize(elements.len().next_multiple_of(4), 0);
            packet.extend([0xbe, 0xde]);
            packet.extend(((elements.len() / 4) as u16).to_be_bytes());
            packet.extend(elements);
        }
        packet.extend(&self.payload);
        packet
    }

    /// The packet under the key of the leg that sends it.
    pub(super) fn sealed(&self, leg: u32) -> Vec<u8> {
        let mut packet = self.plain();
        let header_len = packet.len() - self.payload.len();
        RtpCipher::new(&keys(leg).receive)
            .unwrap()
            .seal(&mut packet, header_len, self.ssrc, self.index)
            .unwrap();
        packet
    }
}

/// Everything that a lane sends.
#[derive(Default)]
pub(super) struct Sink(pub(super) Vec<(Tuple, Vec<u8>)>);

impl Outbox for Sink {
    fn push(&mut self, tuple: Tuple, datagram: &[u8]) {
        self.0.push((tuple, datagram.to_vec()));
    }
}

/// A copy, opened by its receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) leg: u32,
    /// Number of the slot, audio first.
    pub(super) slot: usize,
    pub(super) index: u64,
    pub(super) timestamp: u32,
    pub(super) csrcs: Vec<u32>,
    pub(super) marker: bool,
    pub(super) padding: bool,
    /// With their own header.
    pub(super) extensions: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

/// The clients, as receivers: what they remember of every stream, and every nonce they have seen.
#[derive(Default)]
pub(super) struct Clients {
    highest: BTreeMap<u32, u64>,
    nonces: HashSet<(u32, u32, u64)>,
}

impl Clients {
    pub(super) fn open_all(&mut self, sink: &mut Sink) -> Vec<Copy> {
        sink.0.drain(..).map(|(to, datagram)| self.open(to, &datagram)).collect()
    }

    /// Opens a copy as RFC 3711 has it, and sees that no index occurs twice.
    fn open(&mut self, to: Tuple, datagram: &[u8]) -> Copy {
        let leg = u32::from(to.remote.port() - 10_000);
        assert_eq!(to, tuple(leg));
        let field = |at: usize| u32::from_be_bytes(datagram[at..at + 4].try_into().unwrap());
        let (ssrc, sequence) = (field(8), field(0) as u16);
        let highest = self.highest.get(&ssrc).copied().unwrap_or(OUT_START);
        let index = (0..3)
            .filter_map(|round| ((highest >> 16) + round).checked_sub(1))
            .map(|round| round << 16 | u64::from(sequence))
            .min_by_key(|index| index.abs_diff(highest))
            .unwrap();
        assert!(self.nonces.insert((leg, ssrc, index)), "index {index} of {ssrc:x} occurs twice");
        self.highest.insert(ssrc, highest.max(index));
        let csrcs = usize::from(datagram[0] & 0x0f);
        let mut header_len = 12 + 4 * csrcs;
        let extensions_at = header_len;
        if datagram[0] & 0x10 != 0 {
            header_len += 4 + 4 * (field(header_len) as u16 as usize);
        }
        let payload = open_by_programs(&keys(leg).transmit, datagram, header_len, ssrc, index);
        assert_eq!(ssrc & !0xff, slot_ssrc(leg, 0), "the slot of another leg");
        Copy {
            leg,
            slot: (ssrc & 0xff) as usize,
            index,
            timestamp: field(4),
            csrcs: (0..csrcs).map(|n| field(12 + 4 * n)).collect(),
            marker: datagram[1] & 0x80 != 0,
            padding: datagram[0] & 0x20 != 0,
            extensions: datagram[extensions_at..header_len].to_vec(),
            payload,
        }
    }
}

/// The payload, by the other implementation of SRTP.
fn open_by_programs(key: &SessionKey, packet: &[u8], header: usize, ssrc: u32, index: u64) -> Vec<u8> {
    let record =
        Box::new(KeyRecord::expand(key.profile, &key.encryption, &key.authentication, &key.salt).unwrap());
    let mut frame = [packet, &[0; TAG_ROOM]].concat();
    let payload = packet.len() - header - key.profile.tag_len();
    let mut work = Work {
        header: header as u32,
        payload: payload as u32,
        ssrc: u32::from_ne_bytes(ssrc.to_be_bytes()),
        index,
        ..Work::default()
    };
    let range = frame.as_mut_ptr_range();
    let bounds = Frame { data: range.start, end: range.end };
    // SAFETY: the frame, the record and the work are ours.
    let verdict = unsafe {
        match key.profile {
            Profile::AeadAes128Gcm => gcm::compute::<10, false>(bounds, &*record, &raw mut work),
            Profile::AeadAes256Gcm => gcm::compute::<14, false>(bounds, &*record, &raw mut work),
            Profile::Aes128CmHmacSha1_80 => counter_mode::open(bounds, &*record, &raw mut work),
        }
    };
    assert_eq!(verdict, DONE, "a copy that its receiver cannot open");
    frame[header..header + payload].to_vec()
}

/// A lane and its clients.
pub(super) struct World {
    pub(super) lane: UserLane,
    pub(super) clients: Clients,
    pub(super) now_ns: u64,
}

impl World {
    pub(super) fn new(legs: &[u32]) -> World {
        World { lane: lane(legs), clients: Clients::default(), now_ns: 1_000_000_000 }
    }

    /// `legs`, and a table for them.
    pub(super) fn with_table(legs: &[u32], video: Vec<Source>) -> World {
        let mut world = World::new(legs);
        world.lane.publish(&table(legs, video)).unwrap();
        world
    }

    pub(super) fn raw(&mut self, from: Tuple, packet: &mut [u8]) -> (Verdict, Vec<Copy>) {
        let mut sink = Sink::default();
        self.now_ns += 1_000_000;
        let verdict = self.lane.forward(from, packet, self.now_ns, &mut sink);
        (verdict, self.clients.open_all(&mut sink))
    }

    pub(super) fn send(&mut self, leg: u32, sent: &Sent) -> (Verdict, Vec<Copy>) {
        self.raw(tuple(leg), &mut sent.sealed(leg))
    }

    /// A packet that must be forwarded: its copies.
    pub(super) fn copies(&mut self, leg: u32, sent: &Sent) -> Vec<Copy> {
        let (verdict, copies) = self.send(leg, sent);
        assert_eq!(verdict, Verdict::Finished, "{sent:?}");
        copies
    }

    /// (leg, slot, index) of every copy.
    pub(super) fn places(&mut self, leg: u32, sent: &Sent) -> Vec<(u32, usize, u64)> {
        self.copies(leg, sent).iter().map(|copy| (copy.leg, copy.slot, copy.index)).collect()
    }

    pub(super) fn drops(&self) -> Vec<(DropReason, u64)> {
        self.lane.counters().drops.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}
