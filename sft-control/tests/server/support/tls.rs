//! Certificates in files, and clients that trust them.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, ServerName},
};
use sft_control::{
    core,
    http::{Certificate, Cors, Listener},
};

use super::Server;

/// A directory that is removed at the end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("sft-test-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// The two files that the server reads.
    pub(crate) fn load(&self) -> Arc<Certificate> {
        Certificate::load(&self.path("chain.pem"), &self.path("key.pem")).unwrap()
    }

    pub(crate) fn write(&self, pair: &Pair) {
        fs::write(self.path("chain.pem"), pair.chain()).unwrap();
        fs::write(self.path("key.pem"), pair.key()).unwrap();
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A self-signed certificate for `localhost`.
pub(crate) struct Pair {
    pub(crate) certificate: CertificateDer<'static>,
    /// PKCS#8
    pub(crate) private: Vec<u8>,
}

impl Pair {
    pub(crate) fn new() -> Pair {
        Pair::of(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
    }

    pub(crate) fn of(key: &KeyPair) -> Pair {
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(key).unwrap();
        Pair { certificate: certificate.der().clone(), private: key.serialize_der() }
    }

    pub(crate) fn chain(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    pub(crate) fn key(&self) -> String {
        pem("PRIVATE KEY", &self.private)
    }
}

pub(crate) fn pem(kind: &str, content: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(content);
    let lines = text.as_bytes().chunks(64).map(|line| format!("{}\n", std::str::from_utf8(line).unwrap()));
    format!("-----BEGIN {kind}-----\n{}-----END {kind}-----\n", lines.collect::<String>())
}

/// A server that takes its join over HTTPS.
pub(crate) fn serve(config: core::Config, certificate: &Arc<Certificate>) -> Server {
    let acceptor = certificate.clone().acceptor().unwrap();
    Server::listening(config, Cors::default(), |listener| Listener::Tls(listener, acceptor))
}

/// A connection of a client.
pub(crate) struct Client(StreamOwned<ClientConnection, TcpStream>);

impl Client {
    /// Trusts this certificate only.
    ///
    /// # Errors
    /// The library's, for whatever the handshake ends with.
    pub(crate) fn connect(
        to: SocketAddr,
        trusted: &Pair,
        version: &'static SupportedProtocolVersion,
        alpn: &str,
    ) -> std::io::Result<Client> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.certificate.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_protocol_versions(&[version]).unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![alpn.into()];
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = TcpStream::connect(to)?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        Ok(Client(StreamOwned::new(tls, socket)))
    }

    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        self.0.conn.alpn_protocol()
    }

    /// As the server sent them.
    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        self.0.conn.peer_certificates().unwrap()
    }

    /// A request on a connection that is kept, and its response up to the end of the body's first line.
    pub(crate) fn get(&mut self, path: &str) -> String {
        write!(self.0, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut response = Vec::new();
        while !has_body(&response) {
            let mut part = [0; 1024];
            let read = self.0.read(&mut part).unwrap();
            assert_ne!(read, 0, "the server closed the connection");
            response.extend(&part[..read]);
        }
        String::from_utf8(response).unwrap()
    }
}

fn has_body(response: &[u8]) -> bool {
    let head = response.windows(4).position(|window| window == b"\r\n\r\n");
    head.is_some_and(|end| response[end + 4..].contains(&b'\n'))
}

pub(crate) fn message(path: &Path, key: &Path) -> String {
    Certificate::load(path, key).unwrap_err().to_string()
}
