//! A conference in the maps, as the control plane would publish it.
//!
//! Leg n has receive key 2n and transmit key 2n + 1, path n, and sends from [`remote`]`(n)`.

use sft_common::{
    drops::DropReason,
    list::{List, NOT_IN_LIST},
    maps::{
        Config, Counter, Kind, LegControl, LegRecord, ListEntry, LocalKey, MAX_REPLICATION, PathRecord,
        Profile, SourceControl, SourceKey, SourceRecord, TupleKey, name,
    },
    slot::{LockedSlot, SlotState},
    source::{LockedSource, SourceState},
};

use super::{
    kernel::{DROP, Kernel, Outcome, PASS, REDIRECT},
    packet::{Datagram, Endpoint, Header, frame},
    srtp::Key,
    wire::{SERVER, Wire},
};

pub(crate) const PORT: u16 = 4321;
pub(crate) const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(crate) const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// The sending leg of most tests, its source and SSRC.
pub(crate) const SENDER: u32 = 1;
pub(crate) const SOURCE: u32 = 7;
pub(crate) const SSRC: u32 = 0x1122_3344;
pub(crate) const CSRC: u32 = 0x00c0_ffee;
/// The receiving leg of most tests, and the SSRC of its first slot.
pub(crate) const RECEIVER: u32 = 2;
pub(crate) const SLOT_SSRC: u32 = 0xfeed_0001;
/// The loopback interface, for tests that send nothing.
pub(crate) const LOOPBACK: u32 = 1;

/// Our end.
pub(crate) fn server(v6: bool) -> Endpoint {
    let address = if v6 { format!("[2001:db8::1]:{PORT}") } else { format!("192.0.2.1:{PORT}") };
    Endpoint::new(SERVER_MAC, &address)
}

/// The other end of leg `leg`.
pub(crate) fn remote(leg: u32, v6: bool) -> Endpoint {
    let port = 10_000 + leg;
    let address = if v6 { format!("[2001:db8::2]:{port}") } else { format!("192.0.2.2:{port}") };
    Endpoint::new(CLIENT_MAC, &address)
}

/// The key that leg `leg` seals with.
pub(crate) fn receive_key(leg: u32, profile: Profile) -> Key {
    Key::from_seed(profile, 2 * leg)
}

/// The key that we seal with for leg `leg`.
pub(crate) fn transmit_key(leg: u32, profile: Profile) -> Key {
    Key::from_seed(profile, 2 * leg + 1)
}

/// The maps of a server.
pub(crate) struct Conference {
    pub(crate) kernel: Kernel,
    pub(crate) interface: u32,
}

impl Conference {
    /// A server without legs, whose copies leave by this interface.
    pub(crate) fn new(interface: u32) -> Conference {
        let mut kernel = Kernel::load();
        let config = Config {
            lease_until: u64::MAX,
            one: 1,
            media_port: u32::from(PORT.to_be()),
            layout: sft_common::maps::LAYOUT,
            ..Config::default()
        };
        kernel.set(name::CONFIG, 0, config);
        for v6 in [false, true] {
            kernel.insert(name::LOCAL, local_key(v6, 0), 1_u32);
        }
        Conference { kernel, interface }
    }

    /// The usual case: leg [`SENDER`] sends [`SOURCE`] to leg [`RECEIVER`], who has slot 0. Each of them has a
    /// profile and an address, by IPv6 where `true`.
    pub(crate) fn between(
        interface: u32,
        kind: Kind,
        sender: (Profile, bool),
        receiver: (Profile, bool),
    ) -> Conference {
        let mut conference = Conference::new(interface);
        conference.add_leg(SENDER, sender.0, sender.1);
        conference.add_leg(RECEIVER, receiver.0, receiver.1);
        conference.add_source(SOURCE, SENDER, SSRC, kind);
        conference.add_slot(0, SLOT_SSRC);
        conference.set_list(SOURCE, 0, &[ListEntry { leg: RECEIVER, slot: 0, run: 1, flags: 0 }]);
        conference
    }

