//! Messages as the calling library writes them and reads them, and as nobody should.

use proptest::prelude::*;

use super::*;

const ADDRESS: Address<'static> = Address { session: "9f9b", user: "d0ac", client: "_" };

fn body(text: &str) -> Body {
    decode(text.as_bytes()).unwrap().body
}

#[test]
fn a_browsers_join_is_read() {
    let message = decode(
        br#"{"version":"3.0","type":"CONFCONN","sessid":"9f9b","src_userid":"d0ac","src_clientid":"_",
            "dest_userid":"SFT","dest_clientid":"_","resp":false,
            "ice_servers":[{"urls":"stun:192.0.2.1:3478","username":"u","credential":"c"}],"update":false,
            "tool":"avs 10.5.8 (?/?)","toolver":"10.5.8","env":0,"status":0,"selective_audio":true,
            "selective_video":true,"vstreams":9}"#,
    )
    .unwrap();
    assert_eq!((message.session.as_str(), message.user.as_str(), message.response), ("9f9b", "d0ac", false));
    let expected = ConnectionRequest {
        update: false,
        tool: "avs 10.5.8 (?/?)".into(),
        version: Some(Version { major: 10, minor: Some(5), build: Some(8) }),
        selective_audio: true,
        selective_video: true,
        video_streams: 9,
        anchor: None,
        token: None,
        ice_servers: vec![IceServer {
            url: "stun:192.0.2.1:3478".into(),
            username: "u".into(),
            credential: "c".to_owned().into(),
        }],
    };
    assert_eq!(message.body, Body::Connect(expected));
}

#[test]
fn fields_of_a_join_have_their_defaults() {
    let text =
        r#"{"version":"3.0","type":"confconn","sessid":"","resp":false,"vstreams":99,"toolver":"7.local"}"#;
    let Body::Connect(request) = body(text) else { panic!("no CONFCONN") };
    assert_eq!(request.video_streams, 32);
    assert_eq!(request.version, Some(Version { major: 7, minor: Some(999), build: None }));
    assert!(!request.update && !request.selective_audio && !request.selective_video);
}

#[test]
fn ssrcs_of_participants_are_strings_and_incomplete_entries_are_skipped() {
    let text = r#"{"version":"3.0","type":"CONFPART","sessid":"","resp":true,"should_start":false,"timestamp":"0",
        "seqno":"0","participants":[
        {"userid":"e07e","clientid":"_","authorized":true,"ssrc_audio":"3176436150","ssrc_video":"367633293",
         "timestamp":0,"pstn":false},
        {"userid":"e07f","clientid":"_","authorized":true,"ssrc_audio":"1"}]}"#;
    let expected = Participant {
        user: "e07e".into(),
        client: "_".into(),
        authorised: true,
        audio_ssrc: 3_176_436_150,
        video_ssrc: 367_633_293,
    };
    assert_eq!(body(text), Body::Participants(vec![expected]));
}

#[test]
fn qualities_are_numbers() {
    let text = r#"{"version":"3.0","type":"CONFSTREAMS","sessid":"9f9b","resp":false,"mode":"list","streams":[
        {"userid":"a","quality":0},{"userid":"b","quality":1},{"userid":"c","quality":2},{"userid":"d"}]}"#;
    let Body::Streams(Selection::List(streams)) = body(text) else { panic!("no list") };
    let qualities: Vec<Quality> = streams.iter().map(|stream| stream.quality).collect();
    assert_eq!(qualities, [Quality::Any, Quality::Low, Quality::High]);
}

