//! Accepting connections and serving HTTP/1.1 on them, within limits; for the join, the metrics and the
//! control socket.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::{Accept, TlsAcceptor};

/// Time from a connection's start, or from the last response, to a complete request header; and as much for
/// the TLS handshake before that.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after the system refused a connection, for want of descriptors usually.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A complete response.
pub type Answer = Response<Full<Bytes>>;

/// Where connections come from.
pub enum Listener {
    Tcp(TcpListener),
    Tls(TcpListener, TlsAcceptor),
    Unix(UnixListener),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection that the system has accepted.
enum Accepted {
    Ready(Box<dyn Stream>),
    Handshake(Box<Accept<TcpStream>>),
}

impl Accepted {
    /// `None`: there was no handshake, which is the client's doing and no news.
    async fn ready(self) -> Option<Box<dyn Stream>> {
        let handshake = match self {
            Accepted::Ready(stream) => return Some(stream),
            Accepted::Handshake(handshake) => handshake,
        };
        match timeout(HEADER_TIMEOUT, handshake).await {
            Ok(Ok(stream)) => return Some(Box::new(stream)),
            Ok(Err(error)) => tracing::debug!(%error, "no TLS handshake"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
        None
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<Accepted> {
        let tcp = async |listener: &TcpListener| {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok::<_, io::Error>(stream)
        };
        Ok(match self {
            Listener::Tcp(listener) => Accepted::Ready(Box::new(tcp(listener).await?)),
            Listener::Tls(listener, tls) => Accepted::Handshake(Box::new(tls.accept(tcp(listener).await?))),
            Listener::Unix(listener) => Accepted::Ready(Box::new(listener.accept().await?.0)),
        })
    }

    /// Serves every request with `respond`, on at most `connections` connections at a time; further ones
    /// wait in the system's queue. Runs until it is dropped.
    pub async fn serve<F, A>(self, connections: usize, respond: F)
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        let slots = Arc::new(Semaphore::new(connections));
        loop {
            // The semaphore is never closed.
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let accepted = match self.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let respond = respond.clone();
            tokio::spawn(async move {
                if let Some(stream) = accepted.ready().await {
                    exchange(stream, respond).await;
                }
                drop(slot);
            });
        }
    }
}

/// Serves the requests of one connection.
async fn exchange<F, A>(stream: Box<dyn Stream>, respond: F)
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Answer>,
{
    let service = service_fn(move |request| {
        let answer = respond(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "connection ended");
    }
}
