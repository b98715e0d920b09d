//! Offers against what clients need and what the original writes, answers as browsers write them and as nobody
//! should. One behaviour per file.

use super::*;

mod answer_arbitrary;
mod answer_browser;
mod answer_bundle;
mod answer_candidates;
mod answer_credentials;
mod answer_m_lines;
mod answer_ssrcs;
mod answer_texts;
mod offer_candidates;
mod offer_like_original;
mod offer_parses;
mod offer_size;
mod offer_slots;
mod secrets;

/// What the calling library posts in Chromium, cut behind the first slot.
const BROWSER: &str = include_str!("../../tests/fixtures/browser-answer.sdp");
/// The same in full, with candidates of every kind that Chromium gathers.
const CANDIDATES: &str = include_str!("../../tests/fixtures/sdp/browser-answer-candidates.sdp");
/// The same to an offer that spells the data channel's line the new way.
const SCTP_PORT: &str = include_str!("../../tests/fixtures/sdp/browser-answer-sctp-port.sdp");

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
        relayed: None,
        max_message: 262_144,
    }
}

/// The browser's answer with every line that starts like this replaced.
fn with_line(start: &str, line: &str) -> Result<Answer, AnswerError> {
    let replaced = |text: &str| {
        let ours = if line.is_empty() { String::new() } else { format!("{line}\r\n") };
        if text.starts_with(start) { ours } else { text.to_owned() }
    };
    parse_answer(&BROWSER.split_inclusive("\r\n").map(replaced).collect::<String>())
}

fn without_line(start: &str) -> Result<Answer, AnswerError> {
    with_line(start, "")
}
