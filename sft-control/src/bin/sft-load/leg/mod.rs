//! One leg: a client of the server over a socket of its own.
//!
//! Drives str0m, the data channel's conversation and the media; the decisions are theirs, and the judgement is
//! the checker's.

mod error;
mod join;
mod media;

use std::{
    collections::VecDeque,
    io::ErrorKind,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use str0m::{
    Event, IceConnectionState, Input, Output, Rtc,
    channel::ChannelId,
    net::{Protocol, Receive, Transmit},
    rtp::RtpPacket,
};
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    time::sleep_until,
};

pub(crate) use self::{error::LegError, join::local_address};
use self::{join::Joined, media::Media};
use crate::{
    checker::{Checker, Copy},
    descriptor::Descriptor,
    fault::Fault,
    marker::{LegId, Stream},
    plan::{Expectation, Round},
    run::{Phase, Progress, Run},
    signalling::{Effect, Signalling},
    socket,
    source::Moment,
    verdict::Outcome,
};

/// Of the data channel that the server opens (sft-protocol.md 8).
const LABEL: &str = "calling-3.0";
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// The client's connect timer (sft-protocol.md 15.2).
const CONNECT: Duration = Duration::from_secs(15);
/// How long a client waits for the answer to its HANGUP (sft-protocol.md 9.7).
const HANG_UP: Duration = Duration::from_secs(5);
/// Datagrams taken in a row before timers get their turn.
const BATCH: usize = 64;
const LARGEST_DATAGRAM: usize = 2048;

/// A leg at work.
struct Leg {
    run: Arc<Run>,
    id: LegId,
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    /// When str0m wants to be called.
    timeout: Instant,
    channel: Option<ChannelId>,
    /// Messages that the channel has not taken yet.
    outbox: VecDeque<String>,
    signalling: Signalling,
    checker: Checker,
    media: Media,
    phase: Phase,
    progress: mpsc::UnboundedSender<Progress>,
    started: Instant,
    joined_after: Option<Duration>,
    /// Everything that is expected since the last selection has begun to arrive.
    ready: bool,
    next_ping: Instant,
    /// Packets that passed SRTP.
    accepted: u64,
    key_frames_requested: u64,
    /// Until when an answer to our HANGUP may come.
    leaving: Option<Instant>,
    hang_up_answered: bool,
    /// The leg is over.
    left: bool,
    audio_ssrc: u32,
}

/// Joins, follows the phases, leaves.
pub(crate) async fn run(
    run: Arc<Run>,
    id: LegId,
    progress: mpsc::UnboundedSender<Progress>,
    mut phases: watch::Receiver<Phase>,
) -> Result<Outcome, LegError> {
    let joined = join::join(&run, id).await?;
    let mut leg = Leg::new(run, id, joined, progress);
    leg.work().await?;
    loop {
        let wake = leg.wake().into();
        tokio::select! {
            ready = leg.socket.readable() => {
                ready?;
                leg.receive().await?;
            }
            () = sleep_until(wake) => {}
            changed = phases.changed() => {
                let phase = if changed.is_ok() { *phases.borrow_and_update() } else { Phase::Leaving };
                leg.enter(phase);
            }
        }
        leg.work().await?;
        if leg.left {
            return leg.finish();
        }
    }
}

impl Leg {
    fn new(run: Arc<Run>, id: LegId, joined: Joined, progress: mpsc::UnboundedSender<Progress>) -> Self {
        let Joined { rtc, socket, address, offer, ssrcs, started } = joined;
        let now = Instant::now();
        let muted = !run.plan.is_talking(id.index);
        let signalling = Signalling::new(run.conference(id).clone(), id, muted, run.plan.video);
        let checker = Checker::new(run.number, id, run.plan.legs, offer.audio_slots(), offer.video_slots());
        let media = Media::new(run.number, id, &run.plan, ssrcs, now);
        Leg {
            run,
            id,
            rtc,
            socket,
            address,
            timeout: now,
            channel: None,
            outbox: VecDeque::new(),
            signalling,
            checker,
            media,
            phase: Phase::Joining,
            progress,
            started,
            joined_after: None,
            ready: false,
            next_ping: now + PING_INTERVAL,
            accepted: 0,
            key_frames_requested: 0,
            leaving: None,
            hang_up_answered: false,
            left: false,
            audio_ssrc: ssrcs[Stream::Audio.index()],
        }
    }

    fn is_joined(&self) -> bool {
        self.joined_after.is_some()
    }

