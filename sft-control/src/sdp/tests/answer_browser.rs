//! Answers of stock clients are read.

use super::*;

#[test]
fn a_browsers_answer_is_read() {
    let answer = parse_answer(BROWSER).unwrap();
    assert_eq!(answer.ufrag, "arPf");
    assert_eq!(answer.password, "yTrXeNGk1q2LljsB7Stpcw+z");
    assert_eq!(answer.fingerprint[..3], [0xf3, 0x7b, 0xd0]);
    assert_eq!(answer.setup, Setup::Active);
    assert_eq!(answer.audio_ssrc, Some(1_736_396_441));
    assert_eq!(answer.video_ssrc, None);
    assert_eq!(
        answer.candidates,
        ["127.0.0.1:49527".parse().unwrap(), "198.51.100.1:41807".parse().unwrap()]
    );
    assert!(!answer.ice_lite);
    assert_eq!(answer.tool.as_deref(), Some("wasm-default: avs 10.5.8 (?/?)"));
}

#[test]
fn both_spellings_of_the_data_channel_are_read() {
    assert!(SCTP_PORT.contains("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
    assert!(parse_answer(SCTP_PORT).is_ok());
    // Firefox's, as the calling library rewrites it (sft-protocol.md 5.1).
    let firefox = SCTP_PORT.replace("UDP/DTLS/SCTP webrtc", "DTLS/SCTP webrtc");
    assert!(parse_answer(&firefox).is_ok());
}

#[test]
fn a_client_may_say_how_long_a_message_it_takes() {
    assert_eq!(parse_answer(BROWSER).unwrap().max_message, None);
    let said = |line: &str| parse_answer(&SCTP_PORT.replace("a=sctp-port:5000", line)).unwrap().max_message;
    assert_eq!(said("a=max-message-size:262144"), Some(262_144));
    assert_eq!(said("a=max-message-size:much"), None);
}

#[test]
fn the_client_may_be_the_dtls_server() {
    assert_eq!(with_line("a=setup", "a=setup:passive").unwrap().setup, Setup::Passive);
    assert_eq!(with_line("a=setup", "a=setup:actpass").unwrap().setup, Setup::Passive);
}

#[test]
fn an_ice_lite_client_is_noticed() {
    let lite = BROWSER.replacen("a=extmap-allow-mixed", "a=ice-lite", 1);
    assert!(parse_answer(&lite).unwrap().ice_lite);
}

#[test]
fn unknown_lines_are_indifferent() {
    let text = BROWSER
        .replacen("t=0 0\r\n", "t=0 0\r\na=x-unknown:1 2 3\r\na=x-flag\r\n", 1)
        .replace("a=rtcp-mux\r\n", "a=x-unknown\r\na=rtcp-mux\r\nb=AS:30\r\n");
    assert_eq!(parse_answer(&text), parse_answer(BROWSER));
}
