//! ICE credentials and fingerprints: present, of the right length and alphabet, on the m-line or above.

use super::*;

#[test]
fn what_is_absent_is_named() {
    for (line, name) in [("a=ice-ufrag", "ice-ufrag"), ("a=ice-pwd", "ice-pwd"), ("a=setup", "setup")] {
        assert_eq!(without_line(line), Err(AnswerError::Missing(name)));
    }
    assert_eq!(without_line("a=fingerprint"), Err(AnswerError::Missing("SHA-256 fingerprint")));
    assert_eq!(with_line("a=setup", "a=setup:holdconn"), Err(AnswerError::Missing("setup")));
}

/// RFC 8839 section 5.4.
#[test]
fn the_lengths_of_ice_credentials_are_limited() {
    for (name, shortest) in [("ice-ufrag", 4), ("ice-pwd", 22)] {
        let of_length = |length| with_line(&format!("a={name}"), &format!("a={name}:{}", "x".repeat(length)));
        assert!(of_length(shortest).is_ok());
        assert!(of_length(256).is_ok());
        assert_eq!(of_length(shortest - 1), Err(AnswerError::Missing(name)));
        assert_eq!(of_length(257), Err(AnswerError::Missing(name)));
    }
}

#[test]
fn ice_credentials_are_made_of_ice_characters() {
    for word in ["abc d", "abc\u{e9}d", "abc-d", "abc:d", "abc=d"] {
        assert_eq!(
            with_line("a=ice-ufrag", &format!("a=ice-ufrag:{word}")),
            Err(AnswerError::Missing("ice-ufrag"))
        );
    }
    assert!(with_line("a=ice-ufrag", "a=ice-ufrag:aZ09+/").is_ok());
}

#[test]
fn only_sha_256_counts() {
    let digits = ["AB"; 32].join(":");
    let read = |value: &str| with_line("a=fingerprint", &format!("a=fingerprint:{value}"));
    assert_eq!(read(&format!("sha-256 {digits}")).unwrap().fingerprint, [0xab; 32]);
    assert_eq!(read(&format!("SHA-256 {}", digits.to_lowercase())).unwrap().fingerprint, [0xab; 32]);
    let refused = [
        format!("sha-1 {digits}"),
        format!("sha-512 {digits}"),
        format!("sha-256 {digits}:AB"),
        format!("sha-256 {}", &digits[3..]),
        format!("sha-256 {}", digits.replacen("AB", "+B", 1)),
        format!("sha-256 {}", digits.replacen("AB", "B", 1)),
        format!("sha-256 {}", digits.replace(':', "")),
        "sha-256".to_owned(),
        String::new(),
    ];
    for value in refused {
        assert_eq!(read(&value), Err(AnswerError::Missing("SHA-256 fingerprint")), "{value}");
    }
}

#[test]
fn other_hash_functions_may_stand_beside_it() {
    let weak = format!("a=fingerprint:sha-1 {}\r\na=fingerprint:sha-256", ["CD"; 20].join(":"));
    let text = BROWSER.replace("a=fingerprint:sha-256", &weak);
    assert_eq!(parse_answer(&text), parse_answer(BROWSER));
}

#[test]
fn the_session_speaks_for_an_m_line_that_is_silent() {
    let transport: String = BROWSER
        .split_inclusive("\r\n")
        .filter(|line| {
            ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"].iter().any(|name| line.starts_with(name))
        })
        .take(4)
        .collect();
    let rest: String = BROWSER.split_inclusive("\r\n").filter(|line| !transport.contains(line)).collect();
    let text = rest.replacen("t=0 0\r\n", &format!("t=0 0\r\n{transport}"), 1);
    assert_eq!(text.matches("a=ice-pwd").count(), 1);
    assert_eq!(parse_answer(&text), parse_answer(BROWSER));
}
