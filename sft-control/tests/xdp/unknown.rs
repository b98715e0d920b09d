//! Media of unknown origin is dropped, unless the control plane has something to learn.

use crate::support::{
    conference::{Conference, RECEIVER, SENDER, SOURCE, SSRC, header, sent, sent_by},
    packet::Header,
};
use sft_common::{
    drops::DropReason::{LeaseExpired, StaleReference, UnknownSsrc, UnknownTuple},
    maps::{Config, Counter, Kind, LegControl, Profile, SourceRecord, name},
};

const PROFILE: Profile = Profile::AeadAes128Gcm;

fn conference() -> Conference {
    Conference::with_sender(Kind::Video, PROFILE)
}

fn with_ssrc(ssrc: u32, sequence: u16) -> Vec<u8> {
    sent(PROFILE, &Header { ssrc, ..header(sequence) }, b"payload")
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn a_pair_that_ice_has_not_validated_is_refused() {
    let mut conference = conference();
    for v6 in [false, true] {
        conference.assert_drops(&sent_by(9, PROFILE, &header(1), b"payload", 1, v6), UnknownTuple);
    }
    assert_eq!(conference.rtp_received(), 2);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn an_ssrc_belongs_to_its_leg() {
    let mut conference = conference();
    conference.assert_drops(&with_ssrc(SSRC + 1, 1), UnknownSsrc);
    conference.assert_drops(&sent_by(RECEIVER, PROFILE, &header(1), b"payload", 1, false), UnknownSsrc);
    conference.assert_forwards(&with_ssrc(SSRC, 1));
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn learning_passes_as_many_packets_as_are_allowed() {
    let mut conference = conference();
    let allow = |control: &mut LegControl| control.learning = 3;
    conference.kernel.edit(name::LEG_CONTROL, SENDER, allow);
    for number in 0..3 {
        conference.assert_passes(&with_ssrc(500 + u32::from(number), number));
        // Known sources go on, and cost nothing.
        conference.assert_forwards(&with_ssrc(SSRC, number));
    }
    conference.assert_drops(&with_ssrc(504, 9), UnknownSsrc);
    assert_eq!(conference.kernel.counter(Counter::RtpPassed), 3);
    let control: LegControl = conference.kernel.get(name::LEG_CONTROL, SENDER);
    assert_eq!(control.learning, 0);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn a_recycled_source_number_is_noticed() {
    let mut conference = conference();
    let recycle = |record: &mut SourceRecord| record.ssrc += 1;
    conference.kernel.edit(name::SOURCES, SOURCE, recycle);
    conference.assert_drops(&with_ssrc(SSRC, 1), StaleReference);
    let recycle = |record: &mut SourceRecord| *record = SourceRecord { ssrc: SSRC, leg: RECEIVER, ..*record };
    conference.kernel.edit(name::SOURCES, SOURCE, recycle);
    conference.assert_drops(&with_ssrc(SSRC, 1), StaleReference);
}

#[test]
#[ignore = "runs programs in the kernel: needs root and the BPF object"]
fn without_a_lease_nothing_is_forwarded() {
    let mut conference = conference();
    let expire = |config: &mut Config| config.lease_until = 1;
    conference.kernel.edit(name::CONFIG, 0, expire);
    conference.assert_drops(&with_ssrc(SSRC, 1), LeaseExpired);
    conference.assert_drops(&sent_by(9, PROFILE, &header(1), b"payload", 1, false), LeaseExpired);
    let renew = |config: &mut Config| config.lease_until = u64::MAX;
    conference.kernel.edit(name::CONFIG, 0, renew);
    conference.assert_forwards(&with_ssrc(SSRC, 1));
}
