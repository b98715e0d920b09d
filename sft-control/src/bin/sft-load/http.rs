//! The join's HTTP: one POST per connection, as plain HTTP/1.1.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

/// The client's connect timer (sft-protocol.md 15.2).
const PATIENCE: Duration = Duration::from_secs(15);
/// Longest response that is read, in bytes.
const LONGEST: usize = 1024 * 1024;
const DEFAULT_PORT: u16 = 80;

/// Why a request got no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{0:?} is not a URL of the form http://HOST[:PORT][/PATH]")]
    Url(String),
    #[error("{0} has no address")]
    NoAddress(String),
    #[error("no answer within {} s", PATIENCE.as_secs())]
    TimedOut,
    #[error("cannot reach the server: {0}")]
    Connection(#[from] std::io::Error),
    #[error("HTTP with the server: {0}")]
    Protocol(#[from] hyper::Error),
    #[error("the server's answer breaks off or is longer than {LONGEST} bytes: {0}")]
    Body(String),
    #[error("the server refuses: {0}")]
    Status(hyper::StatusCode),
}

/// Where a server listens: the part of its URL before `/sft/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Without brackets, if it is an IPv6 address.
    host: String,
    port: u16,
    /// Empty, or begins with `/` and does not end with it.
    path: String,
}

impl FromStr for Endpoint {
    type Err = HttpError;

    fn from_str(text: &str) -> Result<Self, HttpError> {
        let wrong = || HttpError::Url(text.into());
        let uri: hyper::Uri = text.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("http") || uri.query().is_some() {
            return Err(wrong());
        }
        let host = uri.host().ok_or_else(wrong)?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Endpoint { host, port: uri.port_u16().unwrap_or(DEFAULT_PORT), path })
    }
}

impl Endpoint {
    /// The first address of the host.
    pub(crate) async fn resolve(&self) -> Result<SocketAddr, HttpError> {
        let mut addresses = lookup_host((self.host.as_str(), self.port)).await?;
        addresses.next().ok_or_else(|| HttpError::NoAddress(self.host.clone()))
    }

    /// Posts a message to a conference, and returns the answer's body.
    pub(crate) async fn post(&self, conference: &str, message: String) -> Result<Bytes, HttpError> {
        timeout(PATIENCE, self.exchange(conference, message)).await.map_err(|_| HttpError::TimedOut)?
    }

    async fn exchange(&self, conference: &str, message: String) -> Result<Bytes, HttpError> {
        let stream = TcpStream::connect(self.resolve().await?).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::post(format!("{}/sft/{conference}", self.path))
            .header(header::HOST, format!("{}:{}", self.host, self.port))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(message)))
            .map_err(|_| HttpError::Url(conference.into()))?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            body(response).await
        };
        // The connection's own future only moves bytes; what goes wrong there ends the exchange, too.
        let (result, _) = tokio::join!(exchange, connection);
        result
    }
}

async fn body(response: Response<Incoming>) -> Result<Bytes, HttpError> {
    if response.status() != hyper::StatusCode::OK {
        return Err(HttpError::Status(response.status()));
    }
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|error| HttpError::Body(error.to_string()))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let endpoint: Endpoint = "http://sft.example.com/sfts/sftd-0/".parse().unwrap();
        assert_eq!(
            (endpoint.host.as_str(), endpoint.port, endpoint.path.as_str()),
            ("sft.example.com", 80, "/sfts/sftd-0")
        );
        let endpoint: Endpoint = "http://[2001:db8::1]:8585".parse().unwrap();
        assert_eq!(
            (endpoint.host.as_str(), endpoint.port, endpoint.path.as_str()),
            ("2001:db8::1", 8585, "")
        );
    }

    #[test]
    fn other_schemes_are_refused() {
        for wrong in ["https://sft.example.com", "sft.example.com", "http://", "http://a/?b=c"] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }

    /// Answers one request, and returns it.
    async fn serve(listener: TcpListener, answer: &str) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut request, mut chunk) = (Vec::new(), [0; 1024]);
        while !request.ends_with(b"hello") {
            let length = stream.read(&mut chunk).await.unwrap();
            request.extend_from_slice(&chunk[..length]);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(request).unwrap()
    }

    async fn exchange(answer: &str) -> (String, Result<Bytes, HttpError>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint: Endpoint = format!("http://{}/a", listener.local_addr().unwrap()).parse().unwrap();
        tokio::join!(serve(listener, answer), endpoint.post("0123", "hello".into()))
    }

    #[tokio::test]
    async fn a_message_is_posted_to_its_conference() {
        let (request, answer) = exchange("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        assert!(request.starts_with("POST /a/sft/0123 HTTP/1.1\r\n"), "{request}");
        assert_eq!(answer.unwrap(), "{}");
    }

    #[tokio::test]
    async fn a_refusal_is_an_error() {
        let (_, answer) = exchange("HTTP/1.1 303 See other\r\nContent-Length: 0\r\n\r\n").await;
        assert!(matches!(answer, Err(HttpError::Status(status)) if status == 303), "{answer:?}");
    }
}
