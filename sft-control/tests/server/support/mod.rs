//! A server inside the test: engine in the userspace lane, and the join's listener, on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

pub(crate) mod tls;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use sft_control::{
    core,
    dataplane::lanes::Mode,
    engine::{Engine, Handle, Settings},
    http::{Cors, Join, Listener},
    metrics,
    transport::MediaAddress,
};
use tokio::{net::TcpListener, runtime::Runtime};

/// Bytes of a body that this server takes.
pub(crate) const BODY: usize = 16 * 1024;

pub(crate) struct Server {
    pub(crate) http: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) media: SocketAddr,
    pub(crate) engine: Handle,
    pub(crate) runtime: Runtime,
}

/// Limits that tests reach.
pub(crate) fn config() -> core::Config {
    core::Config {
        public_url: "http://127.0.0.1".into(),
        max_conferences: 2,
        max_legs: 4,
        max_conference_legs: 3,
        max_messages_per_second: 50,
        imitate_original: false,
        admission: core::Policy::open(),
    }
}

impl Server {
    pub(crate) fn start(config: core::Config) -> Server {
        Server::listening(config, Cors::default(), Listener::Tcp)
    }

    /// With the page for trying it out.
    pub(crate) fn start_with_try_page(config: core::Config) -> Server {
        Server::arranged(config, Cors::default(), Listener::Tcp, Join::with_try_page)
    }

    /// With this CORS policy, on a listener made by `wrap`.
    pub(crate) fn listening(
        config: core::Config,
        cors: Cors,
        wrap: impl FnOnce(TcpListener) -> Listener,
    ) -> Server {
        Server::arranged(config, cors, wrap, |join| join)
    }

    fn arranged(
        config: core::Config,
        cors: Cors,
        wrap: impl FnOnce(TcpListener) -> Listener,
        arrange: impl FnOnce(Join) -> Join,
    ) -> Server {
        let runtime = Runtime::new().unwrap();
        // A port that was free a moment ago.
        let media = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (engine, http, metrics) = runtime.block_on(async {
            let settings = Settings {
                media: vec![MediaAddress { local: media, advertised: media }],
                interfaces: Vec::new(),
                mode: Mode::Userspace,
                pin_dir: None,
                keystream: 0,
                relay: None,
                core: config,
            };
            let (engine, _) = Engine::start(settings).await.unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let http = listener.local_addr().unwrap();
            let join = arrange(Join::new(engine.clone(), "http://127.0.0.1", BODY, cors));
            let serve = wrap(listener).serve(64, move |request| join.clone().respond(request));
            tokio::spawn(serve);
            let scrape = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let metrics = scrape.local_addr().unwrap();
            let scraped = engine.clone();
            let respond = move |request| metrics::respond(scraped.clone(), request);
            tokio::spawn(Listener::Tcp(scrape).serve(4, respond));
            (engine, http, metrics)
        });
        Server { http, metrics, media, engine, runtime }
    }

    /// Sends bytes and reads until the server closes.
    pub(crate) fn exchange(&self, request: &[u8]) -> String {
        exchange(self.http, request)
    }

    /// From the metrics listener.
    pub(crate) fn get_metrics(&self, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: sft\r\nconnection: close\r\n\r\n");
        exchange(self.metrics, request.as_bytes())
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> String {
        let length = body.len();
        self.exchange(
            format!("POST {path} HTTP/1.1\r\nhost: sft\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
                .as_bytes(),
        )
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.exchange(format!("GET {path} HTTP/1.1\r\nhost: sft\r\nconnection: close\r\n\r\n").as_bytes())
    }
}

fn exchange(to: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).unwrap();
    let mut response = Vec::new();
    // A server that closes in the middle of a request resets the connection.
    drop(stream.read_to_end(&mut response));
    String::from_utf8_lossy(&response).into_owned()
}

/// CONFCONN of a client.
pub(crate) fn connect(user: &str) -> String {
    format!(
        r#"{{"version":"3.0","type":"CONFCONN","sessid":"c0ffee","src_userid":"{user}","src_clientid":"_","resp":false,"update":false,"toolver":"10.5.8","selective_audio":true,"selective_video":true,"vstreams":9}}"#
    )
}

pub(crate) fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap_or_default()
}
