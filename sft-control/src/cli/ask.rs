//! Asking a running server over its control socket.

use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::CliError;
use crate::engine::snapshot::Snapshot;

/// Path of the snapshot on the control socket.
pub(super) const SNAPSHOT: &str = "/snapshot";

/// The state of the server at this socket.
pub(super) fn snapshot(control: &Path) -> Result<Snapshot, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(ask(control))
}

async fn ask(control: &Path) -> Result<Snapshot, CliError> {
    let stream = UnixStream::connect(control).await.map_err(|error| {
        format!("no server at {} ({error}): is `sft serve` running, as this user?", control.display())
    })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(SNAPSHOT).header("host", "sft").body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("the server at {} answers {}", control.display(), response.status()).into());
    }
    let body = response.into_body().collect().await?.to_bytes();
    drop(sender);
    connection.await??;
    Ok(serde_json::from_slice(&body)?)
}
