//! Web clients, whose pages have another origin.

use sft_control::http::{Cors, Listener};

use crate::support::{Server, config, connect, status};

const APP: &str = "https://app.example.com";

fn server(origins: &[&str]) -> Server {
    let cors = Cors::new(origins.iter().map(|origin| origin.parse().unwrap()).collect());
    Server::listening(config(), cors, Listener::Tcp)
}

fn preflight(server: &Server, origin: &str) -> String {
    server.exchange(
        format!(
            "OPTIONS /sft/one HTTP/1.1\r\nhost: sft\r\nconnection: close\r\norigin: {origin}\r\n\
             access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n\r\n"
        )
        .as_bytes(),
    )
}

fn post(server: &Server, origin: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    server.exchange(
        format!(
            "POST /sft/one HTTP/1.1\r\nhost: sft\r\nconnection: close\r\norigin: {origin}\r\n\
             content-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    )
}

fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let head = response.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn a_preflight_of_a_known_origin_is_answered() {
    let server = server(&[APP]);
    let response = preflight(&server, APP);
    assert_eq!(status(&response), "204", "{response}");
    assert_eq!(header(&response, "access-control-allow-origin"), Some(APP));
    assert!(header(&response, "access-control-allow-methods").unwrap().contains("POST"));
    let headers = header(&response, "access-control-allow-headers").unwrap().to_lowercase();
    assert!(headers.contains("content-type"), "{response}");
    assert_eq!(header(&response, "vary"), Some("Origin"));
    let response = preflight(&server, "https://evil.example");
    assert_eq!(status(&response), "400", "{response}");
    assert_eq!(header(&response, "access-control-allow-origin"), None);
    assert_eq!(header(&response, "vary"), Some("Origin"));
}

#[test]
fn every_response_can_be_read_by_a_known_origin() {
    let server = server(&["https://other.example", APP]);
    let join = connect("a");
    for (kind, body, expected) in [
        ("application/x-www-form-urlencoded", join.as_str(), "200"),
        ("application/json", join.as_str(), "200"),
        ("application/json", "{", "400"),
        ("text/plain", "", "400"),
    ] {
        let response = post(&server, APP, kind, body);
        assert_eq!(status(&response), expected, "{response}");
        assert_eq!(header(&response, "access-control-allow-origin"), Some(APP));
        assert_eq!(header(&response, "vary"), Some("Origin"));
    }
    let response = post(&server, "https://evil.example", "application/json", &join);
    assert_eq!(header(&response, "access-control-allow-origin"), None);
    assert_eq!(header(&response, "vary"), Some("Origin"));
}

#[test]
fn a_star_is_every_origin() {
    let server = server(&["*"]);
    for response in [preflight(&server, APP), post(&server, "null", "text/plain", &connect("a"))] {
        assert!(status(&response).starts_with('2'), "{response}");
        assert_eq!(header(&response, "access-control-allow-origin"), Some("*"));
    }
}

#[test]
fn without_origins_no_header_is_sent() {
    let server = server(&[]);
    for response in [preflight(&server, APP), post(&server, APP, "text/plain", &connect("a"))] {
        assert!(!response.to_lowercase().contains("access-control"), "{response}");
        assert_eq!(header(&response, "vary"), None);
    }
}
