//! One leg's transport on str0m.

use std::{
    collections::HashSet,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use is::stun::{StunMessage, TransId};
use sft_common::{
    demux::{Packet, classify},
    drops::DropReason,
};
use str0m::{
    Candidate, Event, IceConnectionState, IceCreds, Input, Output, Rtc, RtcConfig, RtcError,
    channel::{ChannelConfig, ChannelId},
    crypto::Fingerprint,
    net::{Protocol, Receive},
};

use super::{
    Identity, MediaAddress, TransportEvent,
    dtls::{self, KeySlot},
    stun,
};
use crate::{
    core::table::LegId,
    dataplane::Tuple,
    sdp::{Answer, Setup, TransportParameters},
};

/// Label of the data channel that the server opens (sft-protocol.md 8).
const CHANNEL: &str = "calling-3.0";
/// DTLS datagrams that are kept until the answer is there; a flight has at most a few.
const EARLY: usize = 8;
/// Checks whose answers are awaited.
const CHECKS: usize = 1000;
/// How often str0m tells which pair it uses.
const STATISTICS: Duration = Duration::from_secs(1);
/// Largest message that a client may send, in bytes.
const MESSAGE: u32 = 256 * 1024;

/// The message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("the data channel is not open")]
    NoChannel,
    #[error("the client does not read the data channel")]
    Full,
    #[error("the transport has failed")]
    Failed,
}

/// ICE, DTLS, SCTP and the data channel of one leg.
pub struct Transport {
    leg: LegId,
    rtc: Rtc,
    keys: KeySlot,
    media: Vec<MediaAddress>,
    own: IceCreds,
    /// The client's, from its answer.
    remote: Option<IceCreds>,
    /// Our checks whose answers are awaited.
    checks: HashSet<TransId>,
    validated: HashSet<Tuple>,
    selected: Option<Tuple>,
    /// DTLS that came before the answer.
    early: Vec<(Tuple, Vec<u8>)>,
    channel: Option<ChannelId>,
    /// Events that are not from str0m.
    events: Vec<TransportEvent>,
    failed: bool,
}

impl Transport {
    /// A transport that waits for its answer, and what its offer says.
    pub fn new(
        leg: LegId,
        identity: &Identity,
        media: &[MediaAddress],
        now: Instant,
    ) -> (Self, TransportParameters) {
        let config = RtcConfig::new().set_stats_interval(Some(STATISTICS)).set_sctp_max_message_size(MESSAGE);
        let (mut rtc, keys) = dtls::build(config, identity, now);
        for address in media {
            if let Ok(candidate) = Candidate::host(address.advertised, Protocol::Udp) {
                rtc.add_local_candidate(candidate);
            }
        }
        let own = rtc.direct_api().local_ice_credentials();
        let parameters = TransportParameters {
            ufrag: own.ufrag.clone(),
            password: own.pass.clone(),
            fingerprint: identity.fingerprint(),
            candidates: media.iter().map(|address| address.advertised).collect(),
        };
        let transport = Transport {
            leg,
            rtc,
            keys,
            media: media.to_vec(),
            own,
            remote: None,
            checks: HashSet::new(),
            validated: HashSet::new(),
            selected: None,
            early: Vec::new(),
            channel: None,
            events: Vec::new(),
            failed: false,
        };
        (transport, parameters)
    }

