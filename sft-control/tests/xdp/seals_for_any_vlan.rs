//! Copies leave on the VLAN of their receiver, whichever the packet came on.

use crate::support::{
    conference::{Conference, RECEIVER, header, open_copy, sent_by},
    packet::tagged,
    wire::{Wire, wait_for},
};
use sft_common::{
    drops::DropReason::FrameTooBig,
    maps::{Counter, PathRecord, Profile, name},
};

const VLANS: [u16; 3] = [0, 100, 0x0ffe];

/// The usual conference; its addresses are on the first two of [`VLANS`].
fn conference(wire: &Wire, sender: (Profile, bool), receiver: (Profile, bool)) -> Conference {
    let mut conference = Conference::on_wire(wire, sender, receiver);
    conference.add_vlan(VLANS[1]);
    conference
}

fn send_to(conference: &mut Conference, vlan: u16) {
    conference.kernel.edit(name::PATHS, RECEIVER, |path: &mut PathRecord| path.vlan = vlan.into());
}

#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn tags_are_added_changed_and_taken_off() {
    // With a longer tag of SRTP, with a shorter one, with the same.
    let profiles = [
        (Profile::Aes128CmHmacSha1_80, Profile::AeadAes256Gcm),
        (Profile::AeadAes128Gcm, Profile::Aes128CmHmacSha1_80),
        (Profile::AeadAes128Gcm, Profile::AeadAes128Gcm),
    ];
    for (sender, receiver) in profiles {
        for (from_v6, to_v6) in [(false, false), (false, true), (true, false), (true, true)] {
            let wire = Wire::new();
            let mut conference = conference(&wire, (sender, from_v6), (receiver, to_v6));
            let mut number = 0;
            for from in &VLANS[..2] {
                for to in VLANS {
                    for length in [0, 1, 100, 1300] {
                        send_to(&mut conference, to);
                        let payload = vec![number as u8; length];
                        let mut frame = sent_by(1, sender, &header(number), &payload, number.into(), from_v6);
                        if *from != 0 {
                            frame = tagged(frame, *from);
                        }
                        wire.send(&frame);
                        let copy = wire.receive().unwrap_or_else(|| {
                            panic!("{from} to {to}: no copy: {:?}", conference.kernel.all_drops())
                        });
                        assert_eq!(copy.vlan, to, "it came on {from}");
                        let index = 100 + u64::from(number);
                        let (_, opened) = open_copy(&copy, RECEIVER, (receiver, to_v6), index);
                        assert_eq!(opened, payload);
                        number += 1;
                    }
                }
            }
            assert_eq!(conference.kernel.all_drops(), []);
            assert_eq!(conference.kernel.counter(Counter::VideoCopies), u64::from(number));
        }
    }
}

/// The tag is no part of the IP packet.
#[test]
#[ignore = "sends through programs in the kernel: needs root and the BPF object"]
fn a_tag_takes_nothing_from_the_mtu() {
    const END: (Profile, bool) = (Profile::AeadAes128Gcm, false);
    let room = 1500 - 20 - 8 - 16 - END.0.tag_len();
    let wire = Wire::new();
    let mut conference = conference(&wire, END, END);
    for (number, from) in (0..).zip([0, VLANS[1]]) {
        send_to(&mut conference, VLANS[1]);
        let packet = |number: u16, length| {
            let frame = sent_by(1, END.0, &header(number), &vec![7; length], number.into(), false);
            if from == 0 { frame } else { tagged(frame, from) }
        };
        wire.send(&packet(2 * number, room));
        let copy = wire.receive().expect("a copy as long as may be");
        assert_eq!((copy.vlan, copy.payload.len()), (VLANS[1], 1472));
        wire.send(&packet(2 * number + 1, room + 1));
        wait_for(|| conference.kernel.all_drops() == [(FrameTooBig, u64::from(number) + 1)]);
    }
    assert!(wire.waiting().is_none());
}
