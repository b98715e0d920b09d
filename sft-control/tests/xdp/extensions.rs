//! Header extensions: how long they may be, what is read from them, and what goes no further.

use crate::support::{
    conference::{Conference, SENDER, SOURCE, header, receive_key, remote, sent, server},
    packet::{Header, ONE_BYTE, TWO_BYTE, frame},
};
use sft_common::{
    drops::DropReason::{BadRtpHeader, HeaderTooLong},
    extension::MAX_STEPS,
    maps::{ARRIVALS, ArrivalRing, Kind, Profile, name},
    source::SourceStats,
};

const PROFILE: Profile = Profile::AeadAes128Gcm;
const RTP: usize = 42;

fn conference(kind: Kind) -> Conference {
    Conference::with_sender(kind, PROFILE)
}

fn stats(conference: &Conference) -> SourceStats {
    conference.kernel.get(name::SOURCE_STATS, SOURCE)
}

/// Forwards a packet with this extension and returns the extension's content as egress will see it.
fn forwarded(conference: &mut Conference, header: &Header) -> Vec<u8> {
    let outcome = conference.assert_forwards(&sent(PROFILE, header, b"payload"));
    let (after, length) = Header::read(&outcome.frame[RTP..]);
    assert_eq!(outcome.frame[RTP + length..RTP + length + 7], *b"payload");
    let unchanged = Header { extension: header.extension.clone(), ..after.clone() };
    assert_eq!(unchanged, *header, "only the extension may change");
    after.extension.expect("there is an extension").1
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn the_longest_header_is_forwarded_and_a_longer_one_is_not() {
    for profile in crate::support::srtp::PROFILES {
        let mut conference = Conference::with_sender(Kind::Video, profile);
        let mut sequence = 0;
        for csrcs in [0, 1, 15] {
            let room = 124 - 12 - 4 * csrcs - 4;
            let with = |length: usize, sequence| {
                let csrcs = vec![5; csrcs];
                let header = Header { csrcs, ..header(sequence) };
                sent(profile, &header.with_extension(ONE_BYTE, &vec![0; length]), b"payload")
            };
            sequence += 1;
            conference.assert_forwards(&with(room, sequence));
            conference.assert_drops(&with(room + 4, sequence + 1), HeaderTooLong);
            conference.assert_drops(&with(room + 400, sequence + 1), HeaderTooLong);
        }
    }
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn a_header_longer_than_its_packet_is_refused() {
    let mut conference = conference(Kind::Video);
    let key = receive_key(SENDER, PROFILE);
    let media = key.seal(&header(1).with_extension(ONE_BYTE, &[0; 8]).bytes(), b"", 1);
    let mut refuse = |packet: &[u8]| {
        conference.assert_drops(&frame(&remote(SENDER, false), &server(false), packet), BadRtpHeader);
    };
    // The extension claims one word more than the packet has, or any number.
    for words in [7_u16, 100, 0xffff] {
        let mut packet = media.clone();
        packet[14..16].copy_from_slice(&words.to_be_bytes());
        refuse(&packet);
    }
    // The CSRCs alone, or the extension's own header, do not fit.
    let mut packet = media.clone();
    packet[0] = 0x8f;
    refuse(&packet);
    refuse(&[0x90; 12]);
    refuse(&[0x90; 15]);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn what_concerns_only_the_sender_is_blanked() {
    let mut conference = conference(Kind::Video);
    // Send time, transport-wide sequence number, RID, repaired RID between two others.
    let one_byte = [0x10, 0xaa, 0x22, 7, 8, 9, 0x31, 1, 2, 0x40, b'h', 0x50, b'l', 0xb0, 0xbb];
    let sent = header(1).with_extension(ONE_BYTE, &one_byte);
    let after = forwarded(&mut conference, &sent);
    assert_eq!(after, [0x10, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xb0, 0xbb, 0]);
    let two_byte = [1, 1, 0xaa, 3, 2, 1, 2, 0, 4, 1, b'h', 5, 0, 2, 1, 9, 11, 3, 1, 2, 3];
    let sent = header(2).with_extension(TWO_BYTE + 15, &two_byte);
    let after = forwarded(&mut conference, &sent);
    assert_eq!(after, [1, 1, 0xaa, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11, 3, 1, 2, 3, 0, 0, 0]);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn what_is_not_understood_is_carried_along() {
    let mut conference = conference(Kind::Video);
    let contents: [(u16, &[u8]); 5] = [
        // Another profile; an element that ends behind the extension; id 15; an odd tail of one byte.
        (0x1234, &[0x31, 1, 2, 0]),
        (ONE_BYTE, &[0x3f, 1, 2, 3]),
        (ONE_BYTE, &[0xf0, 0, 0x31, 1, 2, 0, 0, 0]),
        (TWO_BYTE, &[3, 200, 1, 2]),
        (TWO_BYTE, &[0, 0, 0, 3]),
    ];
    for (number, (profile, content)) in contents.into_iter().enumerate() {
        let sent = header(number as u16 + 1).with_extension(profile, content);
        assert_eq!(forwarded(&mut conference, &sent), content, "{profile:x} {content:x?}");
    }
}

/// The walk looks at a limited number of bytes and elements; whatever their number, the packet goes on, without
/// those that nobody has looked at.
#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn many_elements_are_survived() {
    let mut conference = conference(Kind::Video);
    for (sequence, elements) in
        [[0x70, 0xbb].repeat(54), vec![0; 108], [0x7f; 108].to_vec()].iter().enumerate()
    {
        let sent = header(sequence as u16 + 1).with_extension(ONE_BYTE, elements);
        let looked_at = if elements[0] == 0x70 { 2 * MAX_STEPS } else { elements.len() };
        let after = forwarded(&mut conference, &sent);
        assert_eq!(after[..looked_at], elements[..looked_at]);
        assert!(after[looked_at..].iter().all(|byte| *byte == 0), "{after:x?}");
    }
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn arrivals_are_noted_by_their_number() {
    let mut conference = conference(Kind::Video);
    for (sequence, number) in [(1, 0_u16), (2, 1), (3, 1023), (4, 1024), (5, 0xffff)] {
        let [high, low] = number.to_be_bytes();
        let sent = header(sequence).with_extension(ONE_BYTE, &[0x31, high, low]);
        forwarded(&mut conference, &sent);
        let ring: ArrivalRing = conference.kernel.get(name::ARRIVALS, SENDER);
        let cell = ring.cells[usize::from(number) % ARRIVALS];
        assert_eq!((cell >> 48) as u16, number);
        let now = conference.kernel.monotonic_ns() / 1000;
        let micros = cell & 0xffff_ffff_ffff;
        assert!(micros > 0 && micros <= now, "{micros} is not in the past of {now}");
    }
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn a_packet_that_does_not_verify_is_no_arrival() {
    let mut conference = conference(Kind::Video);
    let mut forged = sent(PROFILE, &header(1).with_extension(ONE_BYTE, &[0x31, 0, 5]), b"payload");
    *forged.last_mut().expect("a tag") ^= 1;
    conference.assert_drops(&forged, sft_common::drops::DropReason::AuthFailed);
    let ring: ArrivalRing = conference.kernel.get(name::ARRIVALS, SENDER);
    assert_eq!(ring.cells[5], 0);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn audio_levels_are_smoothed() {
    let mut conference = conference(Kind::Audio);
    // The V bit in front of the level means nothing here.
    for (sequence, element, level) in [(1, 0x80 | 40, 40), (2, 20, 30), (3, 0x80 | 100, 65)] {
        forwarded(&mut conference, &header(sequence).with_extension(ONE_BYTE, &[0x10, element]));
        assert_eq!(stats(&conference).level, level);
    }
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn key_frames_are_counted_at_their_start() {
    let mut conference = conference(Kind::Video);
    // First byte of the descriptor: first packet of its frame 0x80, last 0x40, depends on others 0x08.
    for (sequence, descriptor, keyframes) in [(1, 0x80, 1), (2, 0x40, 1), (3, 0x88, 1), (4, 0xc0, 2)] {
        let sent = header(sequence).with_extension(ONE_BYTE, &[0xb2, descriptor, 0, 0]);
        forwarded(&mut conference, &sent);
        assert_eq!(stats(&conference).keyframes, keyframes, "descriptor {descriptor:x}");
    }
}
