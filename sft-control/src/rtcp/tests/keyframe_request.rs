//! A request for a key frame is one PLI and nothing else.

use crate::rtcp::keyframe_request;

/// RFC 4585 sections 6.1 and 6.3.1.
#[test]
fn a_request_is_a_pli() {
    let expected = [0x81, 206, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(keyframe_request(0x0102_0304, 0x0506_0708).unwrap(), expected);
}
