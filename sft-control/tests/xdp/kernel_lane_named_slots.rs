//! A receiver without slots gets each stream under its own name, in slots that it is given later.

use crate::support::{
    lane::{Server, drops, leg_of},
    sender::Sender,
    tables::{
        FIRST_INDEX, FIRST_TIMESTAMP, audio, audio_ssrc, csrc, everybody, profile, slot_ssrc, subscription,
        v6,
    },
};
use sft_common::maps::Kind;
use sft_control::{
    core::table::{ConferenceTable, Layer, LegId, Receiver, SlotStart, Subscription},
    dataplane::Lane,
};

/// The receiver without slots.
const PLAIN: u32 = 3;

fn named(kind: Kind, ssrc: u32) -> (Kind, SlotStart) {
    (kind, SlotStart { ssrc, index: FIRST_INDEX, timestamp: FIRST_TIMESTAMP })
}

/// Of legs 1 to 3, of whom the last one has these named slots, and no others.
fn table(names: &[(Kind, SlotStart)]) -> ConferenceTable {
    let mut table = everybody(&[1, 2]);
    let plain = Receiver { leg: LegId(PLAIN), audio: vec![], video: vec![], named: names.to_vec() };
    table.receivers.push(plain.into());
    for source in &mut table.sources {
        let place = names.iter().position(|(_, start)| [source.ssrc, source.csrc].contains(&start.ssrc));
        let Some(place) = place else { continue };
        let added = subscription(PLAIN, place as u8, 7);
        let subscribers: Vec<Subscription> = source.subscribers.iter().copied().chain([added]).collect();
        source.subscribers = subscribers.into();
    }
    table.sources.push(audio(PLAIN, &[1, 2]));
    table
}

/// What a packet leaves as: by leg, SSRC and payload.
#[track_caller]
fn copies(server: &Server, sender: &Sender, number: u64, indices: [(u32, u64); 2]) -> Vec<(u32, u32)> {
    server.wire.send(&sender.loud(number, b"payload"));
    let mut found: Vec<(u32, u32)> = server
        .wire
        .receive_all(2)
        .iter()
        .map(|copy| {
            let leg = leg_of(copy);
            let index = indices.iter().find(|(of, _)| *of == leg).unwrap().1;
            let (header, payload) =
                crate::support::conference::open_copy(copy, leg, (profile(leg), v6(leg)), index);
            assert_eq!(payload, b"payload");
            (leg, header.ssrc)
        })
        .collect();
    found.sort_unstable();
    found
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn streams_keep_their_names_and_their_places() {
    let voices = [named(Kind::Audio, audio_ssrc(1)), named(Kind::Audio, audio_ssrc(2))];
    let mut server = Server::with_table(&[1, 2, PLAIN], &table(&voices));
    let first = FIRST_INDEX;
    // Leg 2 speaks first, and so holds the first slot of those who have slots.
    let two = copies(&server, &Sender::audio(2), 0, [(1, first), (PLAIN, first)]);
    assert_eq!(two, [(1, slot_ssrc(1, 0)), (PLAIN, audio_ssrc(2))]);
    let one = copies(&server, &Sender::audio(1), 0, [(2, first), (PLAIN, first)]);
    assert_eq!(one, [(2, slot_ssrc(2, 1)), (PLAIN, audio_ssrc(1))]);

    // A video gets a name; the voices go on.
    let all = [voices[0], voices[1], named(Kind::Video, csrc(1) + 1)];
    server.lane.publish(&table(&all)).unwrap();
    let one = copies(&server, &Sender::audio(1), 1, [(2, first + 1), (PLAIN, first + 1)]);
    assert_eq!(one, [(2, slot_ssrc(2, 1)), (PLAIN, audio_ssrc(1))]);
    let seen = copies(&server, &Sender::video(1, Layer::Low), 0, [(2, first), (PLAIN, first)]);
    assert_eq!(seen[1], (PLAIN, csrc(1) + 1));
    assert_eq!(drops(&server.lane), []);
    let named: Vec<u32> = server
        .lane
        .slots(crate::support::tables::CONFERENCE)
        .iter()
        .filter(|slot| slot.receiver == LegId(PLAIN))
        .map(|slot| slot.ssrc)
        .collect();
    assert_eq!(named, [audio_ssrc(1), audio_ssrc(2), csrc(1) + 1]);
}

/// A slot of its own counts by the subscription's run, whichever speaker's slot the source holds.
#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn losing_the_speakers_slot_does_not_set_a_name_back() {
    let conference = crate::support::tables::CONFERENCE;
    let mut server = Server::with_table(&[1, 2, PLAIN], &table(&[named(Kind::Audio, audio_ssrc(1))]));
    let first = FIRST_INDEX;
    copies(&server, &Sender::audio(1), 0, [(2, first), (PLAIN, first)]);
    let held = server.lane.speakers(conference)[0];
    assert!(server.lane.replace_speaker(conference, 0, held, None));
    copies(&server, &Sender::audio(1), 1, [(2, first + 1), (PLAIN, first + 1)]);
    assert_eq!(drops(&server.lane), []);
}