    /// When something is to be done without a datagram.
    fn wake(&self) -> Instant {
        let deadline = self.leaving.unwrap_or(self.started + CONNECT);
        let deadline = Some(deadline).filter(|_| self.leaving.is_some() || !self.is_joined());
        let media = Some(self.media.due()).filter(|_| self.is_joined());
        let ping = Some(self.next_ping).filter(|_| self.channel.is_some());
        [deadline, media, ping].into_iter().flatten().fold(self.timeout, Instant::min)
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        match phase {
            Phase::Selecting(round) => {
                self.ready = false;
                let selection = self.run.plan.selection(self.id.index, round);
                if !selection.is_empty() {
                    self.checker.select(&selection);
                    self.outbox.push_back(self.signalling.select(&selection));
                }
            }
            Phase::Leaving => {
                self.outbox.push_back(self.signalling.hang_up());
                self.leaving = Some(Instant::now() + HANG_UP);
            }
            Phase::Joining | Phase::Measuring | Phase::Draining => {}
        }
    }

    /// Does everything that is due.
    async fn work(&mut self) -> Result<(), LegError> {
        let now = Instant::now();
        if self.leaving.is_some_and(|deadline| now >= deadline) && !self.left {
            self.checker.faults.add(Fault::Signalling, format_args!("neither answer nor end after HANGUP"));
            self.left = true;
        }
        if !self.is_joined() && now >= self.started + CONNECT {
            return Err(LegError::TimedOut(CONNECT.as_secs()));
        }
        if self.channel.is_some() && now >= self.next_ping {
            self.next_ping += PING_INTERVAL;
            let ping = self.signalling.ping(&mut self.checker.faults);
            self.outbox.push_back(ping);
        }
        let moment = Moment {
            measured: self.phase == Phase::Measuring,
            at: now.saturating_duration_since(self.run.began),
        };
        let sent = self.is_joined() && self.media.send(&mut self.rtc, now, moment);
        if sent || now >= self.timeout {
            self.rtc.handle_input(Input::Timeout(now))?;
        }
        self.check_ready();
        self.drain().await
    }

