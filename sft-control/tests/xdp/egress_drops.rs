//! Every reason for which egress can end a copy is seen in its counter, nowhere else, and nothing leaves.
//!
//! `NoRoom` and `SealFailed` are not among them: they take a driver without room in front of the frame, and
//! lengths that ingress does not let in. `TransmitFull` has a file of its own.

use crate::support::{
    conference::{Conference, RECEIVER, SENDER, SOURCE, header, open_copy, sent},
    kernel::RECORDS,
    packet::ONE_BYTE,
    wire::{Wire, wait_for},
};
use sft_common::{
    drops::DropReason::{
        self, AwaitingKeyframe, BeforeBase, CopyUnidentified, FrameTooBig, IndexExhausted, NoKey, NoPath,
        StaleReference, Superseded,
    },
    index::INDEX_END,
    maps::{Counter, ENTRY_FROM_KEYFRAME, LegControl, ListEntry, NO_EGRESS, PathRecord, Profile, name},
    slot::SlotState,
};

const END: (Profile, bool) = (Profile::AeadAes128Gcm, false);
const PAYLOAD: &[u8] = b"payload";

/// A slot that has sent its packets up to index 500 in this run.
fn slot(run: u32) -> SlotState {
    let mut state = SlotState::starting(9, 500, 7000);
    state.run = u64::from(run) << 32;
    state.started = 1;
    state
}

/// Sends one packet, whose only copy must end for this reason; what the next copy is says that none left.
fn dropped(reason: DropReason, change: impl FnOnce(&mut Conference)) {
    let wire = Wire::new();
    let mut conference = Conference::on_wire(&wire, END, END);
    change(&mut conference);
    // The packet is not the start of a key frame, and says so.
    let packet = header(1).with_extension(ONE_BYTE, &[0xb0, 0x08]);
    wire.send(&sent(END.0, &packet, PAYLOAD));
    wait_for(|| !conference.kernel.all_drops().is_empty());
    assert_eq!(conference.kernel.all_drops(), [(reason, 1)]);
    assert_eq!(conference.kernel.counter(Counter::VideoCopies), 0, "{reason:?}");
    assert_eq!(conference.kernel.counter(Counter::VideoBytes), 0, "{reason:?}");

    conference.add_leg(RECEIVER, END.0, END.1);
    conference.add_slot(1, 77);
    conference.set_list(SOURCE, 5, &[ListEntry { leg: RECEIVER, slot: 1, run: 1, flags: 0 }]);
    wire.send(&sent(END.0, &header(2), b"another"));
    let copy = wire.receive().expect("a copy");
    assert_eq!(open_copy(&copy, RECEIVER, END, 100).1, b"another", "{reason:?}");
}

#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn slots() {
    dropped(Superseded, |conference| conference.set_slot_state(0, slot(2)));
    dropped(BeforeBase, |conference| {
        conference.set_slot_state(0, SlotState { in_base: 2, out_base: 400, ..slot(1) });
    });
    dropped(IndexExhausted, |conference| {
        conference.set_slot_state(0, SlotState { out_max: INDEX_END - 1, ..slot(0) });
    });
    dropped(AwaitingKeyframe, |conference| {
        conference.set_slot_state(0, slot(0));
        let entry = ListEntry { leg: RECEIVER, slot: 0, run: 1, flags: ENTRY_FROM_KEYFRAME };
        conference.kernel.set(name::ENTRIES, 0, entry);
    });
}

#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn destinations() {
    let egress = |egress| {
        move |conference: &mut Conference| {
            conference
                .kernel
                .edit(name::LEG_CONTROL, RECEIVER, |control: &mut LegControl| control.egress = egress)
        }
    };
    let path = u64::from(RECEIVER) << 32;
    dropped(NoPath, egress(NO_EGRESS));
    dropped(NoPath, egress(u64::from(u32::MAX) << 32 | 5));
    dropped(NoKey, egress(path | u64::from(u32::MAX)));
    // A place for a key that holds none.
    dropped(NoKey, egress(path | 100));
    dropped(FrameTooBig, |conference| {
        let lower = |path: &mut PathRecord| path.mtu = 20 + 8 + 16 + 8 + PAYLOAD.len() as u32 + 16 - 1;
        conference.kernel.edit(name::PATHS, RECEIVER, lower);
    });
}

#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn references() {
    dropped(StaleReference, |conference| {
        let entry = ListEntry { leg: RECEIVER, slot: RECORDS, run: 1, flags: 0 };
        conference.kernel.set(name::ENTRIES, 0, entry);
    });
    dropped(StaleReference, |conference| {
        let entry = ListEntry { leg: RECORDS, slot: 0, run: 1, flags: 0 };
        conference.kernel.set(name::ENTRIES, 0, entry);
    });
    dropped(StaleReference, |conference| {
        conference.kernel.edit(name::PATHS, RECEIVER, |path: &mut PathRecord| path.interface += 1);
    });
}

/// One copy more than the list has receivers: whom it is for, nobody knows.
#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn copies_nobody_ordered() {
    let wire = Wire::new();
    let mut conference = Conference::on_wire(&wire, END, END);
    conference.kernel.set_replicator(1, 3, wire.interface);
    wire.send(&sent(END.0, &header(1), PAYLOAD));
    wait_for(|| conference.kernel.drops(CopyUnidentified) == 2);
    assert_eq!(open_copy(&wire.receive().expect("a copy"), RECEIVER, END, 100).1, PAYLOAD);
    assert_eq!(conference.kernel.all_drops(), [(CopyUnidentified, 2)]);
    assert_eq!(conference.kernel.counter(Counter::VideoCopies), 1);
}

/// A sender that stands in its own list.
#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn the_sender_gets_no_copy() {
    let wire = Wire::new();
    let mut conference = Conference::on_wire(&wire, END, END);
    let own = ListEntry { leg: SENDER, slot: 1, run: 1, flags: 0 };
    let other = ListEntry { leg: RECEIVER, slot: 0, run: 1, flags: 0 };
    for (number, list) in [[own, other], [other, own]].into_iter().enumerate() {
        conference.set_list(SOURCE, 10, &list);
        wire.send(&sent(END.0, &header(number as u16), PAYLOAD));
        open_copy(&wire.receive().expect("a copy"), RECEIVER, END, 100 + number as u64);
    }
    assert_eq!(conference.kernel.counter(Counter::VideoCopies), 2);
    assert_eq!(conference.kernel.all_drops(), []);
}
