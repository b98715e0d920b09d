//! The certificate's files: what can be read, what is said of what cannot, and what happens when they change.

use std::fs;

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};
use rustls::version::TLS13;
use sft_control::http::Certificate;

use crate::support::{
    config,
    tls::{Client, Directory, Pair, message, pem, serve},
};

#[test]
fn a_new_certificate_is_used_and_open_connections_live_on() {
    let (directory, old, new) = (Directory::new("reload"), Pair::new(), Pair::new());
    directory.write(&old);
    let certificate = directory.load();
    let server = serve(config(), &certificate);
    let connect = |trusted| Client::connect(server.http, trusted, &TLS13, "http/1.1");
    let mut open = connect(&old).unwrap();
    assert!(open.get("/sft/status").contains("Debug"));

    assert!(!certificate.refresh().unwrap(), "nothing has changed");
    directory.write(&new);
    assert!(connect(&new).is_err(), "nobody has looked yet");
    assert!(certificate.refresh().unwrap());
    assert!(open.get("/sft/status").contains("Debug"));
    assert!(connect(&new).unwrap().get("/sft/status").contains("Debug"));
    assert!(connect(&old).is_err());
}

#[test]
fn files_that_cannot_be_used_change_nothing() {
    let (directory, old, other) = (Directory::new("bad"), Pair::new(), Pair::new());
    directory.write(&old);
    let certificate = directory.load();
    let server = serve(config(), &certificate);
    for (chain, key) in [
        (other.chain(), old.key()),
        (old.chain(), other.key()),
        ("nonsense".into(), old.key()),
        (old.chain(), String::new()),
        (pem("CERTIFICATE", b"nonsense"), old.key()),
    ] {
        fs::write(directory.path("chain.pem"), chain).unwrap();
        fs::write(directory.path("key.pem"), key).unwrap();
        assert!(certificate.refresh().is_err());
        assert!(!certificate.refresh().unwrap(), "it is said once");
        assert!(Client::connect(server.http, &old, &TLS13, "http/1.1").is_ok());
    }
    fs::remove_file(directory.path("key.pem")).unwrap();
    assert!(certificate.refresh().is_err());
    assert!(Client::connect(server.http, &old, &TLS13, "http/1.1").is_ok());
    directory.write(&other);
    assert!(certificate.refresh().unwrap());
    assert!(Client::connect(server.http, &other, &TLS13, "http/1.1").is_ok());
}

#[test]
fn what_keeps_a_server_from_starting_is_said() {
    let (directory, pair, other) = (Directory::new("start"), Pair::new(), Pair::new());
    directory.write(&pair);
    let (chain, key) = (directory.path("chain.pem"), directory.path("key.pem"));
    let with = |name: &str, text: &str| {
        let path = directory.path(name);
        fs::write(&path, text).unwrap();
        path
    };
    let absent = directory.path("absent.pem");
    let empty = with("empty.pem", "");
    let cut = with("cut.pem", &pair.key()[..60]);
    let locked = with("locked.pem", &pem("ENCRYPTED PRIVATE KEY", b"s3cret"));
    let foreign = with("foreign.pem", &other.key());
    for (chain, key, expected) in [
        (&absent, &key, "absent.pem: No such file"),
        (&chain, &absent, "absent.pem: No such file"),
        (&empty, &key, "empty.pem: no certificate is in it"),
        (&key, &key, "key.pem: no certificate is in it"),
        (&chain, &empty, "empty.pem: no private key is in it"),
        (&chain, &locked, "locked.pem: no private key is in it, or one with a password"),
        (&chain, &cut, "cut.pem: it is no valid PEM"),
        (&chain, &foreign, "is not that of the first certificate in"),
    ] {
        let said = message(chain, key);
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains(&pair.key()[30..50]), "{said}");
    }
}

/// What is in a PKCS#8 document (RFC 5958): its third element's content.
fn inner(document: &[u8]) -> &[u8] {
    let content = |der: &[u8]| {
        let (size, start) = match der[1] {
            0x81 => (usize::from(der[2]), 3),
            0x82 => (usize::from(der[2]) << 8 | usize::from(der[3]), 4),
            short => (usize::from(short), 2),
        };
        (start, start + size)
    };
    let (start, end) = content(document);
    let mut rest = &document[start..end];
    for _ in 0..2 {
        rest = &rest[content(rest).1..];
    }
    let (start, end) = content(rest);
    &rest[start..end]
}

#[test]
fn keys_are_read_in_all_their_forms() {
    let directory = Directory::new("keys");
    let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let ed25519 = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    for (pair, older) in [
        (Pair::of(&rsa), Some("RSA PRIVATE KEY")),
        (Pair::of(&p384), Some("EC PRIVATE KEY")),
        (Pair::new(), Some("EC PRIVATE KEY")),
        (Pair::of(&ed25519), None),
    ] {
        directory.write(&pair);
        drop(directory.load());
        if let Some(kind) = older {
            fs::write(directory.path("key.pem"), pem(kind, inner(&pair.private))).unwrap();
            let server = serve(config(), &directory.load());
            assert!(Client::connect(server.http, &pair, &TLS13, "http/1.1").is_ok(), "{kind}");
        }
    }
}

#[test]
fn a_chain_is_sent_whole() {
    let (directory, pair, other) = (Directory::new("chain"), Pair::new(), Pair::new());
    directory.write(&pair);
    fs::write(directory.path("chain.pem"), format!("{}# next\n{}", pair.chain(), other.chain())).unwrap();
    let certificate = Certificate::load(&directory.path("chain.pem"), &directory.path("key.pem")).unwrap();
    let server = serve(config(), &certificate);
    let client = Client::connect(server.http, &pair, &TLS13, "http/1.1").unwrap();
    assert_eq!(client.certificates(), [pair.certificate, other.certificate]);
}