    /// Takes what has arrived.
    async fn receive(&mut self) -> Result<(), LegError> {
        let mut buffer = [0; LARGEST_DATAGRAM];
        for _ in 0..BATCH {
            let (length, from) = match self.socket.try_recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // An ICMP message for an earlier datagram; whether it matters, ICE finds out.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error.into()),
            };
            self.datagram(from, &buffer[..length]).await?;
        }
        Ok(())
    }

    async fn datagram(&mut self, from: SocketAddr, data: &[u8]) -> Result<(), LegError> {
        let accepted = self.accepted;
        if let Ok(receive) = Receive::new(Protocol::Udp, from, self.address, data) {
            self.rtc.handle_input(Input::Receive(Instant::now(), receive))?;
            self.drain().await?;
        }
        if is_rtp(data) && self.accepted == accepted {
            let header = &data[..data.len().min(12)];
            self.checker.faults.add(Fault::Refused, format_args!("RTP header {header:02x?}"));
        }
        Ok(())
    }

    /// Lets str0m do what it wants, and the channel take what it can.
    async fn drain(&mut self) -> Result<(), LegError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Transmit(transmit) => self.transmit(transmit).await?,
                Output::Event(event) => self.event(event)?,
                Output::Timeout(timeout) => {
                    self.timeout = timeout;
                    if !self.flush()? {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn transmit(&self, transmit: Transmit) -> Result<(), LegError> {
        let mut data: Vec<u8> = transmit.contents.into();
        self.run.security.outgoing(&mut data);
        match self.socket.send_to(&data, transmit.destination).await {
            Err(error) if error.kind() != ErrorKind::ConnectionRefused => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Returns whether a message was written.
    fn flush(&mut self) -> Result<bool, LegError> {
        let Some(mut channel) = self.channel.and_then(|channel| self.rtc.channel(channel)) else {
            return Ok(false);
        };
        let mut written = false;
        while let Some(text) = self.outbox.front() {
            if !channel.write(false, text.as_bytes())? {
                break;
            }
            self.outbox.pop_front();
            written = true;
        }
        Ok(written)
    }

    fn event(&mut self, event: Event) -> Result<(), LegError> {
        match event {
            Event::RtpPacket(packet) => self.packet(&packet),
            Event::KeyframeRequest(request) => {
                self.key_frames_requested += 1;
                self.media.request_key_frame(request.rid.as_deref());
            }
            Event::ChannelOpen(channel, label) => {
                if label != LABEL {
                    self.checker.faults.add(Fault::Signalling, format_args!("channel {label:?} opened"));
                }
                self.channel = Some(channel);
                self.outbox.push_front(self.signalling.opened());
            }
            Event::ChannelData(data) => self.message(&data.data)?,
            Event::ChannelClose(_) | Event::Closed => self.closed(LegError::Closed)?,
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.closed(LegError::Disconnected)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The end of the connection; an error unless we are leaving.
    fn closed(&mut self, error: LegError) -> Result<(), LegError> {
        self.left = self.leaving.is_some();
        if self.left { Ok(()) } else { Err(error) }
    }

    fn packet(&mut self, packet: &RtpPacket) {
        self.accepted += 1;
        let header = &packet.header;
        let level = header.ext_vals.audio_level.zip(header.ext_vals.voice_activity);
        let level = level.map(|(level, voice)| level.unsigned_abs() | if voice { 0x80 } else { 0 });
        let frame = header.ext_vals.user_values.get::<Descriptor>().map(Descriptor::first_byte);
        let copy = Copy {
            ssrc: *header.ssrc,
            sequence: *packet.seq_no,
            timestamp: header.timestamp,
            csrc: &header.csrc[..header.csrc_count.min(header.csrc.len())],
            extension: level.or(frame),
            payload: &packet.payload,
        };
        self.checker.receive(&copy, packet.timestamp.saturating_duration_since(self.run.began));
    }

    fn message(&mut self, text: &[u8]) -> Result<(), LegError> {
        // After our HANGUP the others leave, too, and the lists shrink.
        let roster = self.leaving.map(|_| self.signalling.roster.clone());
        for effect in self.signalling.receive(text, &mut self.checker.faults) {
            match effect {
                Effect::Send(text) => self.outbox.push_back(text),
                Effect::Roster => self.roster(),
                Effect::HungUp => (self.hang_up_answered, self.left) = (true, true),
                Effect::Dropped => return Err(LegError::Dropped),
            }
        }
        if let Some(roster) = roster {
            self.signalling.roster = roster;
        }
        Ok(())
    }

    fn roster(&mut self) {
        for (leg, announced) in &self.signalling.roster {
            self.checker.announce(*leg, *announced);
        }
        if !self.is_joined() && self.signalling.is_listed() {
            self.joined_after = Some(self.started.elapsed());
            // The coordinator outlives its legs, except when it gives up.
            let _ = self.progress.send(Progress::Joined(self.id));
        }
    }

    /// Tells the coordinator once that everything expected has begun to arrive.
    fn check_ready(&mut self) {
        let Phase::Selecting(round) = self.phase else { return };
        if !self.ready && self.expected(round).all(|origin| self.checker.has(origin)) {
            self.ready = true;
            let _ = self.progress.send(Progress::Ready(self.id, round));
        }
    }

    fn expected(&self, round: Round) -> impl Iterator<Item = (u16, Stream)> + '_ {
        let plan = self.run.plan;
        let me = self.id.index;
        let audio = (0..plan.legs)
            .filter(move |sender| plan.expectation(me, *sender, Stream::Audio) == Expectation::All)
            .map(|sender| (sender, Stream::Audio));
        audio
            .chain(plan.selection(me, round).into_iter().map(|selected| (selected.sender, selected.stream())))
    }

    fn finish(mut self) -> Result<Outcome, LegError> {
        let drops = socket::drops(&self.socket)?;
        if drops > 0 {
            let faults = &mut self.checker.faults;
            faults.add_many(
                Fault::SocketFull,
                drops,
                format_args!("this machine is too slow for so many legs"),
            );
        }
        Ok(Outcome {
            leg: self.id,
            audio_ssrc: self.audio_ssrc,
            joined_after: self.joined_after.unwrap_or_default(),
            sent: self.media.measured(),
            checker: self.checker,
            roster: self.signalling.roster,
            properties: self.signalling.properties.into_iter().collect(),
            key_frames_requested: self.key_frames_requested,
            hang_up_answered: self.hang_up_answered,
        })
    }
}

/// RFC 7983 section 7, and RFC 5761 section 4 for what is RTCP.
fn is_rtp(data: &[u8]) -> bool {
    let [first, second, ..] = data else { return false };
    (128..192).contains(first) && !(192..224).contains(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rtp_is_taken_for_rtp() {
        assert!(is_rtp(&[0x90, 111, 0]));
        assert!(is_rtp(&[0x90, 0x80 | 100, 0]));
        for other in [&[0x80, 200][..], &[22, 254], &[0, 1], &[0x80], &[]] {
            assert!(!is_rtp(other), "{other:?}");
        }
    }
}
