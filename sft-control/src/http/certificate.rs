//! The certificate of the HTTPS listener. It is read anew when its files change, without a restart: what is
//! not usable changes nothing, and connections that are open live on.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::digest::{SHA256, digest};
use rustls::{
    InconsistentKeys, ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

/// Why a certificate cannot be used. Repeats nothing of the files.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("{}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: it is no valid PEM", .0.display())]
    Pem(PathBuf),
    #[error("{}: no certificate is in it", .0.display())]
    NoCertificate(PathBuf),
    #[error("{}: no private key is in it, or one with a password; PKCS#8, SEC1 and PKCS#1 are read", .0.display())]
    NoKey(PathBuf),
    #[error("the key in {} is not that of the first certificate in {}", key.display(), chain.display())]
    OtherKey { chain: PathBuf, key: PathBuf },
    #[error("the certificate in {} with the key in {}: {error}", chain.display(), key.display())]
    Unusable { chain: PathBuf, key: PathBuf, error: rustls::Error },
}

/// A certificate chain with its key, from two PEM files.
#[derive(Debug)]
pub struct Certificate {
    files: Files,
    used: RwLock<Used>,
}

#[derive(Debug)]
struct Files {
    chain: PathBuf,
    key: PathBuf,
}

#[derive(Debug)]
struct Used {
    key: Arc<CertifiedKey>,
    /// SHA-256 of both files as they were last read, usable or not.
    seen: [u8; 32],
}

impl Certificate {
    /// Reads the files: the chain begins with the server's own certificate.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn load(chain: &Path, key: &Path) -> Result<Arc<Self>, CertificateError> {
        let files = Files { chain: chain.into(), key: key.into() };
        let texts = files.read()?;
        let used = Used { key: Arc::new(files.parse(&texts)?), seen: texts.digest() };
        Ok(Arc::new(Certificate { files, used: RwLock::new(used) }))
    }

    /// Reads the files again. `true` if another certificate is used from now on. Blocks.
    ///
    /// # Errors
    /// [`CertificateError`] if the files have changed to something that cannot be used, once for each such
    /// change; or whenever they cannot be read. The old certificate stays.
    pub fn refresh(&self) -> Result<bool, CertificateError> {
        let texts = self.files.read()?;
        let seen = texts.digest();
        if self.used.read().unwrap_or_else(PoisonError::into_inner).seen == seen {
            return Ok(false);
        }
        let parsed = self.files.parse(&texts);
        let mut used = self.used.write().unwrap_or_else(PoisonError::into_inner);
        used.seen = seen;
        used.key = Arc::new(parsed?);
        Ok(true)
    }

    /// TLS 1.2 and 1.3 with this certificate, for HTTP/1.1.
    ///
    /// # Errors
    /// [`rustls::Error`] if the library has no cipher suites for these versions.
    pub fn acceptor(self: Arc<Self>) -> Result<TlsAcceptor, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(self);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.used.read().unwrap_or_else(PoisonError::into_inner).key.clone())
    }
}

/// What the files hold.
struct Texts {
    chain: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Texts {
    fn digest(&self) -> [u8; 32] {
        let mut both = [0; 64];
        both[..32].copy_from_slice(digest(&SHA256, &self.chain).as_ref());
        both[32..].copy_from_slice(digest(&SHA256, &self.key).as_ref());
        let mut seen = [0; 32];
        seen.copy_from_slice(digest(&SHA256, &both).as_ref());
        seen
    }
}

impl Files {
    fn read(&self) -> Result<Texts, CertificateError> {
        let read = |path: &PathBuf| {
            fs::read(path).map_err(|error| CertificateError::Read { path: path.clone(), error })
        };
        Ok(Texts { chain: read(&self.chain)?, key: Zeroizing::new(read(&self.key)?) })
    }

    fn parse(&self, texts: &Texts) -> Result<CertifiedKey, CertificateError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&texts.chain).collect();
        let chain = chain.map_err(|_| CertificateError::Pem(self.chain.clone()))?;
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate(self.chain.clone()));
        }
        let key = PrivateKeyDer::from_pem_slice(&texts.key).map_err(|error| match error {
            pem::Error::NoItemsFound => CertificateError::NoKey(self.key.clone()),
            _ => CertificateError::Pem(self.key.clone()),
        })?;
        CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| {
            let (chain, key) = (self.chain.clone(), self.key.clone());
            match error {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    CertificateError::OtherKey { chain, key }
                }
                error => CertificateError::Unusable { chain, key, error },
            }
        })
    }
}
