//! Offers against what clients need, answers as a browser writes them and as nobody should.

use proptest::prelude::*;

use super::*;

/// What the calling library posts in Chromium, cut behind the first slot.
const BROWSER: &str = include_str!("../../tests/fixtures/browser-answer.sdp");

fn spec() -> OfferSpec {
    OfferSpec {
        simulcast: true,
        audio_slots: vec![11, 12, 13, 14, 15],
        video_slots: (21..30).collect(),
        local_video_ssrc: 20,
    }
}

fn parameters() -> TransportParameters {
    TransportParameters {
        ufrag: "abcd".into(),
        password: "0123456789abcdefghijkl".into(),
        fingerprint: [0xab; 32],
        candidates: vec![([198, 51, 100, 1], 8586).into(), ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 8586).into()],
    }
}

#[test]
fn an_offer_has_the_m_lines_in_the_order_clients_count_on() {
    let text = offer(&spec(), &parameters(), 7);
    let mids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("a=mid:")).collect();
    let expected: Vec<String> = ["audio", "video", "data"]
        .map(String::from)
        .into_iter()
        .chain((1..=14).map(|mid: u32| mid.to_string()))
        .collect();
    assert_eq!(mids, expected);
    assert!(text.contains(&format!("a=group:BUNDLE {}\r\n", expected.join(" "))));
    assert!(text.contains("a=tool:sftd 5."));
}

#[test]
fn clients_find_the_lines_that_they_match_as_text() {
    let text = offer(&spec(), &parameters(), 7);
    for line in ["a=rid:l recv", "a=rid:h recv", "a=simulcast:recv l;h", "m=application 9 DTLS/SCTP 5000"] {
        assert_eq!(text.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line}");
    }
    let plain = offer(&OfferSpec { simulcast: false, ..spec() }, &parameters(), 7);
    assert!(!plain.contains("a=rid") && !plain.contains("a=simulcast"));
}

#[test]
fn every_slot_announces_its_ssrc() {
    let text = offer(&spec(), &parameters(), 7);
    for ssrc in spec().audio_slots.iter().chain(&spec().video_slots) {
        assert_eq!(text.matches(&format!("a=ssrc:{ssrc} msid:")).count(), 1);
    }
}

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
}

#[test]
fn an_offer_survives_a_parser() {
    let text = offer(&spec(), &parameters(), 7);
    let session = sdp_types::Session::parse(text.as_bytes()).unwrap();
    assert_eq!(session.medias.len(), 17);
    let mut written = Vec::new();
    session.write(&mut written).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), text);
}

#[test]
fn a_browsers_answer_is_read() {
    let answer = parse_answer(BROWSER).unwrap();
    assert_eq!(answer.setup, Setup::Active);
    assert!(answer.audio_ssrc.is_some());
    assert_eq!(answer.video_ssrc, None);
    assert!(!answer.candidates.is_empty());
    assert!(!answer.ice_lite);
    assert!(answer.tool.is_some_and(|tool| tool.contains("avs")));
}

#[test]
fn what_an_answer_lacks_is_named() {
    let without = |line: &str| {
        let kept = BROWSER.split_inclusive("\r\n").filter(|text| !text.starts_with(line));
        parse_answer(&kept.collect::<String>())
    };
    assert_eq!(without("a=ice-ufrag"), Err(AnswerError::Missing("ice-ufrag")));
    assert_eq!(without("a=ice-pwd"), Err(AnswerError::Missing("ice-pwd")));
    assert_eq!(without("a=fingerprint"), Err(AnswerError::Missing("SHA-256 fingerprint")));
    assert_eq!(without("a=setup"), Err(AnswerError::Missing("setup")));
    assert_eq!(without("a=rtcp-mux"), Err(AnswerError::NoRtcpMux));
    assert_eq!(without("a=ssrc").unwrap().audio_ssrc, None);
    assert_eq!(parse_answer(&BROWSER.replace("m=audio", "m=text")), Err(AnswerError::NoAudio));
    assert_eq!(parse_answer(&"x".repeat(100_000)), Err(AnswerError::TooLong));
    assert!(matches!(parse_answer("hello"), Err(AnswerError::Syntax(_))));
}

proptest! {
    #[test]
    fn arbitrary_text_is_no_answer(text in "(?s).{0,400}") {
        prop_assert!(parse_answer(&text).is_err());
    }

    #[test]
    fn a_mutilated_answer_does_no_harm(
        cut: prop::sample::Index,
        length in 0..40_usize,
        inserted in "[ -~\r\n]{0,20}",
    ) {
        let start = cut.index(BROWSER.len());
        let end = (start + length).min(BROWSER.len());
        let text = format!("{}{inserted}{}", &BROWSER[..start], &BROWSER[end..]);
        if let Ok(answer) = parse_answer(&text) {
            prop_assert!(answer.candidates.len() <= 50);
            prop_assert!(answer.ufrag.len() >= 4);
        }
    }
}
