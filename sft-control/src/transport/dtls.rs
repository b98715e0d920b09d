//! The DTLS provider below str0m: the shared configuration, and the place where SRTP keys are taken out of
//! the handshake (docs/adr/0002-own-dtls-provider.md).
//!
//! The keys are withheld from str0m, so that it can never send under them.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use sft_common::maps::Profile;
use str0m::{
    Rtc, RtcConfig,
    crypto::{
        CryptoError, CryptoProvider,
        dtls::{
            DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
            SrtpProfile,
        },
    },
};

use super::{Identity, TransportKeys};
use crate::{dataplane::LegKeys, srtp::session_keys};

/// What a handshake gave for SRTP.
pub(super) enum Export {
    Keys(Box<TransportKeys>),
    /// A profile that we cannot carry.
    Unusable,
}

/// Where the keys of one leg appear.
#[derive(Clone, Default)]
pub(super) struct KeySlot(Arc<Mutex<Option<Export>>>);

impl KeySlot {
    /// Takes the keys out, once they are there.
    pub(super) fn take(&self) -> Option<Export> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, keys: Option<TransportKeys>) {
        let export = keys.map_or(Export::Unusable, |keys| Export::Keys(Box::new(keys)));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(export);
    }
}

thread_local! {
    /// What the next DTLS instance on this thread belongs to: str0m makes it inside `build`, and its provider
    /// is one for the process.
    static NEXT: RefCell<Option<(Identity, KeySlot)>> = const { RefCell::new(None) };
}

/// An `Rtc` whose keys appear in the slot.
pub(super) fn build(config: RtcConfig, identity: &Identity, now: Instant) -> (Rtc, KeySlot) {
    static PROVIDER: Provider = Provider;
    let slot = KeySlot::default();
    NEXT.with(|next| *next.borrow_mut() = Some((identity.clone(), slot.clone())));
    let provider = CryptoProvider { dtls_provider: &PROVIDER, ..str0m::crypto::from_feature_flags() };
    let rtc = config
        .set_crypto_provider(Arc::new(provider))
        .set_dtls_version(DtlsVersion::Dtls12)
        .set_dtls_cert(identity.certificate.clone())
        .build(now);
    (rtc, slot)
}

#[derive(Debug)]
struct Provider;

impl DtlsProvider for Provider {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        // Every `Rtc` gets the process's.
        None
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        _: DtlsVersion,
        _: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let next = NEXT.with(|next| next.borrow_mut().take());
        let (identity, slot) =
            next.ok_or_else(|| CryptoError::Other("DTLS is made by transports only".into()))?;
        let inner = dimpl::Dtls::new_12(identity.configuration, certificate.clone(), now);
        Ok(Box::new(Instance { inner, slot, connected: false }))
    }
}

/// One leg's DTLS.
struct Instance {
    inner: dimpl::Dtls,
    slot: KeySlot,
    connected: bool,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Instance")
    }
}

/// Whether an error about a datagram ends the connection. Once connected, only what the peer authenticated
/// does; and a full queue never does, since the datagram is simply not taken.
fn is_fatal(error: &DtlsImplError, connected: bool) -> bool {
    match error {
        DtlsImplError::ReceiveQueueFull => false,
        DtlsImplError::SecurityError(dimpl::SecurityError::FatalAlert { .. }) => true,
        _ => !connected,
    }
}

impl DtlsInstance for Instance {
    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        match self.inner.poll_output(buffer) {
            DtlsOutput::KeyingMaterial(material, profile) => {
                self.slot.put(split(&material, profile, self.inner.is_active()));
                self.connected = true;
                // There are no keys before the handshake is done, str0m does not mind hearing of that twice,
                // and it goes on to the next output in the same call.
                DtlsOutput::Connected
            }
            DtlsOutput::Connected => {
                self.connected = true;
                DtlsOutput::Connected
            }
            output => output,
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }

    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        match self.inner.handle_packet(packet) {
            Err(error) if !is_fatal(&error, self.connected) => {
                tracing::debug!(%error, "DTLS datagram ignored");
                Ok(())
            }
            result => result,
        }
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

/// Splits the exported block: client key, server key, client salt, server salt (RFC 5764 section 4.2).
fn split(material: &[u8], profile: SrtpProfile, we_are_client: bool) -> Option<TransportKeys> {
    let profile = match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Profile::Aes128CmHmacSha1_80,
        SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
        SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
        _ => return None,
    };
    let (client_key, rest) = material.split_at_checked(profile.key_len())?;
    let (server_key, rest) = rest.split_at_checked(profile.key_len())?;
    let (client_salt, rest) = rest.split_at_checked(profile.salt_len())?;
    let server_salt = rest.get(..profile.salt_len())?;
    let client = session_keys(profile, client_key, client_salt)?;
    let server = session_keys(profile, server_key, server_salt)?;
    let (transmit, receive) = if we_are_client { (client, server) } else { (server, client) };
    Some(TransportKeys {
        rtp: LegKeys { receive: receive.rtp, transmit: transmit.rtp },
        rtcp_receive: receive.rtcp,
        rtcp_transmit: transmit.rtcp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::SessionKeys;

    const PROFILES: [(SrtpProfile, Profile); 3] = [
        (SrtpProfile::AEAD_AES_128_GCM, Profile::AeadAes128Gcm),
        (SrtpProfile::AEAD_AES_256_GCM, Profile::AeadAes256Gcm),
        (SrtpProfile::AES128_CM_SHA1_80, Profile::Aes128CmHmacSha1_80),
    ];

    /// Client's and server's keys, cut out in the order of RFC 5764 section 4.2.
    fn halves(block: &[u8], profile: Profile) -> (SessionKeys, SessionKeys) {
        let (key, salt) = (profile.key_len(), profile.salt_len());
        let client = session_keys(profile, &block[..key], &block[2 * key..2 * key + salt]);
        let server = session_keys(profile, &block[key..2 * key], &block[2 * key + salt..]);
        (client.unwrap(), server.unwrap())
    }

    #[test]
    fn each_side_sends_with_the_keys_the_other_receives_with() {
        for (wire, profile) in PROFILES {
            let block: Vec<u8> = (0..wire.keying_material_len() as u8).collect();
            let (client, server) = halves(&block, profile);
            for (we_are_client, receive, transmit) in [(false, &client, &server), (true, &server, &client)] {
                let keys = split(&block, wire, we_are_client).unwrap();
                assert_eq!(keys.rtp.receive, receive.rtp);
                assert_eq!(keys.rtp.transmit, transmit.rtp);
                assert_eq!(keys.rtcp_receive, receive.rtcp);
                assert_eq!(keys.rtcp_transmit, transmit.rtcp);
            }
        }
    }

    #[test]
    fn a_short_block_is_refused() {
        for (wire, _) in PROFILES {
            assert!(split(&vec![1; wire.keying_material_len() - 1], wire, false).is_none());
        }
    }

    #[test]
    fn only_what_the_peer_authenticated_ends_a_connection() {
        let alert = DtlsImplError::SecurityError(dimpl::SecurityError::FatalAlert { description: 40 });
        assert!(is_fatal(&alert, true));
        assert!(is_fatal(&DtlsImplError::RenegotiationAttempt, false));
        assert!(!is_fatal(&DtlsImplError::RenegotiationAttempt, true));
        assert!(!is_fatal(&DtlsImplError::ReceiveQueueFull, false));
    }
}
