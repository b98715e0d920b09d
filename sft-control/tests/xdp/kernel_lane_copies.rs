//! The kernel lane forwards what tables say, and its maps show it.

use crate::support::{
    lane::{Server, drops, leg_of},
    sender::Sender,
    tables::{
        CONFERENCE, FIRST_INDEX, FIRST_TIMESTAMP, audio_ssrc, csrc, everybody, profile, slot_ssrc,
        subscription, v6, video, video_ssrc,
    },
};
use sft_common::maps::{AUDIO_SLOTS, name};
use sft_control::{
    core::table::{Layer, LegId},
    dataplane::Lane,
};

const LEGS: [u32; 4] = [1, 2, 3, 4];

/// Number of the first speaker's slot.
const SPEAKER: usize = 0;

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn audio_and_video_reach_everybody_else() {
    let server = Server::with_legs(&LEGS);
    let streams = [
        (Sender::video(1, Layer::Low), AUDIO_SLOTS, csrc(1) + 1),
        (Sender::audio(2), SPEAKER, csrc(2)),
        (Sender::audio(3), SPEAKER + 1, csrc(3)),
    ];
    for number in 0..20 {
        for (sender, slot, csrc) in &streams {
            let payload = format!("packet {number} of {sender:?}").into_bytes();
            server.wire.send(&sender.loud(number, &payload));
            let copies = server.wire.receive_all(LEGS.len() - 1);
            let mut legs: Vec<u32> = copies.iter().map(leg_of).collect();
            for (copy, &leg) in copies.iter().zip(&legs) {
                let end = (profile(leg), v6(leg));
                let (header, opened) =
                    crate::support::conference::open_copy(copy, leg, end, FIRST_INDEX + number);
                assert_eq!(opened, payload);
                assert_eq!((header.ssrc, header.csrcs), (slot_ssrc(leg, *slot), vec![*csrc]));
                assert_eq!(header.timestamp, FIRST_TIMESTAMP + 960 * number as u32);
            }
            legs.sort_unstable();
            let others: Vec<u32> = LEGS.into_iter().filter(|leg| *leg != sender.leg).collect();
            assert_eq!(legs, others);
        }
    }
    assert_eq!(drops(&server.lane), []);
    let counters = server.lane.counters();
    assert_eq!((counters.rtp_received, counters.video_copies, counters.audio_copies), (60, 60, 120));
    let holders = server.lane.speakers(CONFERENCE).into_iter().flatten().map(|holder| holder.leg.0);
    assert_eq!(holders.collect::<Vec<_>>(), [2, 3]);
    let readings = server.lane.sources(CONFERENCE);
    let video = readings.iter().find(|reading| reading.ssrc == video_ssrc(1, Layer::Low)).unwrap();
    assert_eq!((video.leg, video.stats.packets, video.stats.highest_index), (LegId(1), 20, 19));
    let slots = server.lane.slots(CONFERENCE);
    let slot = slots.iter().find(|reading| reading.ssrc == slot_ssrc(2, AUDIO_SLOTS)).unwrap();
    assert_eq!((slot.receiver, slot.run, slot.packets, slot.dropped), (LegId(2), 1, 20, 0));
}

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn pinned_maps_show_the_table() {
    let server = Server::with_legs(&LEGS);
    let pinned = server.pinned();
    let rows = |map| pinned.table(map).unwrap().rows;
    assert_eq!(rows(name::LOCAL).len(), 2);
    assert_eq!(rows(name::TUPLES).len(), LEGS.len());
    assert_eq!(rows(name::LEGS).len(), LEGS.len());
    assert_eq!(rows(name::KEYS).len(), 2 * LEGS.len());
    assert_eq!(rows(name::PATHS).len(), LEGS.len());
    assert_eq!(rows(name::ENTRIES).len(), (LEGS.len() + 1) * (LEGS.len() - 1));
    let ssrcs: Vec<String> = rows(name::SOURCE_IDS).into_iter().map(|row| row[2].clone()).collect();
    for leg in LEGS {
        assert!(ssrcs.contains(&audio_ssrc(leg).to_string()), "{ssrcs:?}");
    }
    assert!(ssrcs.contains(&video_ssrc(1, Layer::Low).to_string()), "{ssrcs:?}");
    assert!(rows(name::SLOTS).is_empty(), "no slot has started");
    let remotes: Vec<String> = rows(name::PATHS).into_iter().map(|row| row[3].clone()).collect();
    assert!(remotes.contains(&"192.0.2.2:10001".to_owned()), "{remotes:?}");
    assert!(remotes.contains(&"[2001:db8::2]:10002".to_owned()), "{remotes:?}");
    assert!(
        rows(name::PATHS).iter().all(|row| row[4] == "02:00:00:00:00:02" && row[6..] == ["untagged", "1500"])
    );

    server.wire.send(&Sender::video(1, Layer::Low).loud(7, b"payload"));
    server.wire.receive_all(3);
    assert_eq!(rows(name::SLOTS).len(), 3);
    assert_eq!(rows(name::COUNTERS)[3], ["video copies", "3"]);
    assert_eq!(pinned.inventory().unwrap().rows.len(), 17);
    assert!(pinned.table("nonsense").is_err());
}

/// A table takes the place of the earlier one: what stays goes on, what is gone is gone.
#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn tables_follow_each_other() {
    let mut server = Server::with_legs(&LEGS);
    let sender = Sender::video(1, Layer::Low);
    server.wire.send(&sender.loud(0, b"first"));
    server.wire.receive_all(3);

    let mut table = everybody(&LEGS);
    table.sources[0] = video(1, Layer::Low, vec![subscription(3, 0, 1), subscription(4, 1, 1)]);
    server.lane.publish(&table).unwrap();
    server.wire.send(&sender.loud(1, b"second"));
    server.assert_copy(3, FIRST_INDEX + 1);
    let (header, _) = server.assert_copy(4, FIRST_INDEX);
    assert_eq!(header.ssrc, slot_ssrc(4, AUDIO_SLOTS + 1));

    // The slot turns to another source and goes on behind what it has sent.
    table.sources[0] = video(1, Layer::Low, vec![]);
    table.sources.push(video(2, Layer::High, vec![subscription(3, 0, 2)]));
    server.lane.publish(&table).unwrap();
    server.assert_drops(&sender.loud(2, b"third"), sft_common::drops::DropReason::NoReceiver, 1);
    server.wire.send(&Sender::video(2, Layer::High).loud(5000, b"fourth"));
    let (header, _) = server.assert_copy(3, FIRST_INDEX + 2);
    let step = header.timestamp - (FIRST_TIMESTAMP + 960);
    assert!((9000..=1 << 30).contains(&step), "{step} ticks: as the clock has moved, and a little at least");
    assert_eq!(header.csrcs, [csrc(2) + 1]);

    server.lane.remove_conference(CONFERENCE);
    server.assert_drops(&sender.loud(3, b"fifth"), sft_common::drops::DropReason::UnknownSsrc, 1);
    assert!(server.lane.sources(CONFERENCE).is_empty());
}
