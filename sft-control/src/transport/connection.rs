//! One leg's transport from its answer on: str0m, and what we must know about its address pairs.

use std::time::{Duration, Instant};

use is::stun::TransId;
use sft_common::{
    demux::{Packet, classify},
    drops::DropReason,
};
use str0m::{
    Event, IceConnectionState, IceCreds, Input, Output, Rtc, RtcConfig, RtcError,
    channel::{ChannelConfig, ChannelId},
    net::{Protocol, Receive, Transmit},
};

use super::{
    Identity, MAX_BACKLOG, MAX_DATAGRAM, MAX_MESSAGE, SendError, TransportEvent,
    addresses::{Addresses, remote_candidates, sends_to},
    checks::Checks,
    description,
    dtls::{self, Export, KeySlot},
    paths::Paths,
    roaming::{Roaming, Step},
    stun,
};
use crate::{dataplane::Tuple, sdp::Answer};

/// Label of the data channel that the server opens (sft-protocol.md 8).
const CHANNEL: &str = "calling-3.0";
/// First retransmission of a check (sft-protocol.md 6).
const CHECK_RTO: Duration = Duration::from_millis(150);
/// How long a leg may be without a working pair, on top of the 22 s that the agent takes to notice. Together less
/// than the 30 s after which consent to send has expired (RFC 7675 section 5.1).
const DISCONNECTED: Duration = Duration::from_secs(6);
/// How long the goodbye waits for what has still to be delivered: some retransmissions.
const LINGER: Duration = Duration::from_secs(2);
/// Longest parts of the user name that our checks can carry.
const UFRAG: usize = 96;
/// How often str0m is asked to go on at one instant.
const ROUNDS: usize = 16;

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Problem {
    /// This datagram has no effect.
    Drop(DropReason),
    /// The leg is of no more use.
    Fatal(String),
}

impl From<RtcError> for Problem {
    fn from(error: RtcError) -> Self {
        Problem::Fatal(error.to_string())
    }
}

/// Transport of a leg that has answered.
pub(super) struct Connection {
    rtc: Rtc,
    keys: KeySlot,
    keyed: bool,
    media: Addresses,
    own: IceCreds,
    remote: IceCreds,
    checks: Checks,
    paths: Paths,
    roaming: Roaming,
    channel: ChannelId,
    /// Longest message that the client takes, in bytes.
    longest: usize,
    open: bool,
    /// When to say goodbye at the latest.
    goodbye: Option<Instant>,
    /// Since when no pair works.
    disconnected: Option<Instant>,
    /// When str0m wants to be called.
    rtc_due: Instant,
}

impl Connection {
    /// Starts ICE, DTLS and SCTP with what the client answered.
    ///
    /// # Errors
    /// The reason, if the answer's values cannot be used.
    pub(super) fn start(
        identity: &Identity,
        media: Addresses,
        own: &IceCreds,
        answer: &Answer,
        now: Instant,
    ) -> Result<Self, Problem> {
        if answer.ufrag.len() > UFRAG {
            return Err(Problem::Fatal(format!("ice-ufrag of {} bytes is too long", answer.ufrag.len())));
        }
        let (mut rtc, keys) = stack(identity, own, now);
        let remote = IceCreds { ufrag: answer.ufrag.clone(), pass: answer.password.clone() };
        for candidate in media.candidates() {
            rtc.add_local_candidate(candidate);
        }
        rtc.sdp_api().accept_offer(description::of(answer)?)?;
        let mut api = rtc.direct_api();
        // The offerer controls, and a full agent controls a lite one (RFC 8445 section 6.1.1). To str0m it
        // looks as if the client had offered.
        api.set_ice_controlling(true);
        let channel =
            api.create_data_channel(ChannelConfig { label: CHANNEL.into(), ..ChannelConfig::default() });
        for candidate in remote_candidates(&answer.candidates) {
            rtc.add_remote_candidate(candidate);
        }
        rtc.handle_input(Input::Timeout(now))?;
        Ok(Connection {
            rtc,
            keys,
            keyed: false,
            media,
            own: own.clone(),
            remote,
            checks: Checks::default(),
            paths: Paths::default(),
            roaming: Roaming::default(),
            channel,
            longest: description::longest(answer),
            open: false,
            goodbye: None,
            disconnected: None,
            rtc_due: now,
        })
    }

