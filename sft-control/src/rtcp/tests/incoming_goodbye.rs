//! Every SSRC of a BYE is named.

use super::packet;
use crate::rtcp::{Incoming, parse};

#[test]
fn a_goodbye_may_name_several_and_give_a_reason() {
    let expected = [77, 78].map(|ssrc| Incoming::Goodbye { ssrc });
    assert_eq!(parse(&packet(2, 203, &[77, 78])).unwrap(), expected);
    assert_eq!(parse(&packet(2, 203, &[77, 78, u32::from_be_bytes(*b"\x03end")])).unwrap(), expected);
    assert!(parse(&packet(2, 203, &[77])).is_err());
}
