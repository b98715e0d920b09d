//! The join over HTTPS.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use rustls::version::{TLS12, TLS13};

use crate::support::{
    config, status,
    tls::{Client, Directory, Pair, serve},
};

#[test]
fn clients_join_over_both_versions_of_tls() {
    let (directory, pair) = (Directory::new("versions"), Pair::new());
    directory.write(&pair);
    let server = serve(config(), &directory.load());
    for version in [&TLS12, &TLS13] {
        let mut client = Client::connect(server.http, &pair, version, "http/1.1").unwrap();
        assert_eq!(client.alpn(), Some(&b"http/1.1"[..]));
        assert!(client.get("/sft/url").ends_with("\r\n\r\nhttp://127.0.0.1\r\n"));
        assert!(client.get("/sft/status").ends_with("\r\n\r\nDebug\n"));
    }
}

#[test]
fn a_client_without_http_1_is_refused() {
    let (directory, pair) = (Directory::new("alpn"), Pair::new());
    directory.write(&pair);
    let server = serve(config(), &directory.load());
    assert!(Client::connect(server.http, &pair, &TLS13, "h2").is_err());
}

#[test]
fn plain_http_ends_the_connection_and_harms_nobody() {
    let (directory, pair) = (Directory::new("plain"), Pair::new());
    directory.write(&pair);
    let server = serve(config(), &directory.load());
    let response = server.get("/sft/url");
    assert_ne!(status(&response), "200", "{response}");
    assert!(!response.contains("http://127.0.0.1"), "{response}");
    assert!(Client::connect(server.http, &pair, &TLS13, "http/1.1").is_ok());
}

#[test]
fn handshakes_that_never_end_keep_nobody_waiting() {
    let (directory, pair) = (Directory::new("stuck"), Pair::new());
    directory.write(&pair);
    let server = serve(config(), &directory.load());
    let silent = TcpStream::connect(server.http).unwrap();
    let mut slow = TcpStream::connect(server.http).unwrap();
    slow.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
    let mut client = Client::connect(server.http, &pair, &TLS13, "http/1.1").unwrap();
    assert!(client.get("/sft/status").contains("Debug"));
    for mut waiting in [silent, slow] {
        waiting.set_nonblocking(true).unwrap();
        let error = waiting.read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "it still has its time");
    }
}
