//! What all transports of the process share: one certificate, and one configuration of the DTLS library.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use dimpl::DtlsCertificate;

/// First retransmission of a lost flight; the library's own is a second, which every join would feel.
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(150);
/// With doubling, a flight is repeated for about 9 s: as long as the core gives a leg to connect.
const RETRANSMISSIONS: usize = 6;
/// Bounds handshakes that a client never lets end.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// Payload of a DTLS datagram; leaves room for tunnels on the way.
const MTU: usize = 1150;

/// The process cannot make its certificate.
#[derive(Debug, thiserror::Error)]
#[error("no certificate for DTLS: {0}")]
pub struct IdentityError(String);

/// Made once; cloning shares it.
#[derive(Clone)]
pub struct Identity {
    pub(super) certificate: DtlsCertificate,
    /// Building one tests the whole cryptographic library, which takes longer than a handshake.
    pub(super) configuration: Arc<dimpl::Config>,
    fingerprint: [u8; 32],
}

impl Identity {
    /// Makes a self-signed certificate.
    ///
    /// # Errors
    /// [`IdentityError`] if the library refuses.
    pub fn generate() -> Result<Self, IdentityError> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| IdentityError(error.to_string()))?;
        let configuration = dimpl::Config::builder()
            .with_crypto_provider(str0m_aws_lc_rs::dimpl_crypto_provider())
            // The ICE check has proved the return path.
            .use_server_cookie(false)
            .flight_start_rto(FIRST_RETRANSMISSION)
            .flight_retries(RETRANSMISSIONS)
            .handshake_timeout(HANDSHAKE)
            .mtu(MTU)
            .build()
            .map_err(|error| IdentityError(error.to_string()))?;
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, &certificate.certificate).as_ref());
        Ok(Identity { certificate, configuration: Arc::new(configuration), fingerprint })
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}
