//! The packets that report on slots, read by hand (RFC 3550 sections 6.4.1 and 6.5).

use crate::rtcp::{Incoming, Ntp, SenderReport, parse, sender_reports};

fn report(ssrc: u32) -> SenderReport {
    SenderReport {
        ssrc,
        cname: format!("slot-{ssrc:03}"),
        ntp: Ntp(0x0102_0304_0506_0708),
        timestamp: 0x0a0b_0c0d,
        packets: 5,
        octets: 700,
    }
}

#[test]
fn reports_come_before_names() {
    let packets = sender_reports(&[report(7), report(8)]);
    let sender_report = |ssrc| {
        let body = [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 0, 0, 0, 5, 0, 0, 2, 188];
        [&[0x80, 200, 0, 6, 0, 0, 0, ssrc][..], &body].concat()
    };
    // SSRC, item 1 of 8 bytes, and zeros up to a whole word, one at least.
    let name = |ssrc, text: &[u8; 8]| [&[0, 0, 0, ssrc, 1, 8][..], text, &[0, 0]].concat();
    let names = [&[0x82, 202, 0, 8][..], &name(7, b"slot-007"), &name(8, b"slot-008")].concat();
    assert_eq!(packets, [[sender_report(7), sender_report(8), names].concat()]);
}

#[test]
fn they_are_read_as_they_were_written() {
    let packets = sender_reports(&[report(7)]);
    let expected = Incoming::SenderReport {
        ssrc: 7,
        ntp: 0x0102_0304_0506_0708,
        rtp_timestamp: 0x0a0b_0c0d,
        packets: 5,
        octets: 700,
    };
    assert_eq!(parse(&packets[0]), Ok(vec![expected, Incoming::Other]));
}

#[test]
fn every_packet_fits_every_path_and_none_is_left_out() {
    let cname = "00000000-0000-4000-8000-000000000000";
    let reports: Vec<_> = (0..37).map(|ssrc| SenderReport { cname: cname.into(), ..report(ssrc) }).collect();
    let packets = sender_reports(&reports);
    assert!(packets.iter().all(|packet| packet.len() <= 1100));
    let found = packets.iter().flat_map(|packet| parse(packet).unwrap());
    assert_eq!(found.filter(|found| matches!(found, Incoming::SenderReport { .. })).count(), 37);
    assert!(sender_reports(&[]).is_empty());
}
