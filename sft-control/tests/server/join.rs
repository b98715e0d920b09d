//! The join over HTTP: what a client gets, and what everybody else does.

use crate::support::{BODY, Server, config, connect, status};

#[test]
fn a_client_gets_its_offer_and_its_answer_is_taken() {
    let server = Server::start(config());
    let response = server.post("/sft/c0ffee", &connect("anna"));
    assert_eq!(status(&response), "200", "{response}");
    let body: serde_json::Value = serde_json::from_str(response.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["type"], "SETUP");
    assert_eq!(body["sessid"], "c0ffee");
    assert_eq!(body["url"], "http://127.0.0.1");
    let offer = body["sdp"].as_str().unwrap();
    assert!(offer.contains(&format!("{} {} typ host", server.media.ip(), server.media.port())));

    let answer = include_str!("../fixtures/browser-answer.sdp");
    let message = serde_json::json!({
        "version": "3.0", "type": "SETUP", "sessid": "c0ffee", "src_userid": "anna", "src_clientid": "_",
        "resp": true, "sdp": answer, "props": {},
    });
    let response = server.post("/sft/c0ffee", &message.to_string());
    assert_eq!(status(&response), "200", "{response}");
    assert!(response.contains(r#""type":"CONFCONN""#) && response.contains(r#""status":0"#));
}

#[test]
fn operators_find_url_and_status() {
    let server = Server::start(config());
    assert!(server.get("/sft/url").ends_with("\r\n\r\nhttp://127.0.0.1\r\n"));
    assert!(server.get("/sft/status").ends_with("\r\n\r\nDebug\n"));
}

#[test]
fn a_full_server_says_so() {
    let server = Server::start(config());
    for user in ["a", "b", "c"] {
        assert_eq!(status(&server.post("/sft/one", &connect(user))), "200");
    }
    let full = server.post("/sft/one", &connect("d"));
    assert_eq!(status(&full), "503");
    assert!(full.contains("<title>503 Conference full</title>"), "{full}");
    assert_eq!(status(&server.post("/sft/two", &connect("a"))), "200");
    assert_eq!(status(&server.post("/sft/three", &connect("a"))), "503");
}

#[test]
fn a_draining_server_takes_no_new_conference_but_joins_to_running_ones() {
    let server = Server::start(config());
    assert_eq!(status(&server.post("/sft/one", &connect("a"))), "200");
    server.runtime.block_on(server.engine.drain()).unwrap();
    assert_eq!(status(&server.post("/sft/two", &connect("a"))), "303");
    assert_eq!(status(&server.post("/sft/one", &connect("b"))), "200");
}

#[test]
fn malformed_requests_get_an_error_page_and_harm_nobody() {
    let server = Server::start(config());
    let setup = r#"{"version":"3.0","type":"SETUP","sessid":"","src_userid":"a","src_clientid":"_","resp":true,"sdp":"v=0"}"#;
    let cases = [
        ("/sft/one", ""),
        ("/sft/one", "{"),
        ("/sft/one", "[1,2,3]"),
        ("/sft/one", r#"{"version":"3.0","type":"NONSENSE","sessid":"","resp":false}"#),
        ("/sft/one", r#"{"version":"2.0","type":"CONFCONN","sessid":"","resp":false}"#),
        (
            "/sft/one",
            r#"{"version":"3.0","type":"PING","sessid":"","src_userid":"a","src_clientid":"_","resp":false}"#,
        ),
        ("/sft/one", setup),
        ("/other/one", setup),
        ("/sft/%2e%2e", &connect("a")),
    ];
    for (path, body) in cases {
        let response = server.post(path, body);
        assert_eq!(status(&response), "400", "{path} {body}: {response}");
        assert!(response.contains("<!DOCTYPE html>") && response.contains("<title>400 "), "{response}");
    }
    assert_eq!(status(&server.get("/sft/one")), "400");
    assert_eq!(status(&server.post("/sft/one", &"x".repeat(BODY + 1))), "413");
    assert_eq!(status(&server.exchange(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")), "400");
    assert_eq!(status(&server.post("/sft/one", &connect("a"))), "200");
}

#[test]
fn a_broken_answer_is_refused_and_ends_the_leg() {
    let server = Server::start(config());
    assert_eq!(status(&server.post("/sft/one", &connect("a"))), "200");
    let answer = r#"{"version":"3.0","type":"SETUP","sessid":"","src_userid":"a","src_clientid":"_","resp":true,"sdp":"v=0\r\n"}"#;
    assert_eq!(status(&server.post("/sft/one", answer)), "400");
    let snapshot = server.runtime.block_on(server.engine.snapshot()).unwrap();
    assert!(snapshot.legs.is_empty());
}