    /// See [`super::Transport::receive`].
    pub(super) fn receive(
        &mut self,
        tuple: Tuple,
        datagram: &[u8],
        now: Instant,
        into: &mut Vec<TransportEvent>,
    ) -> Result<(), Problem> {
        let &[first, second, ..] = datagram else { return Err(Problem::Drop(DropReason::Runt)) };
        let destination =
            self.media.advertised(tuple.local).ok_or(Problem::Drop(DropReason::UnknownTuple))?;
        let bad = match classify(first, second) {
            Packet::Stun => {
                self.admit(tuple, datagram, now, into).ok_or(Problem::Drop(DropReason::BadStun))?;
                DropReason::BadStun
            }
            Packet::Dtls if self.paths.is_known(tuple) && datagram.len() <= MAX_DATAGRAM => {
                DropReason::BadDtls
            }
            Packet::Dtls => return Err(Problem::Drop(DropReason::BadDtls)),
            Packet::Rtp | Packet::Rtcp | Packet::Other => return Err(Problem::Drop(DropReason::NotMedia)),
        };
        let received = Receive::new(Protocol::Udp, tuple.remote, destination, datagram)
            .map_err(|_| Problem::Drop(bad))?;
        // A check that makes the agent look again may nominate its pair, which must outlive that.
        self.roam(now, into)?;
        self.rtc.handle_input(Input::Receive(now, received))?;
        self.settle(now, into)
    }

    /// Learns from a STUN message; `None` if it is not authentic or not for us.
    fn admit(
        &mut self,
        tuple: Tuple,
        datagram: &[u8],
        now: Instant,
        into: &mut Vec<TransportEvent>,
    ) -> Option<()> {
        let message = stun::parse(datagram)?;
        if message.is_binding_request() {
            let ours = message.split_username()? == (&*self.own.ufrag, &*self.remote.ufrag);
            if !ours || !stun::is_authentic(&message, &self.own.pass) {
                return None;
            }
            let interest = self.paths.requested(tuple, now)?;
            self.roaming.heard(tuple);
            if let Some(selected) = self.paths.selected() {
                self.roaming.requested(tuple, interest, message.use_candidate(), selected, now);
            }
            return Some(());
        }
        if !stun::is_authentic(&message, &self.remote.pass)
            || !self.checks.answered(message.trans_id(), tuple)
        {
            return None;
        }
        if message.is_successful_binding_response() && self.paths.answered(tuple, now)? {
            into.push(TransportEvent::Validated(tuple));
        }
        self.roaming.heard(tuple);
        if let Some(selected) = self.paths.selected() {
            self.roaming.answered(tuple, selected, now);
        }
        Some(())
    }

