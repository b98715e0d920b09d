//! What is not media for us reaches the kernel's stack as it came, and control traffic is counted.

use crate::support::{
    conference::{Conference, SENDER, header, remote, sent, sent_by, server},
    packet::{Endpoint, frame},
};
use sft_common::maps::{Counter, Kind, LEG_PASS, LegControl, Profile, name};

const PROFILE: Profile = Profile::AeadAes128Gcm;

fn conference() -> Conference {
    Conference::with_sender(Kind::Video, PROFILE)
}

/// A good media packet with one change to its frame.
fn changed(v6: bool, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = sent_by(SENDER, PROFILE, &header(1), b"payload", 1, v6);
    change(&mut frame);
    frame
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn control_traffic_passes_and_is_counted() {
    let mut conference = conference();
    let messages: [&[u8]; 5] = [
        // STUN binding request, DTLS handshake, RTCP sender report, receiver report and feedback.
        &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42],
        &[22, 0xfe, 0xfd, 0],
        &[0x80, 200, 0, 6],
        &[0x81, 201, 0, 7],
        &[0x8f, 205, 0, 4],
    ];
    for (number, message) in messages.iter().enumerate() {
        for v6 in [false, true] {
            // Whoever sends it: it is authenticated elsewhere.
            conference.assert_passes(&frame(&remote(77, v6), &server(v6), message));
        }
        assert_eq!(conference.kernel.counter(Counter::ControlPassed), 2 * (number as u64 + 1));
    }
    assert_eq!(conference.rtp_received(), 0);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn datagrams_of_no_known_protocol_pass() {
    let mut conference = conference();
    let messages: [&[u8]; 6] = [&[], &[0x80], &[16, 0, 0], &[0x40, 0, 0], &[100, 0], &[0xff; 40]];
    for message in messages {
        conference.assert_passes(&frame(&remote(SENDER, false), &server(false), message));
    }
    assert_eq!(conference.kernel.counter(Counter::ControlPassed), 0);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn media_for_others_passes() {
    let mut conference = conference();
    let media = sent(PROFILE, &header(1), b"payload")[42..].to_vec();
    let port = Endpoint::new(server(false).mac, "192.0.2.1:4322");
    let address = Endpoint::new(server(false).mac, "192.0.2.99:4321");
    let address_v6 = Endpoint::new(server(true).mac, "[2001:db8::99]:4321");
    conference.assert_passes(&frame(&remote(SENDER, false), &port, &media));
    conference.assert_passes(&frame(&remote(SENDER, false), &address, &media));
    conference.assert_passes(&frame(&remote(SENDER, true), &address_v6, &media));
    assert_eq!(conference.rtp_received(), 0);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn frames_of_another_shape_pass() {
    let mut conference = conference();
    let frames = [
        ("Ethernet header only", changed(false, |f| f.truncate(14))),
        ("ARP", changed(false, |f| f[12..14].copy_from_slice(&[8, 6]))),
        ("VLAN tag", changed(false, |f| _ = f.splice(12..12, [0x81, 0, 0, 5]))),
        ("IPv4 options", changed(false, |f| f[14] = 0x46)),
        ("more fragments", changed(false, |f| f[20] |= 0x20)),
        ("fragment offset", changed(false, |f| f[21] = 1)),
        ("TCP", changed(false, |f| f[23] = 6)),
        ("IPv4 header cut off", changed(false, |f| f.truncate(30))),
        ("IPv6 fragment header", changed(true, |f| f[20] = 44)),
        ("IPv6 hop-by-hop options", changed(true, |f| f[20] = 0)),
        ("IPv6 header cut off", changed(true, |f| f.truncate(30))),
    ];
    for (name, frame) in frames {
        println!("{name}");
        conference.assert_passes(&frame);
    }
}

/// Lengths that contradict each other or the frame: the kernel's stack drops what does.
#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn runts_pass() {
    let mut conference = conference();
    let frames = [
        ("UDP header cut off", changed(false, |f| f.truncate(38))),
        ("payload cut off", changed(false, |f| f.truncate(50))),
        ("IPv4 length below its header", changed(false, |f| f[16..18].copy_from_slice(&[0, 19]))),
        ("IPv4 length beyond the frame", changed(false, |f| f[16] = 9)),
        ("UDP length below its header", changed(false, |f| f[38..40].copy_from_slice(&[0, 7]))),
        ("UDP length beyond IPv4's", changed(false, |f| f[39] += 1)),
        ("UDP length beyond IPv6's", changed(true, |f| f[59] += 1)),
        ("IPv6 length beyond the frame", changed(true, |f| f[18] = 9)),
    ];
    for (name, frame) in frames {
        println!("{name}");
        conference.assert_passes(&frame);
    }
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn media_of_the_userspace_lane_passes_and_is_counted() {
    let mut conference = conference();
    let flag = |control: &mut LegControl| control.flags = LEG_PASS;
    conference.kernel.edit(name::LEG_CONTROL, SENDER, flag);
    for number in 1..=3 {
        conference.assert_passes(&sent(PROFILE, &header(number), b"payload"));
    }
    assert_eq!(conference.rtp_received(), 3);
    assert_eq!(conference.kernel.counter(Counter::RtpPassed), 3);
}
