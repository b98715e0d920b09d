//! M-lines stand where the offer had them (RFC 3264 section 6).

use super::*;

#[test]
fn audio_comes_first() {
    assert_eq!(parse_answer(&BROWSER.replace("m=audio", "m=text")), Err(AnswerError::NoAudio));
    assert_eq!(parse_answer(&BROWSER.replace("m=audio 49527", "m=audio 0")), Err(AnswerError::NoAudio));
    let at = |name: &str| BROWSER.find(name).unwrap();
    let (audio, video, data) = (at("m=audio"), at("m=video"), at("m=application"));
    let (first, second) = (&BROWSER[audio..video], &BROWSER[video..data]);
    let swapped = format!("{}{second}{first}{}", &BROWSER[..audio], &BROWSER[data..]);
    assert_eq!(parse_answer(&swapped), Err(AnswerError::NoAudio));
}

#[test]
fn the_data_channel_comes_third() {
    assert_eq!(
        parse_answer(&BROWSER.replace("m=application 9", "m=application 0")),
        Err(AnswerError::NoData)
    );
    assert_eq!(parse_answer(&BROWSER.replace("m=application", "m=text")), Err(AnswerError::NoData));
}

#[test]
fn video_may_be_rejected() {
    assert!(parse_answer(&BROWSER.replace("m=video 9", "m=video 0")).is_ok());
}

#[test]
fn audio_is_for_dtls_srtp_with_rtcp_in_between() {
    let of = |protocol: &str| parse_answer(&BROWSER.replace("UDP/TLS/RTP/SAVPF", protocol));
    assert!(of("RTP/SAVPF").is_ok());
    assert_eq!(of("RTP/AVP"), Err(AnswerError::Protocol));
    assert_eq!(of("TCP/TLS/RTP/SAVPF"), Err(AnswerError::Protocol));
    assert_eq!(without_line("a=rtcp-mux"), Err(AnswerError::NoRtcpMux));
}

#[test]
fn nobody_has_more_than_were_offered() {
    let with =
        |lines: usize| parse_answer(&format!("{BROWSER}{}", "m=video 0 RTP/SAVPF 100\r\n".repeat(lines)));
    assert!(with(36).is_ok());
    assert_eq!(with(37), Err(AnswerError::TooManyLines));
}
