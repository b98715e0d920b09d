//! Slots: m-lines with numbers for mids, one SSRC and one track each.

use std::collections::HashSet;

use super::*;

#[test]
fn mids_are_names_and_then_numbers_and_all_bundled() {
    let text = offer(&spec(), &parameters(), 7);
    let mids: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("a=mid:")).collect();
    let expected: Vec<String> = ["audio", "video", "data"]
        .map(String::from)
        .into_iter()
        .chain((1..=14).map(|mid: u32| mid.to_string()))
        .collect();
    assert_eq!(mids, expected);
    assert!(text.contains(&format!("a=group:BUNDLE {}\r\n", expected.join(" "))));
}

/// Clients look for `a=ssrc:N msid:A B` and take B for the track.
#[test]
fn every_slot_has_a_track_of_its_own() {
    let text = offer(&spec(), &parameters(), 7);
    let mut tracks = HashSet::new();
    for ssrc in spec().audio_slots.iter().chain(&spec().video_slots) {
        let start = format!("a=ssrc:{ssrc} msid:");
        let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(start.as_str())).collect();
        assert_eq!(found.len(), 1);
        assert!(tracks.insert(found[0].split_once(' ').unwrap().1));
    }
}

#[test]
fn a_client_that_is_not_selective_gets_none() {
    let none = OfferSpec { audio_slots: Vec::new(), video_slots: Vec::new(), ..spec() };
    let text = offer(&none, &parameters(), 7);
    assert!(text.contains("a=group:BUNDLE audio video data\r\n"));
    assert_eq!(text.matches("\r\nm=").count(), 3);
}

#[test]
fn video_alone_may_have_slots() {
    let video = OfferSpec { audio_slots: Vec::new(), ..spec() };
    let text = offer(&video, &parameters(), 7);
    assert!(text.contains("a=mid:1\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"));
}