    /// Starts ICE, DTLS and SCTP with what the client answered.
    pub fn start(&mut self, answer: &Answer, now: Instant) {
        let credentials = IceCreds { ufrag: answer.ufrag.clone(), pass: answer.password.clone() };
        self.remote = Some(credentials.clone());
        let fingerprint = Fingerprint { hash_func: "sha-256".into(), bytes: answer.fingerprint.to_vec() };
        let active = answer.setup == Setup::Passive;
        self.guard(|rtc| {
            let mut api = rtc.direct_api();
            // The offerer controls (RFC 8445 section 6.1.1), and a full agent controls a lite one.
            api.set_ice_controlling(true);
            api.set_remote_ice_credentials(credentials);
            api.set_remote_fingerprint(fingerprint);
            api.start_dtls(active)?;
            api.start_sctp(active);
            Ok(())
        });
        for address in &answer.candidates {
            if let Ok(candidate) = Candidate::host(*address, Protocol::Udp) {
                self.guard(|rtc| {
                    rtc.add_remote_candidate(candidate);
                    Ok(())
                });
            }
        }
        self.guard(|rtc| rtc.handle_input(Input::Timeout(now)));
        let channel = ChannelConfig { label: CHANNEL.into(), ..ChannelConfig::default() };
        self.channel = self.guard(|rtc| Ok(rtc.direct_api().create_data_channel(channel)));
        for (tuple, datagram) in std::mem::take(&mut self.early) {
            self.feed(tuple, &datagram, now);
        }
    }

    /// Takes in STUN or DTLS that the demultiplexer gave to this leg.
    ///
    /// # Errors
    /// `BadStun` for a message without our password, `BadDtls` from a pair without a validated check,
    /// `QueueFull` for too much DTLS before the answer.
    pub fn receive(&mut self, tuple: Tuple, datagram: &[u8], now: Instant) -> Result<(), DropReason> {
        let &[first, second, ..] = datagram else { return Err(DropReason::Runt) };
        match classify(first, second) {
            Packet::Stun => {
                if !self.is_authentic(datagram) {
                    return Err(DropReason::BadStun);
                }
                if self.validated.insert(tuple) {
                    self.events.push(TransportEvent::Validated(tuple));
                }
            }
            Packet::Dtls if !self.validated.contains(&tuple) => return Err(DropReason::BadDtls),
            Packet::Dtls if self.remote.is_none() => {
                if self.early.len() >= EARLY {
                    return Err(DropReason::QueueFull);
                }
                self.early.push((tuple, datagram.to_vec()));
                return Ok(());
            }
            Packet::Dtls => {}
            Packet::Rtp | Packet::Rtcp | Packet::Other => return Err(DropReason::NotMedia),
        }
        self.feed(tuple, datagram, now);
        Ok(())
    }

    /// A check with our password, or the answer to one of our checks with the client's.
    fn is_authentic(&mut self, datagram: &[u8]) -> bool {
        let Ok(message) = StunMessage::parse(datagram) else { return false };
        if message.is_binding_request() {
            let to_us = message.split_username().is_some_and(|(ufrag, _)| ufrag == self.own.ufrag);
            return to_us && stun::is_authentic(&message, &self.own.pass);
        }
        let Some(remote) = &self.remote else { return false };
        self.checks.contains(&message.trans_id()) && stun::is_authentic(&message, &remote.pass)
    }

    fn feed(&mut self, tuple: Tuple, datagram: &[u8], now: Instant) {
        let Some(destination) = self.advertised(tuple.local) else { return };
        // What str0m cannot read is no packet of ours.
        let Ok(receive) = Receive::new(Protocol::Udp, tuple.remote, destination, datagram) else { return };
        self.guard(|rtc| rtc.handle_input(Input::Receive(now, receive)));
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.guard(|rtc| rtc.handle_input(Input::Timeout(now)));
    }

    /// Sends a message on the data channel.
    ///
    /// # Errors
    /// [`SendError`]: the leg is of no more use.
    pub fn send(&mut self, message: &str) -> Result<(), SendError> {
        let channel = self.channel.ok_or(SendError::NoChannel)?;
        let taken = self.guard(|rtc| match rtc.channel(channel) {
            Some(mut channel) => channel.write(false, message.as_bytes()).map(Some),
            None => Ok(None),
        });
        match taken {
            Some(Some(true)) => Ok(()),
            Some(Some(false)) => Err(SendError::Full),
            Some(None) => Err(SendError::NoChannel),
            None => Err(SendError::Failed),
        }
    }