/// Entries that are none, or too long, are left out.
#[test]
fn ice_servers_have_one_url_or_several() {
    let text = |servers: &str| {
        format!(r#"{{"version":"3.0","type":"CONFCONN","sessid":"","resp":false,"ice_servers":[{servers}]}}"#)
    };
    let urls = |servers: &str| {
        let Body::Connect(request) = body(&text(servers)) else { panic!("no CONFCONN") };
        request.ice_servers.into_iter().map(|server| server.url).collect::<Vec<_>>()
    };
    let long = format!(r#"{{"urls":"turn:{}"}}"#, "a".repeat(300));
    assert_eq!(
        urls(&format!(
            r#"{{"urls":["turn:a","turn:b"]}},{{"urls":"turn:c"}},{{"url":"turn:d"}},{long},7,{{}}"#
        )),
        ["turn:a", "turn:c", "turn:d"]
    );
}

#[test]
fn any_mode_but_level_is_a_list() {
    let text = |mode: &str| {
        format!(r#"{{"version":"3.0","type":"CONFSTREAMS","sessid":"","resp":false,{mode}"streams":[]}}"#)
    };
    assert_eq!(body(&text(r#""mode":"level","#)), Body::Streams(Selection::Level));
    for mode in [r#""mode":"list","#, r#""mode":"other","#, ""] {
        assert_eq!(body(&text(mode)), Body::Streams(Selection::default()), "{mode}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let error = |text: &str| decode(text.as_bytes()).unwrap_err();
    assert!(matches!(error("{"), DecodeError::Json { .. }));
    assert!(matches!(error("[]"), DecodeError::Field { .. }));
    let with = |version: &str, kind: &str| {
        error(&format!(r#"{{"version":"{version}","type":"{kind}","sessid":"","resp":false}}"#))
    };
    assert!(matches!(with("2.0", "PING"), DecodeError::Version));
    assert!(matches!(with("3.0", "NONSENSE"), DecodeError::Type));
    assert!(matches!(with("3.0", "SETUP"), DecodeError::Missing { field: "sdp", .. }));
    assert!(matches!(with("3.0", "PROPSYNC"), DecodeError::Missing { field: "props", .. }));
    let long = "x".repeat(128);
    let text = format!(r#"{{"version":"3.0","type":"PING","sessid":"{long}","resp":false}}"#);
    assert!(matches!(error(&text), DecodeError::Limit(_)));
}

#[test]
fn an_offer_has_what_clients_require() {
    let text = offer_message(ADDRESS, false, "v=0", "https://sft.example.com");
    assert_eq!(
        text,
        r#"{"version":"3.0","type":"SETUP","sessid":"9f9b","src_userid":"sft","src_clientid":"_","dest_userid":"d0ac","dest_clientid":"_","resp":false,"sdp":"v=0","props":{"audiocbr":"false","muted":"false","screensend":"false","videosend":"true"},"url":"https://sft.example.com"}"#
    );
    assert!(offer_message(ADDRESS, true, "v=0", "u").contains(r#""type":"UPDATE""#));
}

#[test]
fn the_participant_list_has_the_original_types() {
    let entry = ParticipantEntry {
        user: "d0ac",
        client: "_",
        audio_ssrc: 4_000_000_000,
        video_ssrc: 7,
        index: 3,
        muted: true,
    };
    let text = participants(true, 1_760_000_000_123, 42, [0xab; 16], &[entry], "https://sft.example.com");
    assert_eq!(
        text,
        r#"{"version":"3.0","type":"CONFPART","sessid":"","resp":false,"should_start":true,"timestamp":"1760000000123","seqno":"42","entropy":"q6urq6urq6urq6urq6urqw==","participants":[{"userid":"d0ac","clientid":"_","authorized":false,"ssrc_audio":"4000000000","ssrc_video":"7","timestamp":3,"muted":true}],"sfts":["https://sft.example.com"]}"#
    );
}

#[test]
fn what_is_written_can_be_read() {
    let known = [
        (connection_reply("9f9b"), true),
        (connection_refusal("9f9b", 2), false),
        (ping_reply(ADDRESS), true),
        (hangup(ADDRESS, false), false),
        (greeting(ADDRESS), false),
        (properties("a", "_", &Properties::new()), true),
    ];
    for (text, response) in known {
        assert_eq!(decode(text.as_bytes()).unwrap().response, response, "{text}");
    }
}

#[test]
fn a_field_stands_there_once() {
    let twice = br#"{"version":"3.0","type":"PING","sessid":"","resp":true,"resp":false}"#;
    assert!(matches!(decode(twice), Err(DecodeError::Field { .. })));
}

#[test]
fn errors_repeat_nothing_of_a_message() {
    let text = br#"{"version":"3.0","type":"CONFCONN","sessid":"","resp":false,"update":"s3cret"}"#;
    let error = decode(text).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[test]
fn entries_that_do_not_fit_are_skipped() {
    let good =
        r#"{"userid":"A","clientid":"_","authorized":true,"ssrc_audio":"1","ssrc_video":"4294967295"}"#;
    let bad = [
        good.replace(r#""1""#, "1"),
        good.replace(r#""1""#, r#""4294967296""#),
        good.replace(r#""1""#, r#""-1""#),
        good.replace(r#""1""#, r#""+1""#),
        good.replace(r#""1""#, r#""""#),
        good.replace(r#""A""#, r#""A/B""#),
        good.replace("true", "1"),
        "7".into(),
        "[]".into(),
    ];
    let text = r#"{"version":"3.0","type":"CONFPART","sessid":"","resp":true,"participants":"#;
    let Body::Participants(read) = body(&format!("{text}[{},{good}]}}", bad.join(","))) else {
        panic!("no CONFPART")
    };
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].video_ssrc, u32::MAX);
}

#[test]
fn properties_are_few_and_short() {
    let with = |props: &str| {
        decode(
            format!(r#"{{"version":"3.0","type":"PROPSYNC","sessid":"","resp":false,"props":{props}}}"#)
                .as_bytes(),
        )
    };
    assert!(with(r#"{"muted":"true"}"#).is_ok());
    assert!(with(r#"{"muted":true}"#).is_err());
    assert!(with(&format!(r#"{{"a":"{}"}}"#, "x".repeat(257))).is_err());
    let many: Vec<_> = (0..33).map(|name| format!(r#""{name}":"""#)).collect();
    assert!(with(&format!("{{{}}}", many.join(","))).is_err());
}

#[test]
fn an_anchor_elsewhere_is_read() {
    let with = |field: &str| {
        let text = format!(r#"{{"version":"3.0","type":"CONFCONN","sessid":"","resp":false{field}}}"#);
        let Body::Connect(request) = body(&text) else { panic!("no CONFCONN") };
        request.anchor.map(|anchor| anchor.url)
    };
    assert_eq!(with(""), None);
    assert_eq!(with(r#","sft_url":"","sft_tuple":"""#), None);
    assert_eq!(with(r#","sft_url":"https://a.example""#).as_deref(), Some("https://a.example"));
    assert_eq!(with(r#","sft_tuple":"192.0.2.1:3478/16384""#).as_deref(), Some(""));
}

#[test]
fn a_token_is_read_and_its_credential_is_in_no_log() {
    let with = |fields: &str| {
        let text = format!(r#"{{"version":"3.0","type":"CONFCONN","sessid":"","resp":false{fields}}}"#);
        decode(text.as_bytes()).map(|message| match message.body {
            Body::Connect(request) => request.token,
            other => panic!("{other:?}"),
        })
    };
    let token = |username: &str, credential: &str| {
        Ok(Some(Token { username: username.into(), credential: credential.into() }))
    };
    assert_eq!(with(""), Ok(None));
    assert_eq!(with(r#","username":"","credential":"""#), Ok(None));
    assert_eq!(with(r#","username":"d=1","credential":"s3cret""#), token("d=1", "s3cret"));
    assert_eq!(with(r#","username":"d=1""#), token("d=1", ""));
    assert_eq!(with(r#","credential":"s3cret""#), token("", "s3cret"));
    let long = format!(r#","username":"{}""#, "x".repeat(257));
    assert_eq!(with(&long), Err(DecodeError::Limit("a token")));
    let long = format!(r#","credential":"{}""#, "s3cret".repeat(30));
    assert_eq!(with(&long), Err(DecodeError::Limit("a token")));
    let shown = format!("{:?}", with(r#","username":"d=1","credential":"s3cret""#));
    assert!(shown.contains("d=1") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn a_refusal_has_the_original_shape() {
    assert_eq!(
        connection_refusal("9f9b", 5),
        r#"{"version":"3.0","type":"CONFCONN","sessid":"9f9b","resp":false,"update":false,"tool":"","toolver":"","env":0,"status":5,"selective_audio":false,"selective_video":false,"vstreams":0}"#
    );
}

#[test]
fn nesting_does_not_exhaust_the_stack() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(decode(deep.as_bytes()).is_err());
    let entry =
        format!(r#"{{"version":"3.0","type":"CONFPART","sessid":"","resp":true,"participants":[{deep}]}}"#);
    drop(decode(entry.as_bytes()));
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(text in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&text).is_err());
    }

    #[test]
    fn arbitrary_fields_do_no_harm(
        kind in prop::sample::select(&["SETUP", "CONFCONN", "CONFPART", "CONFSTREAMS", "PROPSYNC", "PING"][..]),
        field in prop::sample::select(&["sdp", "props", "participants", "streams", "vstreams", "toolver"][..]),
        value in prop::sample::select(&["1", "-1", "1e99", "null", "{}", "[]", "[1]", "[{}]", "\"x\"", "true"][..]),
    ) {
        let text = format!(r#"{{"version":"3.0","type":"{kind}","sessid":"","resp":true,"{field}":{value}}}"#);
        drop(decode(text.as_bytes()));
    }

    #[test]
    fn only_harmless_characters_make_an_id(text in ".{0,130}") {
        if is_id(&text) {
            prop_assert!(text.len() <= 127 && !text.is_empty() && !text.contains(['/', '.', ' ', '"']));
        }
    }
}
