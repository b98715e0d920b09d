//! What is read anew while the server runs: the certificate of HTTPS and the secret of tokens. Every few
//! seconds, and at SIGHUP. What cannot be used is said, and changes nothing.

use std::{fmt::Display, io, sync::Arc, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::block_in_place,
};

use super::secret::SecretFile;
use crate::{engine::Handle, http::Certificate};

/// Between two looks at the files.
const PERIOD: Duration = Duration::from_secs(5);

/// The files.
pub(super) struct Reload {
    hangup: Signal,
    certificate: Option<Arc<Certificate>>,
    secret: Option<SecretFile>,
    /// Last complaint about each; the same one is not said every few seconds.
    complaints: [Option<String>; 2],
}

impl Reload {
    /// From now on SIGHUP does not end the process.
    ///
    /// # Errors
    /// The system's, if it takes no handler.
    pub(super) fn new(certificate: Option<Arc<Certificate>>, secret: Option<SecretFile>) -> io::Result<Self> {
        let hangup = signal(SignalKind::hangup())?;
        Ok(Reload { hangup, certificate, secret, complaints: [None, None] })
    }

    /// Runs until it is dropped.
    pub(super) async fn run(mut self, engine: Handle) {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {
                    tracing::info!("SIGHUP: reading the certificate and the token secret, where there are any");
                    self.complaints = [None, None];
                }
                () = tokio::time::sleep(PERIOD) => {}
            }
            self.refresh_certificate();
            self.refresh_secret(&engine).await;
        }
    }

    fn refresh_certificate(&mut self) {
        let Some(certificate) = &self.certificate else { return };
        match block_in_place(|| certificate.refresh()) {
            Ok(true) => tracing::info!("new connections get the new certificate"),
            Ok(false) => {}
            Err(error) => complain(&mut self.complaints[0], &error, "the old certificate stays"),
        }
    }

    async fn refresh_secret(&mut self, engine: &Handle) {
        let Some(file) = &mut self.secret else { return };
        match block_in_place(|| file.refresh()) {
            Ok(Some(secret)) => {
                tracing::info!("from now on tokens are checked with the new secret");
                // An engine that has ended checks nothing.
                let _ = engine.set_token_secret(secret).await;
            }
            Ok(None) => {}
            Err(error) => complain(&mut self.complaints[1], &error, "the old token secret stays"),
        }
    }
}

fn complain(last: &mut Option<String>, error: &impl Display, consequence: &str) {
    let text = error.to_string();
    if last.as_ref() != Some(&text) {
        tracing::error!(error = %text, "{consequence}");
        *last = Some(text);
    }
}