    /// Says goodbye to the client. What that sends comes with the next poll.
    pub fn close(&mut self, now: Instant) {
        self.guard(|rtc| {
            rtc.close()?;
            rtc.handle_input(Input::Timeout(now))
        });
    }

    /// Everything to be done since the last poll, in order. New keys come first: whoever installs them must
    /// do so before the datagrams that follow make the client use them.
    pub fn poll(&mut self, into: &mut Vec<TransportEvent>) {
        let mut polled = std::mem::take(&mut self.events);
        while let Some(output) = self.guard(Rtc::poll_output) {
            match output {
                Output::Timeout(at) => {
                    polled.push(TransportEvent::Timeout(at));
                    break;
                }
                Output::Transmit(transmit) => {
                    self.note_transmit(
                        transmit.source,
                        transmit.destination,
                        &transmit.contents,
                        &mut polled,
                    );
                }
                Output::Event(event) => self.translate(event, &mut polled),
            }
        }
        into.extend(self.keys.take().map(|keys| TransportEvent::Keys(Box::new(keys))));
        into.append(&mut polled);
        into.append(&mut self.events);
    }

    fn note_transmit(
        &mut self,
        source: SocketAddr,
        remote: SocketAddr,
        datagram: &[u8],
        polled: &mut Vec<TransportEvent>,
    ) {
        let Some(local) = self.local(source) else { return };
        match StunMessage::parse(datagram) {
            Ok(message) if message.is_binding_request() => {
                if self.checks.len() >= CHECKS {
                    self.checks.clear();
                }
                self.checks.insert(message.trans_id());
            }
            Ok(_) => {}
            // What is no check goes over the pair in use.
            Err(_) => self.note_selected(Tuple { local, remote }, polled),
        }
        polled.push(TransportEvent::Transmit { local, remote, data: datagram.to_vec() });
    }

    fn note_selected(&mut self, tuple: Tuple, polled: &mut Vec<TransportEvent>) {
        if self.selected != Some(tuple) && self.validated.contains(&tuple) {
            self.selected = Some(tuple);
            polled.push(TransportEvent::Selected(tuple));
        }
    }

    fn translate(&mut self, event: Event, polled: &mut Vec<TransportEvent>) {
        match event {
            Event::ChannelOpen(..) => polled.push(TransportEvent::ChannelOpen),
            Event::ChannelData(message) if Some(message.id) == self.channel => {
                polled.push(TransportEvent::ChannelMessage(message.data));
            }
            Event::ChannelClose(channel) if Some(channel) == self.channel => {
                polled.push(TransportEvent::ChannelClosed);
            }
            Event::Closed => polled.push(TransportEvent::ChannelClosed),
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                polled.push(TransportEvent::Failed("no address pair works any more".into()));
            }
            Event::PeerStats(statistics) => {
                if let Some(pair) = statistics.selected_candidate_pair
                    && let Some(local) = self.local(pair.local.addr)
                {
                    self.note_selected(Tuple { local, remote: pair.remote.addr }, polled);
                }
            }
            _ => {}
        }
    }

    /// The address that str0m and the client know for one of our sockets.
    fn advertised(&self, local: SocketAddr) -> Option<SocketAddr> {
        self.media.iter().find(|address| address.local == local).map(|address| address.advertised)
    }

    fn local(&self, advertised: SocketAddr) -> Option<SocketAddr> {
        self.media.iter().find(|address| address.advertised == advertised).map(|address| address.local)
    }

    /// Calls str0m. An error or a panic there ends this leg and no other; afterwards it is not called again.
    fn guard<T>(&mut self, call: impl FnOnce(&mut Rtc) -> Result<T, RtcError>) -> Option<T> {
        if self.failed {
            return None;
        }
        let rtc = &mut self.rtc;
        let reason = match catch_unwind(AssertUnwindSafe(|| call(rtc))) {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "internal error of the WebRTC stack".to_owned(),
        };
        tracing::debug!(leg = self.leg.0, reason, "transport failed");
        self.failed = true;
        self.events.push(TransportEvent::Failed(reason));
        None
    }
}