    /// See [`super::Transport::handle_timeout`].
    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        into: &mut Vec<TransportEvent>,
    ) -> Result<(), Problem> {
        self.rtc.handle_input(Input::Timeout(now))?;
        self.settle(now, into)
    }

    /// See [`super::Transport::send`]. What it makes is sent at the next call with the time.
    pub(super) fn send(&mut self, message: &str, now: Instant) -> Result<(), SendError> {
        if message.len() > self.longest {
            return Err(SendError::TooLong { length: message.len(), limit: self.longest });
        }
        let mut channel = self.rtc.channel(self.channel).filter(|_| self.open).ok_or(SendError::NoChannel)?;
        self.rtc_due = now;
        match channel.write(false, message.as_bytes()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(SendError::Full),
            // The association is going down; the event that says so follows.
            Err(_) => Err(SendError::NoChannel),
        }
    }

    /// See [`super::Transport::close`].
    pub(super) fn close(&mut self, now: Instant, into: &mut Vec<TransportEvent>) -> Result<(), Problem> {
        self.open = false;
        self.goodbye = Some(if self.goodbye.is_some() { now } else { now + LINGER });
        self.handle_timeout(now, into)
    }

    /// Whether the client has acknowledged all that was taken to be sent.
    fn is_delivered(&mut self) -> bool {
        self.rtc.channel(self.channel).is_none_or(|mut channel| channel.buffered_amount() == 0)
    }

    /// Says goodbye if that is due: what was taken to be sent goes before, since str0m says it at once.
    fn part(&mut self, now: Instant, into: &mut Vec<TransportEvent>) -> Result<(), Problem> {
        let Some(latest) = self.goodbye else { return Ok(()) };
        if now < latest && !self.is_delivered() {
            return Ok(());
        }
        self.goodbye = None;
        self.rtc.close()?;
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain(now, into)
    }

    /// Whether there is nothing more to do after a goodbye.
    pub(super) fn is_over(&self) -> bool {
        !self.rtc.is_alive()
    }

    /// When [`Connection::handle_timeout`] is due.
    pub(super) fn due(&self) -> Instant {
        let lost = self.disconnected.map(|since| since + DISCONNECTED);
        [self.roaming.due(), self.goodbye, lost].into_iter().flatten().fold(self.rtc_due, Instant::min)
    }

    /// Does all that is due, and collects what is to be done outside.
    fn settle(&mut self, now: Instant, into: &mut Vec<TransportEvent>) -> Result<(), Problem> {
        self.roam(now, into)?;
        self.drain(now, into)?;
        self.part(now, into)?;
        let rtc = &self.rtc;
        if let Some(tuple) = self.paths.follow(|remote| sends_to(rtc, remote, now)) {
            into.push(TransportEvent::Selected(tuple));
        }
        match self.disconnected {
            Some(since) if now.saturating_duration_since(since) >= DISCONNECTED => {
                Err(Problem::Fatal("the client has not answered any check for 28 s".into()))
            }
            _ => Ok(()),
        }
    }

    fn roam(&mut self, now: Instant, into: &mut Vec<TransportEvent>) -> Result<(), Problem> {
        while let Some(step) = self.roaming.step(now) {
            match step {
                Step::Check(tuple) => self.check(tuple, into),
                Step::Renew(tuple) => {
                    self.renew(tuple, now)?;
                    self.drain(now, into)?;
                }
            }
        }
        Ok(())
    }

    fn drain(&mut self, now: Instant, into: &mut Vec<TransportEvent>) -> Result<(), Problem> {
        for _ in 0..ROUNDS {
            loop {
                let output = self.rtc.poll_output();
                // The call that made the keys made the flight too, which must not leave before them.
                self.export(into)?;
                match output? {
                    Output::Timeout(due) => {
                        self.rtc_due = due;
                        break;
                    }
                    Output::Transmit(transmit) => self.transmit(transmit, into),
                    Output::Event(event) => self.translate(event, now, into)?,
                }
            }
            if self.rtc_due > now || !self.rtc.is_alive() {
                return Ok(());
            }
            self.rtc.handle_input(Input::Timeout(now))?;
        }
        self.rtc_due = now + Duration::from_millis(1);
        Ok(())
    }

    fn export(&mut self, into: &mut Vec<TransportEvent>) -> Result<(), Problem> {
        match self.keys.take() {
            Some(Export::Keys(keys)) => {
                self.keyed = true;
                into.push(TransportEvent::Keys(keys));
                Ok(())
            }
            Some(Export::Unusable) => {
                Err(Problem::Fatal("DTLS agreed on an SRTP profile we cannot carry".into()))
            }
            None => Ok(()),
        }
    }

    fn transmit(&mut self, transmit: Transmit, into: &mut Vec<TransportEvent>) {
        let Some(local) = self.media.own(transmit.source) else { return };
        let tuple = Tuple { local, remote: transmit.destination };
        let data = Vec::from(transmit.contents);
        match stun::parse(&data) {
            Some(message) if message.is_binding_request() => {
                self.checks.sent(message.trans_id(), tuple);
                self.roaming.note_check(&message);
            }
            Some(_) => {}
            None => self.paths.carried(tuple),
        }
        into.push(TransportEvent::Transmit { local, remote: tuple.remote, data });
    }

    fn translate(
        &mut self,
        event: Event,
        now: Instant,
        into: &mut Vec<TransportEvent>,
    ) -> Result<(), Problem> {
        match event {
            Event::Connected if !self.keyed => {
                return Err(Problem::Fatal("the client offers no SRTP profile we know".into()));
            }
            Event::ChannelOpen(channel, _) if channel == self.channel => {
                self.open = true;
                into.push(TransportEvent::ChannelOpen);
            }
            // The server opens the only channel; others are not spoken on.
            Event::ChannelOpen(channel, _) => self.rtc.direct_api().close_data_channel(channel),
            Event::ChannelData(message) if message.id == self.channel && self.open => {
                into.push(TransportEvent::ChannelMessage(message.data));
            }
            Event::ChannelClose(channel) if channel != self.channel => {}
            Event::ChannelClose(_) | Event::Closed if std::mem::take(&mut self.open) => {
                into.push(TransportEvent::ChannelClosed);
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.disconnected = Some(now)
            }
            Event::IceConnectionStateChange(_) => self.disconnected = None,
            _ => {}
        }
        Ok(())
    }

    /// Checks a pair outside of the agent's own schedule. The agent ignores the answer; [`Roaming`] does not.
    fn check(&mut self, tuple: Tuple, into: &mut Vec<TransportEvent>) {
        let transaction = TransId::new();
        let Some(form) = self.roaming.form() else { return };
        let Some(data) = form.request(transaction, &self.remote.pass) else { return };
        self.checks.sent(transaction, tuple);
        into.push(TransportEvent::Transmit { local: tuple.local, remote: tuple.remote, data });
    }

    /// Makes the agent check all pairs of a local address anew: it drops them with the address, and makes new
    /// ones when that comes back.
    fn renew(&mut self, tuple: Tuple, now: Instant) -> Result<(), Problem> {
        let Some(candidate) = self.media.candidate(tuple.local) else { return Ok(()) };
        if self.rtc.direct_api().invalidate_candidate(&candidate) {
            self.rtc.add_local_candidate(candidate);
        }
        Ok(self.rtc.handle_input(Input::Timeout(now))?)
    }
}

/// str0m for one leg, before it knows of the other side.
fn stack(identity: &Identity, own: &IceCreds, now: Instant) -> (Rtc, KeySlot) {
    let mut config = RtcConfig::new()
        .set_local_ice_credentials(own.clone())
        // Media never gets here; tables for it would only take memory.
        .clear_codecs()
        .clear_extension_map()
        .set_sctp_max_message_size(MAX_MESSAGE as u32)
        .set_sctp_max_buffered_amount(MAX_BACKLOG);
    config.set_initial_stun_rto(CHECK_RTO);
    dtls::build(config, identity, now)
}
