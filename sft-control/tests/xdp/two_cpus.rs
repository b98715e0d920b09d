//! What arrives on two CPUs at once is taken in once, and claims one slot.

use std::sync::Barrier;

use crate::support::{
    conference::{Conference, LOOPBACK, RECEIVER, SOURCE, SSRC, header, sent, sent_by},
    kernel::REDIRECT,
};
use sft_common::{
    drops::DropReason::{NoAudioSlot, Replay},
    maps::{AUDIO_SLOTS, Kind, ListEntry, Profile, SpeakerCells, name},
    source::SourceStats,
};

const PROFILE: Profile = Profile::AeadAes128Gcm;
const PACKETS: u16 = 2000;

/// Receives all frames of every list, the lists at the same time; returns how many were forwarded.
fn receive_together(conference: &Conference, lists: &[Vec<Vec<u8>>]) -> usize {
    let start = Barrier::new(lists.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = lists
            .iter()
            .map(|frames| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    frames.iter().filter(|frame| conference.kernel.receive(frame).action == REDIRECT).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    })
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn a_packet_that_two_cpus_get_is_forwarded_once() {
    let conference = Conference::with_sender(Kind::Video, PROFILE);
    let frames: Vec<_> = (0..PACKETS).map(|sequence| sent(PROFILE, &header(sequence), b"payload")).collect();
    // So that the first packet is the source's first on both.
    conference.kernel.receive(&frames[0]);
    let forwarded = receive_together(&conference, &[frames[1..].to_vec(), frames[1..].to_vec()]);
    let stats: SourceStats = conference.kernel.get(name::SOURCE_STATS, SOURCE);
    let replays = conference.kernel.drops(Replay);
    // One CPU may be more than a window ahead of the other, which then comes too late.
    let too_late: u64 = conference.kernel.all_drops().iter().map(|(_, count)| count).sum::<u64>() - replays;
    assert_eq!(forwarded as u64 + 1, stats.packets);
    assert_eq!(forwarded as u64 + replays + too_late, 2 * (u64::from(PACKETS) - 1));
    assert_eq!(stats.packets, u64::from(PACKETS), "every packet came in on one of them");
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn speakers_on_two_cpus_share_the_slots() {
    const LEGS: std::ops::Range<u32> = 10..11 + AUDIO_SLOTS as u32;
    let mut conference = Conference::new(LOOPBACK);
    for leg in LEGS {
        conference.add_leg(leg, PROFILE, false);
        conference.add_source(leg, leg, SSRC, Kind::Audio);
        conference.set_list(leg, 0, &[ListEntry { leg: RECEIVER, slot: 0, run: 0, flags: 0 }]);
    }
    let speech =
        |leg, sequence: u16| sent_by(leg, PROFILE, &header(sequence), b"opus", u64::from(sequence), false);
    for round in 0..50_u16 {
        conference.kernel.set(name::SPEAKERS, 0, SpeakerCells::default());
        // Every leg has a packet on each CPU.
        let lists = [0, 1].map(|cpu| LEGS.map(|leg| speech(leg, 2 * round + cpu)).collect::<Vec<_>>());
        receive_together(&conference, &lists);
        let cells = conference.kernel.get::<SpeakerCells>(name::SPEAKERS, 0).cells;
        // A slot that was claimed twice for one leg and given back may still be free.
        let mut holders: Vec<_> =
            cells.iter().map(|cell| *cell as u32).filter(|holder| *holder > 0).collect();
        let held = holders.len();
        holders.sort_unstable();
        holders.dedup();
        assert!(held > 0 && holders.len() == held, "round {round}: {cells:x?}");
    }
    assert!(conference.kernel.drops(NoAudioSlot) > 0);
}
