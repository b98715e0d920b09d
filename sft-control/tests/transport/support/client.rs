//! A client on str0m that shows its SRTP keys.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};

use sft_control::sdp::{Answer, Setup, TransportParameters};
use str0m::{
    Candidate, Event, IceCreds, Input, Output, Rtc,
    channel::ChannelId,
    crypto::{
        CryptoError, CryptoProvider, Fingerprint,
        dtls::{
            DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
            SrtpProfile,
        },
    },
    net::Receive,
};

/// A network interface of a client, and how it looks from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) own: SocketAddr,
    pub(crate) outer: SocketAddr,
    /// Whether the answer names it (browsers hide theirs behind mDNS names).
    pub(crate) signalled: bool,
}

/// The client of one leg.
pub(crate) struct Client {
    pub(crate) rtc: Rtc,
    pub(crate) links: Vec<Link>,
    /// Channel and label, once open.
    pub(crate) channel: Option<(ChannelId, String)>,
    pub(crate) messages: Vec<String>,
    pub(crate) closed: bool,
    pub(crate) due: Instant,
    pub(crate) outbox: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    pub(crate) exported: Exported,
    madness: Madness,
    credentials: IceCreds,
    fingerprint: [u8; 32],
    setup: Setup,
    failed: bool,
}

/// The exported block and its profile.
pub(crate) type Exported = Arc<Mutex<Option<(Vec<u8>, SrtpProfile)>>>;

impl Client {
    pub(crate) fn new(offer: &TransportParameters, links: &[Link], setup: Setup, now: Instant) -> Self {
        let (exported, madness) = (Exported::default(), Madness::default());
        // Lives as long as the tests.
        let provider = Box::leak(Box::new(Showing { exported: exported.clone(), madness: madness.clone() }));
        let crypto = CryptoProvider { dtls_provider: provider, ..str0m_aws_lc_rs::default_provider() };
        let mut rtc = Rtc::builder().set_crypto_provider(Arc::new(crypto)).build(now);
        for link in links {
            rtc.add_local_candidate(Candidate::host(link.own, "udp").unwrap());
        }
        let active = setup == Setup::Active;
        let mut api = rtc.direct_api();
        let credentials = api.local_ice_credentials();
        let own = api.local_dtls_fingerprint().bytes.as_slice().try_into().unwrap();
        api.set_ice_controlling(false);
        api.set_remote_ice_credentials(IceCreds { ufrag: offer.ufrag.clone(), pass: offer.password.clone() });
        let fingerprint = Fingerprint { hash_func: "sha-256".into(), bytes: offer.fingerprint.to_vec() };
        api.set_remote_fingerprint(fingerprint);
        api.start_dtls(active).unwrap();
        api.start_sctp(active);
        for address in &offer.candidates {
            rtc.add_remote_candidate(Candidate::host(*address, "udp").unwrap());
        }
        rtc.handle_input(Input::Timeout(now)).unwrap();
        Client {
            rtc,
            links: links.to_vec(),
            channel: None,
            messages: Vec::new(),
            closed: false,
            due: now,
            outbox: Vec::new(),
            exported,
            madness,
            credentials,
            fingerprint: own,
            setup,
            failed: false,
        }
    }

    pub(crate) fn answer(&self) -> Answer {
        Answer {
            ufrag: self.credentials.ufrag.clone(),
            password: self.credentials.pass.clone(),
            fingerprint: self.fingerprint,
            setup: self.setup,
            candidates: self.links.iter().filter(|link| link.signalled).map(|link| link.own).collect(),
            ice_lite: false,
            audio_ssrc: None,
            video_ssrc: None,
            max_message: None,
            tool: None,
        }
    }

    /// Sends on the channel that the server opened.
    pub(crate) fn send(&mut self, message: &str) {
        let (channel, _) = self.channel.clone().unwrap();
        assert!(self.rtc.channel(channel).unwrap().write(false, message.as_bytes()).unwrap());
    }

    /// Sends an SCTP packet of the caller's at the next timeout, with the association's tag and a right
    /// checksum.
    pub(crate) fn inject(&mut self, packet: &[u8]) {
        self.madness.lock().unwrap().packets.push(packet.to_vec());
        self.due = Instant::now();
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.input(Input::Timeout(now));
    }

    /// Takes a datagram that is sent to one of the outer addresses.
    pub(crate) fn receive(&mut self, from: SocketAddr, to: SocketAddr, data: &[u8], now: Instant) {
        let Some(link) = self.links.iter().find(|link| link.outer == to) else { return };
        let packet = Receive::new(str0m::net::Protocol::Udp, from, link.own, data).unwrap();
        self.input(Input::Receive(now, packet));
    }

    fn input(&mut self, input: Input<'_>) {
        self.failed |= self.rtc.handle_input(input).is_err();
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        while !self.failed {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(due)) => {
                    self.due = due;
                    break;
                }
                Ok(Output::Transmit(transmit)) => {
                    let link = self.links.iter().find(|link| link.own == transmit.source);
                    if let Some(link) = link {
                        self.outbox.push((link.outer, transmit.destination, transmit.contents.to_vec()));
                    }
                }
                Ok(Output::Event(event)) => self.note(event),
                Err(_) => self.failed = true,
            }
        }
        if self.failed {
            self.due = self.due.max(Instant::now()) + std::time::Duration::from_secs(3600);
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::ChannelOpen(channel, label) => self.channel = Some((channel, label)),
            Event::ChannelData(message) => {
                self.messages.push(String::from_utf8(message.data).unwrap());
            }
            Event::ChannelClose(_) | Event::Closed => self.closed = true,
            _ => {}
        }
    }
}

/// What a mad client says beside str0m.
type Madness = Arc<Mutex<Injection>>;

#[derive(Debug, Default)]
struct Injection {
    /// The verification tag that str0m uses towards the server.
    tag: [u8; 4],
    packets: Vec<Vec<u8>>,
}

/// CRC-32C (RFC 9260 appendix A).
fn crc32c(data: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !data.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// str0m's own DTLS with the exported keys shown.
#[derive(Debug)]
struct Showing {
    exported: Exported,
    madness: Madness,
}

impl DtlsProvider for Showing {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        dimpl::certificate::generate_self_signed_certificate().ok()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let provider = str0m_aws_lc_rs::default_provider().dtls_provider;
        let inner = provider.new_dtls(certificate, now, version, mtu)?;
        Ok(Box::new(Shown { inner, exported: self.exported.clone(), madness: self.madness.clone() }))
    }
}

#[derive(Debug)]
struct Shown {
    inner: Box<dyn DtlsInstance>,
    exported: Exported,
    madness: Madness,
}

impl DtlsInstance for Shown {
    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let mut madness = self.madness.lock().unwrap();
        let tag = madness.tag;
        for mut packet in madness.packets.drain(..) {
            packet[4..8].copy_from_slice(&tag);
            packet[8..12].fill(0);
            let checksum = crc32c(&packet);
            packet[8..12].copy_from_slice(&checksum.to_le_bytes());
            // The server may have ended the connection.
            let _ = self.inner.send_application_data(&packet);
        }
        let output = self.inner.poll_output(buffer);
        if let DtlsOutput::KeyingMaterial(block, profile) = &output {
            *self.exported.lock().unwrap() = Some((block.to_vec(), *profile));
        }
        output
    }
    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.inner.handle_timeout(now)
    }
    fn set_active(&mut self, active: bool) {
        self.inner.set_active(active);
    }
    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.inner.handle_packet(packet)
    }
    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        if let Some(tag) = data.get(4..8) {
            self.madness.lock().unwrap().tag.copy_from_slice(tag);
        }
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
