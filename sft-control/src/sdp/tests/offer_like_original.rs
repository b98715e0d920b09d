//! Line by line the offer is the original's: stock clients are known to take that one.

use super::*;

/// What the original offered a stock client: 5 audio slots, 9 video slots, simulcast.
const ORIGINAL: &str = include_str!("../../../tests/fixtures/sdp/original-offer.sdp");

/// Lines that we add: receivers may ask for key frames.
const ADDED: [&str; 2] = ["a=rtcp-fb:100 nack pli", "a=rtcp-fb:100 ccm fir"];
/// Lets browsers send the authorisations of a large conference.
const MESSAGES: &str = "a=max-message-size:262144";
/// A line that we leave out: no client looks at it.
const LEFT_OUT: &str = "a=x-OFFER";

fn value<'a>(name: &str) -> impl Iterator<Item = &'a str> {
    ORIGINAL.lines().filter_map(move |line| line.strip_prefix(name))
}

/// Each SSRC once, in the order of the m-lines: main video, audio slots, video slots.
fn ssrcs() -> Vec<u32> {
    value("a=ssrc:")
        .filter(|rest| rest.contains(" cname:"))
        .map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

/// Our offer with the original's numbers and credentials.
fn ours(simulcast: bool) -> String {
    let ssrcs = ssrcs();
    let digits = value("a=fingerprint:sha-256 ").next().unwrap();
    let digits: Vec<u8> = digits.split(':').map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    let candidate: Vec<&str> = value("a=candidate:").next().unwrap().split(' ').collect();
    let spec = OfferSpec {
        simulcast,
        local_video_ssrc: ssrcs[0],
        audio_slots: ssrcs[1..6].to_vec(),
        video_slots: ssrcs[6..].to_vec(),
    };
    let transport = TransportParameters {
        ufrag: value("a=ice-ufrag:").next().unwrap().into(),
        password: value("a=ice-pwd:").next().unwrap().into(),
        fingerprint: digits.try_into().unwrap(),
        candidates: vec![format!("{}:{}", candidate[4], candidate[5]).parse().unwrap()],
        relayed: None,
        max_message: 262_144,
    };
    offer(&spec, &transport, 7)
}

/// The line without what is each server's own choice.
fn shape(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    match words[0] {
        "o=-" => format!("o=- N N {}", words[3..].join(" ")),
        "a=tool:sftd" => format!("a=tool:sftd {} (...)", &words[1][..2]),
        name if name.starts_with("a=candidate:") => {
            format!("a=candidate:F {} {} P {}", words[1], words[2], words[4..].join(" "))
        }
        name if name.starts_with("a=msid:") && words.len() == 2 => "a=msid:A B".into(),
        name if name.starts_with("a=ssrc:") && words[1].starts_with("cname:") => format!("{name} cname:A"),
        name if name.starts_with("a=ssrc:") && words.len() == 3 => format!("{name} msid:A B"),
        _ => line.to_owned(),
    }
}

fn is_added(line: &str) -> bool {
    line == MESSAGES || ADDED.contains(&line)
}

fn shapes(text: &str) -> Vec<String> {
    text.lines().map(shape).collect()
}

#[test]
fn every_line_is_the_originals() {
    let expected: Vec<String> = shapes(ORIGINAL).into_iter().filter(|line| line != LEFT_OUT).collect();
    let found: Vec<String> = shapes(&ours(true)).into_iter().filter(|line| !is_added(line)).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_added_stands_on_every_video_m_line() {
    let text = ours(true);
    for section in text.split("\r\nm=").skip(1) {
        let expected = usize::from(section.starts_with("video"));
        for line in ADDED {
            assert_eq!(section.matches(&format!("\r\n{line}\r\n")).count(), expected, "{section}");
        }
    }
}

#[test]
fn the_data_channels_m_line_says_how_long_a_message_we_take() {
    let text = ours(true);
    for section in text.split("\r\nm=").skip(1) {
        let expected = section.starts_with("application");
        assert_eq!(section.lines().any(|line| line == MESSAGES), expected, "{section}");
    }
}

/// sft-protocol.md 3.8.
#[test]
fn a_legacy_client_is_offered_the_same_without_simulcast() {
    let only_simulcast = ["a=rid:l recv", "a=rid:h recv", "a=simulcast:recv l;h"];
    let (full, plain) = (shapes(&ours(true)), shapes(&ours(false)));
    let expected: Vec<String> =
        full.into_iter().filter(|line| !only_simulcast.contains(&line.as_str())).collect();
    assert_eq!(plain, expected);
}