    /// The usual case for tests of ingress.
    pub(crate) fn with_sender(kind: Kind, profile: Profile) -> Conference {
        Conference::between(LOOPBACK, kind, (profile, false), (profile, false))
    }

    /// The usual case for tests of egress: video over a wire.
    pub(crate) fn on_wire(wire: &Wire, sender: (Profile, bool), receiver: (Profile, bool)) -> Conference {
        let mut conference = Conference::between(wire.interface, Kind::Video, sender, receiver);
        conference.kernel.attach(SERVER);
        conference
    }

    /// A leg with both keys of this profile that sends from one pair and is sent to over the same.
    pub(crate) fn add_leg(&mut self, leg: u32, profile: Profile, v6: bool) {
        let kernel = &mut self.kernel;
        kernel.set(name::KEYS, 2 * leg, receive_key(leg, profile).record());
        kernel.set(name::KEYS, 2 * leg + 1, transmit_key(leg, profile).record());
        kernel.set(name::LEGS, leg, LegRecord { receive_key: 2 * leg, conference: 0 });
        let (local, remote) = (server(v6), remote(leg, v6));
        let path = PathRecord {
            local: local.address(),
            remote: remote.address(),
            local_port: local.port(),
            remote_port: remote.port(),
            source_mac: local.mac,
            destination_mac: remote.mac,
            family: if v6 { 6 } else { 4 },
            interface: self.interface,
            mtu: 1500,
            vlan: 0,
        };
        kernel.set(name::PATHS, leg, path);
        let egress = u64::from(leg) << 32 | u64::from(2 * leg + 1);
        kernel.set(name::LEG_CONTROL, leg, LegControl { egress, flags: 0, learning: 0 });
        let tuple = TupleKey {
            local: local.address(),
            remote: remote.address(),
            local_port: local.port(),
            remote_port: remote.port(),
        };
        kernel.insert(name::TUPLES, tuple, leg);
    }

    /// A source without receivers whose first packet is still to come.
    pub(crate) fn add_source(&mut self, source: u32, leg: u32, ssrc: u32, kind: Kind) {
        let kernel = &mut self.kernel;
        let record = SourceRecord { leg, ssrc, csrc: CSRC, kind: kind as u32, conference: 0, pad: 0 };
        kernel.set(name::SOURCES, source, record);
        kernel.set(name::SOURCE_STATE, source, LockedSource::default());
        kernel.insert(name::SOURCE_IDS, SourceKey { leg, ssrc }, source);
    }

    /// Our addresses are on this VLAN, too.
    pub(crate) fn add_vlan(&mut self, vlan: u16) {
        for v6 in [false, true] {
            self.kernel.insert(name::LOCAL, local_key(v6, vlan), 1_u32);
        }
    }

    /// Our addresses, untagged until now, are on this VLAN, and nowhere else.
    pub(crate) fn move_to_vlan(&mut self, vlan: u16) {
        for v6 in [false, true] {
            self.kernel.remove(name::LOCAL, &local_key(v6, 0));
        }
        self.add_vlan(vlan);
    }

    pub(crate) fn set_source_state(&mut self, source: u32, state: SourceState) {
        self.kernel.set(name::SOURCE_STATE, source, LockedSource { state, ..LockedSource::default() });
    }

    /// The receivers of a source, written at `offset` in `ENTRIES`, and a replicator for as many; one stage at
    /// most.
    pub(crate) fn set_list(&mut self, source: u32, offset: u32, entries: &[ListEntry]) {
        for (entry, position) in entries.iter().zip(offset..) {
            self.kernel.set(name::ENTRIES, position, *entry);
        }
        let leg = self.kernel.get::<SourceRecord>(name::SOURCES, source).leg;
        let own = entries.iter().position(|entry| entry.leg == leg).map_or(NOT_IN_LIST, |own| own as u32);
        let list = List { first: offset, len: entries.len() as u32, own };
        let set = |control: &mut SourceControl| control.list = list.to_word();
        self.kernel.edit(name::SOURCE_CONTROL, source, set);
        let copies = list.copies();
        if 0 < copies && copies <= MAX_REPLICATION as u32 {
            self.kernel.set_replicator(copies, copies, self.interface);
        }
    }

