//! SSRCs of the client: the first of an m-line, each on one m-line only.

use super::*;

#[test]
fn a_client_may_send_no_audio() {
    assert_eq!(without_line("a=ssrc").unwrap().audio_ssrc, None);
}

#[test]
fn a_legacy_client_names_its_video() {
    let text = BROWSER.replace("a=rid:l send", "a=ssrc:77 cname:x\r\na=ssrc:78 cname:x");
    assert_eq!(parse_answer(&text).unwrap().video_ssrc, Some(77));
}

#[test]
fn several_lines_may_describe_one_stream() {
    let line = "a=ssrc:77 cname:x\r\na=ssrc:77 msid:a b";
    assert_eq!(with_line("a=ssrc", line).unwrap().audio_ssrc, Some(77));
}

#[test]
fn one_ssrc_on_two_m_lines_is_refused() {
    let text = BROWSER.replace("a=rid:l send", "a=ssrc:1736396441 cname:x");
    assert_eq!(parse_answer(&text), Err(AnswerError::SsrcReused(1_736_396_441)));
}

#[test]
fn what_is_no_ssrc_is_refused() {
    for value in ["0 cname:x", "4294967296 cname:x", "-1 cname:x", "+1 cname:x", "x", ""] {
        let line = format!("a=ssrc:{value}");
        assert_eq!(with_line("a=ssrc", &line), Err(AnswerError::Missing("audio SSRC")), "{value}");
        let text = BROWSER.replace("a=rid:l send", &line);
        assert_eq!(parse_answer(&text), Err(AnswerError::Missing("video SSRC")), "{value}");
    }
    assert_eq!(with_line("a=ssrc", "a=ssrc:4294967295 cname:x").unwrap().audio_ssrc, Some(u32::MAX));
}
