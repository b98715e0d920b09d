//! Copies that were sealed and that no device took are counted as lost; others are not.

use crate::support::{
    conference::{Conference, RECEIVER, SENDER, SOURCE, header, sent},
    wire::{Wire, chain, down, wait_for},
};
use sft_common::{
    drops::DropReason::{NoPath, TransmitFull},
    maps::{Counter, Kind, LegControl, ListEntry, MAX_REPLICATION, NO_EGRESS, Profile, name},
};

const END: (Profile, bool) = (Profile::AeadAes256Gcm, false);
/// More than one batch of the kernel.
const COPIES: u32 = 21;

#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn a_device_that_takes_nothing() {
    let wire = Wire::new();
    let mut conference = Conference::between(wire.interface, Kind::Video, END, END);
    let mut list = vec![ListEntry { leg: SENDER, slot: 0, run: 1, flags: 0 }];
    // A receiver that egress drops for: the kernel reports such copies together with the lost ones.
    conference.add_leg(3, END.0, END.1);
    let without_path = |control: &mut LegControl| control.egress = NO_EGRESS;
    conference.kernel.edit(name::LEG_CONTROL, 3, without_path);
    conference.add_slot(3, 3);
    list.push(ListEntry { leg: 3, slot: 3, run: 1, flags: 0 });
    for slot in 10..10 + COPIES {
        conference.add_slot(slot, slot);
        list.push(ListEntry { leg: RECEIVER, slot, run: 1, flags: 0 });
    }
    conference.set_list(SOURCE, 0, &list);
    conference.kernel.report_transmissions();

    conference.kernel.receive_live(&sent(END.0, &header(1), b"payload"));
    assert_eq!(wire.receive_all(COPIES as usize).len(), COPIES as usize);
    assert_eq!(conference.kernel.all_drops(), [(NoPath, 1)]);
    assert_eq!(conference.kernel.counter(Counter::Sealed), 0, "everything has been reported");

    wire.cut();
    conference.kernel.receive_live(&sent(END.0, &header(2), b"payload"));
    assert_eq!(conference.kernel.all_drops(), [(NoPath, 2), (TransmitFull, u64::from(COPIES))]);
    assert_eq!(conference.kernel.counter(Counter::Sealed), 0);
    assert_eq!(conference.kernel.counter(Counter::VideoCopies), u64::from(2 * COPIES));
}

const FAR: &str = "far";

/// A sender of its own and 200 receivers: four stages.
fn in_stages(wire: &Wire) -> Conference {
    let mut conference = Conference::between(wire.interface, Kind::Video, END, END);
    for slot in 0..200 {
        conference.add_slot(slot, slot);
    }
    let list: Vec<_> = (0..200).map(|slot| ListEntry { leg: RECEIVER, slot, run: 1, flags: 0 }).collect();
    conference.set_list(SOURCE, 0, &list);
    conference.kernel.set_replicator(
        200 % MAX_REPLICATION as u32,
        200 % MAX_REPLICATION as u32,
        wire.interface,
    );
    conference.kernel.set_chain(wire.interface, chain(FAR), FAR);
    conference.kernel.report_transmissions();
    conference
}

#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn copies_of_every_stage_count() {
    let wire = Wire::new();
    let mut conference = in_stages(&wire);
    conference.kernel.receive_live(&sent(END.0, &header(1), b"payload"));
    assert_eq!(wire.receive_all(200).len(), 200);
    assert_eq!(conference.kernel.all_drops(), []);

    wire.cut();
    conference.kernel.receive_live(&sent(END.0, &header(2), b"payload"));
    wait_for(|| conference.kernel.drops(TransmitFull) == 200);
    assert_eq!(conference.kernel.all_drops(), [(TransmitFull, 200)]);
}

/// A frame on its way to the next stage stands for all copies that would have been made of it.
#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn stages_that_are_not_reached_count() {
    let wire = Wire::new();
    let mut conference = in_stages(&wire);
    down(FAR);
    conference.kernel.receive_live(&sent(END.0, &header(1), b"payload"));
    assert_eq!(wire.receive_all(MAX_REPLICATION).len(), MAX_REPLICATION);
    wait_for(|| conference.kernel.drops(TransmitFull) > 0);
    assert_eq!(conference.kernel.all_drops(), [(TransmitFull, 200 - MAX_REPLICATION as u64)]);
}