    /// A slot whose first packet gets index 100 and timestamp 5000.
    pub(crate) fn add_slot(&mut self, slot: u32, ssrc: u32) {
        self.set_slot_state(slot, SlotState::starting(ssrc, 100, 5000));
    }

    pub(crate) fn set_slot_state(&mut self, slot: u32, state: SlotState) {
        self.kernel.set(name::SLOTS, slot, LockedSlot { state, ..LockedSlot::default() });
    }

    /// Runs ingress, which must pass the frame on as it is and count no drop.
    #[track_caller]
    pub(crate) fn assert_passes(&mut self, frame: &[u8]) {
        let outcome = self.kernel.receive(frame);
        assert_eq!(outcome.action, PASS, "drops: {:?}", self.kernel.all_drops());
        assert_eq!(outcome.frame, frame, "the frame has changed");
        assert_eq!(self.kernel.all_drops(), []);
    }

    /// Runs ingress, which must drop the frame for this reason and no other.
    #[track_caller]
    pub(crate) fn assert_drops(&mut self, frame: &[u8], reason: DropReason) {
        let before = self.kernel.all_drops();
        let outcome = self.kernel.receive(frame);
        let mut expected = before;
        match expected.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => expected.push((reason, 1)),
        }
        expected.sort_by_key(|(reason, _)| *reason as u32);
        assert_eq!(self.kernel.all_drops(), expected, "action {}", outcome.action);
        assert_eq!(outcome.action, DROP);
    }

    /// Runs ingress, which must forward the frame and count no drop.
    #[track_caller]
    pub(crate) fn assert_forwards(&mut self, frame: &[u8]) -> Outcome {
        let before = self.kernel.all_drops();
        let outcome = self.kernel.receive(frame);
        assert_eq!(self.kernel.all_drops(), before, "action {}", outcome.action);
        assert_eq!(outcome.action, REDIRECT);
        outcome
    }

    pub(crate) fn rtp_received(&self) -> u64 {
        self.kernel.counter(Counter::RtpReceived)
    }
}

fn local_key(v6: bool, vlan: u16) -> LocalKey {
    let end = server(v6);
    LocalKey { address: end.address(), port: end.port(), vlan }
}

/// The header of packet `sequence` of [`SSRC`].
pub(crate) fn header(sequence: u16) -> Header {
    let timestamp = u32::from(sequence).wrapping_mul(960);
    Header { payload_type: 96, sequence, timestamp, ssrc: SSRC, ..Header::default() }
}

/// What leg [`SENDER`] sends, over IPv4, in the first round of sequence numbers.
pub(crate) fn sent(profile: Profile, header: &Header, payload: &[u8]) -> Vec<u8> {
    sent_by(SENDER, profile, header, payload, u64::from(header.sequence), false)
}

/// What a leg sends.
pub(crate) fn sent_by(
    leg: u32,
    profile: Profile,
    header: &Header,
    payload: &[u8],
    index: u64,
    v6: bool,
) -> Vec<u8> {
    let packet = receive_key(leg, profile).seal(&header.bytes(), payload, index);
    frame(&remote(leg, v6), &server(v6), &packet)
}

/// What leg `leg` makes of a copy with this index, which came to it from us and verifies.
#[track_caller]
pub(crate) fn open_copy(copy: &Datagram, leg: u32, end: (Profile, bool), index: u64) -> (Header, Vec<u8>) {
    let (profile, v6) = end;
    assert_eq!((copy.from, copy.to, copy.hops), (server(v6), remote(leg, v6), 64));
    let (header, length) = Header::read(&copy.payload);
    let payload = transmit_key(leg, profile).open(&copy.payload, length, index);
    (header, payload.expect("the copy verifies"))
}
