//! The codec reads what real clients and the original server sent each other, and writes like the latter.
#![cfg(test)]

use proptest::prelude::*;
use sft_control::econn::{self, Address, Body, Message, ParticipantEntry, Quality, Selection, decode};

/// A request to join, then SETUP and UPDATE exchanges (descriptions cut short), then the data channel.
const CAPTURED: &str = include_str!("fixtures/econn/captured.jsonl");

fn messages() -> impl Iterator<Item = Message> {
    CAPTURED.lines().map(|line| decode(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}")))
}

/// The first captured line that holds all of these.
fn line(parts: &[&str]) -> &'static str {
    CAPTURED.lines().find(|line| parts.iter().all(|part| line.contains(part))).unwrap()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_request_to_join() {
    let message = messages().next().unwrap();
    assert_eq!(message.session, "38358b54923a26667104a41345f80dae");
    assert_eq!(message.user, "354422e415c3b6c669c1828dca3cf4f0");
    assert_eq!((message.client.as_str(), message.response), ("_", false));
    let Body::Connect(request) = message.body else { panic!("no CONFCONN") };
    assert!(!request.update && request.selective_audio && request.selective_video);
    assert_eq!((request.video_streams, request.version.unwrap().major, request.anchor), (9, 10, None));
}

#[test]
fn a_request_to_reconnect() {
    let Body::Connect(request) = decode(line(&["\"update\":true"]).as_bytes()).unwrap().body else {
        panic!("no CONFCONN")
    };
    assert!(request.update);
}

#[test]
fn answers() {
    for r#type in ["SETUP", "UPDATE"] {
        let text = line(&[&format!("\"type\":\"{}\"", r#type), "\"resp\":true"]);
        let message = decode(text.as_bytes()).unwrap();
        assert!(
            matches!(&message.body, Body::Setup { sdp } | Body::Update { sdp } if sdp.starts_with("v=0"))
        );
    }
}

#[test]
fn an_authorisation() {
    let message =
        messages().find(|message| matches!(message.body, Body::Participants(_)) && message.response);
    let Some(Body::Participants(entries)) = message.map(|message| message.body) else {
        panic!("no CONFPART")
    };
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| entry.authorised && entry.client == "_"));
    assert_eq!((entries[0].audio_ssrc, entries[0].video_ssrc), (1_736_396_441, 3_782_727_422));
}

#[test]
fn a_selection() {
    let streams = messages().find_map(|message| match message.body {
        Body::Streams(Selection::List(streams)) => Some(streams),
        _ => None,
    });
    let streams = streams.unwrap();
    assert_eq!(streams.len(), 2);
    assert!(streams.iter().all(|stream| stream.quality == Quality::High));
}

#[test]
fn properties_keep_names_we_do_not_know() {
    let key = messages().find_map(|message| match message.body {
        Body::Properties(properties) => properties.get("keysync").cloned(),
        _ => None,
    });
    assert_eq!(key.as_deref(), Some("0"));
}

/// Field by field; the sequence number and the entropy are those of the capture.
#[test]
fn a_participant_list_is_written_alike() {
    let original = json(line(&["CONFPART", "\"resp\":false"]));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let number = |value: &serde_json::Value| text(value).parse().unwrap();
    let entropy: Vec<u8> = {
        use base64::Engine as _;
        base64::prelude::BASE64_STANDARD.decode(text(&original["entropy"])).unwrap()
    };
    let entries: Vec<ParticipantEntry<'_>> = original["participants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| ParticipantEntry {
            user: entry["userid"].as_str().unwrap(),
            client: "_",
            audio_ssrc: number(&entry["ssrc_audio"]),
            video_ssrc: number(&entry["ssrc_video"]),
            index: entry["timestamp"].as_u64().unwrap() as u32,
            muted: false,
        })
        .collect();
    let written = econn::participants(
        false,
        text(&original["timestamp"]).parse().unwrap(),
        number(&original["seqno"]),
        entropy.try_into().unwrap(),
        &entries,
        "http://127.0.0.1:18585",
    );
    assert_eq!(json(&written), original);
}

#[test]
fn short_replies_are_written_alike() {
    let ping = json(line(&["PING", "\"resp\":true"]));
    let to = Address {
        session: ping["sessid"].as_str().unwrap(),
        user: ping["dest_userid"].as_str().unwrap(),
        client: "_",
    };
    assert_eq!(json(&econn::ping_reply(to)), ping);
    let hangup = json(line(&["HANGUP", "\"resp\":true"]));
    let to = Address { user: hangup["dest_userid"].as_str().unwrap(), ..to };
    assert_eq!(json(&econn::hangup(to, true)), hangup);
}

/// The capture's server left out `env`, which its clients default to 0.
#[test]
fn the_reply_to_an_answer_is_written_alike() {
    let mut original = json(line(&["CONFCONN", "\"src_clientid\":\"sft\""]));
    original["env"] = 0.into();
    assert_eq!(json(&econn::connection_reply(original["sessid"].as_str().unwrap())), original);
}

proptest! {
    #[test]
    fn a_damaged_message_does_no_harm(line in 0usize..18, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let line = CAPTURED.lines().nth(line).unwrap();
        let mut text = line.as_bytes().to_vec();
        let at = at.index(text.len());
        text[at] = byte;
        drop(decode(&text));
    }
}
