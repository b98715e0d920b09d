//! DTLS below str0m: one shared configuration, a count of the negotiated SRTP profiles, and, if asked for, a
//! ClientHello that offers one profile only.
//!
//! SRTP itself is str0m's; the server's own implementation is never used here, so that one checks the other.

use std::{
    borrow::Cow,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use dimpl::crypto::{
    Buf, HashAlgorithm, HashContext, HashProvider, KeyProvider, SignatureAlgorithm, SigningKey,
};
use str0m::crypto::{
    CryptoError, CryptoProvider,
    dtls::{
        DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
        SrtpProfile,
    },
};

use crate::client_hello::{restrict_datagram, restrict_message};

/// A lost flight must not dominate the time of a join.
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(250);

/// An SRTP profile, with number and name of the IANA registry "DTLS-SRTP Protection Profiles".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    profile: SrtpProfile,
    number: u16,
    pub(crate) name: &'static str,
}

pub(crate) const GCM_128: Profile =
    Profile { profile: SrtpProfile::AEAD_AES_128_GCM, number: 7, name: "AEAD_AES_128_GCM" };
pub(crate) const GCM_256: Profile =
    Profile { profile: SrtpProfile::AEAD_AES_256_GCM, number: 8, name: "AEAD_AES_256_GCM" };
pub(crate) const COUNTER_MODE: Profile =
    Profile { profile: SrtpProfile::AES128_CM_SHA1_80, number: 1, name: "AES128_CM_HMAC_SHA1_80" };
/// All there are.
pub(crate) const PROFILES: [Profile; 3] = [GCM_128, GCM_256, COUNTER_MODE];

/// The DTLS configuration does not pass the library's self-test.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up DTLS: {0}")]
pub(crate) struct SecurityError(String);

/// Media security of all legs.
#[derive(Clone)]
pub(crate) struct Security {
    provider: Arc<CryptoProvider>,
    only: Option<Profile>,
    negotiated: Negotiated,
}

/// Handshakes that ended with each of [`PROFILES`].
type Negotiated = Arc<[AtomicUsize; PROFILES.len()]>;

impl Security {
    /// `only` is the one profile to offer; `None` offers all. Call once per process: str0m wants its
    /// providers to live for ever.
    pub(crate) fn new(only: Option<Profile>) -> Result<Self, SecurityError> {
        let mut crypto = str0m_aws_lc_rs::dimpl_crypto_provider();
        if let Some(Profile { number: profile, .. }) = only {
            let (hash, keys) = (crypto.hash_provider, crypto.key_provider);
            crypto.hash_provider = Box::leak(Box::new(RestrictedHash { inner: hash, profile }));
            crypto.key_provider = Box::leak(Box::new(RestrictedKeys { inner: keys, profile }));
        }
        let configuration = dimpl::Config::builder()
            .with_crypto_provider(crypto)
            .use_server_cookie(false)
            .flight_start_rto(FIRST_RETRANSMISSION)
            .build()
            .map_err(|error| SecurityError(error.to_string()))?;
        let negotiated = Negotiated::default();
        let provider = Provider { configuration: Arc::new(configuration), negotiated: negotiated.clone() };
        let dtls_provider = Box::leak(Box::new(provider));
        let provider = CryptoProvider { dtls_provider, ..str0m::crypto::from_feature_flags() };
        Ok(Security { provider: Arc::new(provider), only, negotiated })
    }

    pub(crate) fn provider(&self) -> Arc<CryptoProvider> {
        self.provider.clone()
    }

    /// Every datagram that str0m sends must pass here before it goes to the socket.
    pub(crate) fn outgoing(&self, datagram: &mut [u8]) {
        if let Some(profile) = self.only {
            restrict_datagram(datagram, profile.number);
        }
    }

    /// Handshakes that ended with each of [`PROFILES`].
    pub(crate) fn negotiated(&self) -> [usize; PROFILES.len()] {
        std::array::from_fn(|place| self.negotiated[place].load(Relaxed))
    }

    /// Whether a handshake may end with this profile.
    pub(crate) fn is_wanted(&self, profile: Profile) -> bool {
        self.only.is_none_or(|only| only == profile)
    }
}

struct Provider {
    configuration: Arc<dimpl::Config>,
    negotiated: Negotiated,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider")
    }
}

impl DtlsProvider for Provider {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        dimpl::certificate::generate_self_signed_certificate().ok()
    }

    /// The version is always 1.2: the rewritten transcript is not made for another.
    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        _: DtlsVersion,
        _: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let inner = dimpl::Dtls::new_12(self.configuration.clone(), certificate.clone(), now);
        Ok(Box::new(Instance { inner, negotiated: self.negotiated.clone() }))
    }
}

