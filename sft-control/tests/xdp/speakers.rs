//! Audio sources take free slots with the first packet of their speech, and keep them.

use crate::support::{
    conference::{Conference, RECEIVER, SSRC, header, sent_by},
    packet::{Header, ONE_BYTE},
};
use sft_common::{
    drops::DropReason::{NoAudioSlot, Silent},
    flight::Flights,
    maps::{AUDIO_SLOTS, Kind, ListEntry, Profile, SpeakerCells, name},
};

const PROFILE: Profile = Profile::AeadAes128Gcm;
/// Of leg n, source n.
const SPEAKERS: std::ops::Range<u32> = 10..WAITS + 1;
/// The one that the slots do not suffice for.
const WAITS: u32 = 10 + AUDIO_SLOTS as u32;

fn conference() -> Conference {
    let mut conference = Conference::new(crate::support::conference::LOOPBACK);
    conference.add_leg(RECEIVER, PROFILE, false);
    for leg in SPEAKERS {
        conference.add_leg(leg, PROFILE, false);
        conference.add_source(leg, leg, SSRC, Kind::Audio);
        conference.set_list(leg, 0, &[ListEntry { leg: RECEIVER, slot: 0, run: 0, flags: 0 }]);
    }
    conference
}

fn speech(leg: u32, sequence: u16, level: u8) -> Vec<u8> {
    let header = Header { timestamp: leg << 16 | u32::from(sequence), ..header(sequence) };
    let header = header.with_extension(ONE_BYTE, &[0x10, level]);
    sent_by(leg, PROFILE, &header, b"opus", u64::from(sequence), false)
}

/// The slot, its run and the stretch of speech that egress will find for this packet.
fn announced(conference: &Conference, leg: u32, sequence: u16) -> (u32, u32, u32) {
    let timestamp = leg << 16 | u32::from(sequence);
    let cpus: Vec<Flights> = conference.kernel.per_cpu(name::FLIGHT, 0);
    let flights = cpus.iter().flat_map(|cpu| cpu.flights);
    let flight = flights.into_iter().find(|flight| flight.timestamp == timestamp && flight.list > 0);
    let flight = flight.expect("the packet was announced");
    assert_eq!((flight.source_leg, flight.kind), (leg, Kind::Audio as u32));
    (flight.slot_offset, flight.run_high, flight.gate_run)
}

fn cells(conference: &Conference) -> [u64; 8] {
    conference.kernel.get::<SpeakerCells>(name::SPEAKERS, 0).cells
}

fn cell(run: u64, source: u32) -> u64 {
    run << 32 | u64::from(source + 1)
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn who_speaks_takes_the_lowest_free_slot() {
    let mut conference = conference();
    for (leg, slot) in (10..WAITS).zip(0..) {
        conference.assert_forwards(&speech(leg, 1, 10));
        assert_eq!(announced(&conference, leg, 1), (slot, 1, 1));
    }
    let held: Vec<u64> = (10..WAITS).map(|source| cell(1, source)).collect();
    assert_eq!(cells(&conference)[..AUDIO_SLOTS], held);
    conference.assert_drops(&speech(WAITS, 1, 0), NoAudioSlot);
    // Holders keep their slots.
    conference.assert_forwards(&speech(12, 2, 30));
    assert_eq!(announced(&conference, 12, 2), (2, 1, 1));
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn a_freed_slot_is_taken_under_a_new_run() {
    let mut conference = conference();
    for leg in 10..WAITS {
        conference.assert_forwards(&speech(leg, 1, 10));
    }
    let free = |cells: &mut SpeakerCells| cells.cells[2] &= !0xffff_ffff;
    conference.kernel.edit(name::SPEAKERS, 0, free);
    conference.assert_forwards(&speech(WAITS, 1, 10));
    assert_eq!(announced(&conference, WAITS, 1), (2, 2, 1));
    assert_eq!(cells(&conference)[2], cell(2, WAITS));
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn silence_takes_no_slot_and_a_pause_starts_a_new_stretch() {
    let mut conference = conference();
    let levels = [127, 0, 127, 127, 127, 0, 0];
    let expected = [None, Some(1), Some(1), None, None, Some(2), Some(2)];
    for ((sequence, level), stretch) in (1..).zip(levels).zip(expected) {
        let packet = speech(10, sequence, level);
        match stretch {
            Some(stretch) => {
                conference.assert_forwards(&packet);
                assert_eq!(announced(&conference, 10, sequence), (0, 1, stretch));
            }
            None => conference.assert_drops(&packet, Silent),
        }
    }
}
