//! Candidates stand on the first m-line only, the best first.

use super::*;

#[test]
fn candidates_stand_on_the_first_m_line_with_falling_priority() {
    let text = offer(&spec(), &parameters(), 7);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    assert_eq!(
        lines,
        [
            "a=candidate:1 1 UDP 2130706431 198.51.100.1 8586 typ host",
            "a=candidate:2 1 UDP 2130706175 2001:db8::1 8586 typ host"
        ]
    );
    assert!(text.find("a=candidate:2") < text.find("m=video"));
}

#[test]
fn the_session_names_the_best_address() {
    let text = offer(&spec(), &parameters(), 7);
    assert!(text.starts_with("v=0\r\no=- 7 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\n"));
    let ours = parameters();
    let second = TransportParameters { candidates: vec![ours.candidates[1]], ..ours };
    assert!(offer(&spec(), &second, 7).contains("\r\nc=IN IP6 2001:db8::1\r\n"));
    let none = TransportParameters { candidates: Vec::new(), ..second };
    assert!(offer(&spec(), &none, 7).contains("\r\nc=IN IP4 0.0.0.0\r\n"));
}