/// Counts the profile, and passes everything on.
struct Instance {
    inner: dimpl::Dtls,
    negotiated: Negotiated,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Instance")
    }
}

impl DtlsInstance for Instance {
    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.inner.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(_, profile) = &output
            && let Some(place) = PROFILES.iter().position(|known| known.profile == *profile)
        {
            self.negotiated[place].fetch_add(1, Relaxed);
        }
        output
    }

    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.inner.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.inner.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.inner.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.inner.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.inner.close()
    }
}

/// Hashes the transcript as it went over the wire.
#[derive(Debug)]
struct RestrictedHash {
    inner: &'static dyn HashProvider,
    profile: u16,
}

impl HashProvider for RestrictedHash {
    fn create_hash(&self, algorithm: HashAlgorithm) -> Box<dyn HashContext> {
        Box::new(RestrictedContext { inner: self.inner.create_hash(algorithm), profile: self.profile })
    }
}

#[derive(Debug)]
struct RestrictedContext {
    inner: Box<dyn HashContext>,
    profile: u16,
}

impl HashContext for RestrictedContext {
    fn update(&mut self, data: &[u8]) {
        self.inner.update(&as_sent(data, self.profile));
    }

    fn clone_and_finalize(&self, out: &mut Buf) {
        self.inner.clone_and_finalize(out);
    }
}

/// Signs the transcript as it went over the wire.
#[derive(Debug)]
struct RestrictedKeys {
    inner: &'static dyn KeyProvider,
    profile: u16,
}

impl KeyProvider for RestrictedKeys {
    fn load_private_key(&self, der: &[u8]) -> Result<Box<dyn SigningKey>, dimpl::CryptoError> {
        let inner = self.inner.load_private_key(der)?;
        Ok(Box::new(RestrictedKey { inner, profile: self.profile }))
    }
}

#[derive(Debug)]
struct RestrictedKey {
    inner: Box<dyn SigningKey>,
    profile: u16,
}

impl SigningKey for RestrictedKey {
    fn sign(&mut self, data: &[u8], hash: HashAlgorithm, out: &mut Buf) -> Result<(), dimpl::CryptoError> {
        self.inner.sign(&as_sent(data, self.profile), hash, out)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.inner.algorithm()
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        self.inner.hash_algorithm()
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        self.inner.supported_hash_algorithms()
    }
}

/// A transcript begins with the ClientHello, and the library hashes and signs it as a whole.
fn as_sent(transcript: &[u8], profile: u16) -> Cow<'_, [u8]> {
    let mut copy = transcript.to_vec();
    if restrict_message(&mut copy, profile) { Cow::Owned(copy) } else { Cow::Borrowed(transcript) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shakes hands with a stock DTLS server in memory.
    fn handshake(security: &Security) -> Option<SrtpProfile> {
        let now = Instant::now();
        let certificate = || dimpl::certificate::generate_self_signed_certificate().unwrap();
        let provider = security.provider().dtls_provider;
        let mut client = provider.new_dtls(&certificate(), now, DtlsVersion::Dtls12, None).unwrap();
        client.set_active(true);
        let configuration = dimpl::Config::builder().use_server_cookie(false).build().unwrap();
        let mut server = dimpl::Dtls::new_12(Arc::new(configuration), certificate(), now);
        server.set_active(false);
        server.handle_timeout(now).unwrap();
        let (mut agreed, mut buffer) = (None, vec![0; 4096]);
        for _ in 0..6 {
            client.handle_timeout(now).unwrap();
            loop {
                match client.poll_output(&mut buffer) {
                    DtlsOutput::Packet(packet) => {
                        let mut packet = packet.to_vec();
                        security.outgoing(&mut packet);
                        server.handle_packet(&packet).unwrap();
                    }
                    DtlsOutput::Timeout(_) => break,
                    _ => {}
                }
            }
            server.handle_timeout(now).unwrap();
            loop {
                match server.poll_output(&mut buffer) {
                    DtlsOutput::Packet(packet) => client.handle_packet(packet).unwrap(),
                    DtlsOutput::KeyingMaterial(_, profile) => agreed = Some(profile),
                    DtlsOutput::Timeout(_) => break,
                    _ => {}
                }
            }
        }
        agreed
    }

    #[test]
    fn a_server_that_prefers_another_profile_takes_the_one_that_is_offered() {
        for (place, profile) in PROFILES.into_iter().enumerate() {
            let security = Security::new(Some(profile)).unwrap();
            assert_eq!(handshake(&security), Some(profile.profile), "{profile:?}");
            assert_eq!(security.negotiated()[place], 1, "{profile:?}");
        }
    }

    #[test]
    fn without_a_restriction_the_server_chooses() {
        let security = Security::new(None).unwrap();
        assert_eq!(handshake(&security), Some(SrtpProfile::AEAD_AES_256_GCM));
    }
}
