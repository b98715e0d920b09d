//! Ingress takes frames with one VLAN tag, and an address is ours on its own VLAN only.

use crate::support::{
    conference::{Conference, LOOPBACK, SENDER, header, sent_by},
    packet::tagged,
};
use sft_common::maps::{Kind, Profile};

const PROFILE: Profile = Profile::AeadAes128Gcm;
const VLAN: u16 = 100;
/// Priority and drop eligibility in the tag control information.
const PRIORITY: u16 = 0xf000;

fn conference(v6: bool) -> Conference {
    Conference::between(LOOPBACK, Kind::Video, (PROFILE, v6), (PROFILE, v6))
}

fn on_vlan(v6: bool) -> Conference {
    let mut conference = conference(v6);
    conference.move_to_vlan(VLAN);
    conference
}

fn media(number: u16, v6: bool) -> Vec<u8> {
    sent_by(SENDER, PROFILE, &header(number), b"payload", number.into(), v6)
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn media_on_the_vlan_of_its_address_is_opened() {
    for v6 in [false, true] {
        let mut conference = on_vlan(v6);
        for (number, control) in [(1, VLAN), (2, PRIORITY | VLAN)] {
            let frame = tagged(media(number, v6), control);
            let outcome = conference.assert_forwards(&frame);
            let opened = if v6 { 66 + 12 } else { 46 + 12 };
            assert_eq!(outcome.frame[..opened], frame[..opened]);
            assert_eq!(&outcome.frame[opened..][..7], b"payload");
        }
    }
}

/// The same address on another VLAN, or on none, is another one.
#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn media_on_another_vlan_passes() {
    for v6 in [false, true] {
        let mut conference = on_vlan(v6);
        conference.assert_passes(&media(1, v6));
        for control in [0, PRIORITY, VLAN + 1, 0x0fff] {
            conference.assert_passes(&tagged(media(1, v6), control));
        }
        let mut untagged = self::conference(v6);
        untagged.assert_passes(&tagged(media(1, v6), VLAN));
        assert_eq!((conference.rtp_received(), untagged.rtp_received()), (0, 0));
    }
}

/// A tag with VLAN 0 says the priority of an untagged frame.
#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn a_priority_tag_is_no_vlan() {
    for v6 in [false, true] {
        let mut conference = conference(v6);
        conference.assert_forwards(&tagged(media(1, v6), PRIORITY));
        conference.assert_forwards(&media(2, v6));
    }
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn tags_of_another_shape_pass() {
    let changed = |v6: bool, change: fn(&mut Vec<u8>)| {
        let mut frame = tagged(media(1, v6), VLAN);
        change(&mut frame);
        frame
    };
    for v6 in [false, true] {
        let mut conference = on_vlan(v6);
        let frames = [
            ("two VLAN tags", tagged(changed(v6, |_| {}), VLAN)),
            ("priority tag in front", tagged(changed(v6, |_| {}), PRIORITY)),
            ("service tag", changed(v6, |f| f[12..14].copy_from_slice(&[0x88, 0xa8]))),
            ("service tag in front", changed(v6, |f| _ = f.splice(12..12, [0x88, 0xa8, 0, 100]))),
            ("tag cut off", changed(v6, |f| f.truncate(16))),
            ("nothing behind the tag", changed(v6, |f| f.truncate(18))),
            ("IP header cut off", changed(v6, |f| f.truncate(34))),
            ("UDP header cut off", changed(v6, |f| f.truncate(f.len() - 40))),
            ("payload cut off", changed(v6, |f| f.truncate(f.len() - 1))),
            ("ARP behind the tag", changed(v6, |f| f[16..18].copy_from_slice(&[8, 6]))),
        ];
        for (name, frame) in frames {
            println!("{name}");
            conference.assert_passes(&frame);
        }
        assert_eq!(conference.rtp_received(), 0);
    }
}
