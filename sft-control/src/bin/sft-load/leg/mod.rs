//! One leg: a client of the server over a socket of its own.
//!
//! Drives str0m, the data channel's conversation and the media; the decisions are theirs, and the judgement is
//! the checker's.

mod error;
mod join;
mod media;
mod traffic;

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use str0m::{Input, Rtc, channel::ChannelId};
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    time::sleep_until,
};

pub(crate) use self::{error::LegError, join::local_address};
use self::{join::Joined, media::Media};
use crate::{
    checker::{Announced, Checker},
    fault::Fault,
    marker::{LegId, Stream},
    plan::{Expectation, Round},
    run::{Phase, Progress, Run},
    signalling::{Effect, Signalling},
    socket,
    source::Moment,
    verdict::Outcome,
};

const PING_INTERVAL: Duration = Duration::from_secs(5);
/// The client's connect timer (sft-protocol.md 15.2).
const CONNECT: Duration = Duration::from_secs(15);
/// How long a client waits for the answer to its HANGUP (sft-protocol.md 9.7).
const HANG_UP: Duration = Duration::from_secs(5);

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
    phases: watch::Receiver<Phase>,
    progress: mpsc::UnboundedSender<Progress>,
    started: Instant,
    joined_after: Option<Duration>,
    media_after: Option<Duration>,
    /// Everything that is expected since the last selection has begun to arrive.
    ready: bool,
    /// Moved to another address, where no media has arrived yet.
    moving: bool,
    next_ping: Instant,
    /// Packets that passed SRTP.
    accepted: u64,
    key_frames_requested: u64,
    /// Until when an answer to our HANGUP may come.
    leaving: Option<Instant>,
    /// The participant list when everybody was there.
    roster: Vec<(u16, Announced)>,
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
    phases: watch::Receiver<Phase>,
) -> Result<Outcome, LegError> {
    let joined = join::join(&run, id).await?;
    let mut leg = Leg::new(run, id, joined, progress, phases);
    leg.work().await?;
    while !leg.left {
        match leg.step().await {
            // What we wanted to say met the server's goodbye.
            Err(LegError::WebRtc(error)) => leg.closed(error.into())?,
            result => result?,
        }
    }
    leg.finish()
}

impl Leg {
    /// Waits for something to do, and does it.
    async fn step(&mut self) -> Result<(), LegError> {
        let wake = self.wake().into();
        tokio::select! {
            ready = self.socket.readable() => {
                ready?;
                self.receive().await?;
            }
            () = sleep_until(wake) => {}
            changed = self.phases.changed() => {
                let phase = if changed.is_ok() { *self.phases.borrow_and_update() } else { Phase::Leaving };
                self.enter(phase).await?;
            }
        }
        self.work().await
    }

    fn new(
        run: Arc<Run>,
        id: LegId,
        joined: Joined,
        progress: mpsc::UnboundedSender<Progress>,
        phases: watch::Receiver<Phase>,
    ) -> Self {
        let Joined { rtc, socket, address, offer, ssrcs, started } = joined;
        let now = Instant::now();
        let muted = !run.plan.is_talking(id.index);
        let signalling = Signalling::new(run.conference(id).clone(), id, muted, run.plan);
        let legs = run.plan.legs;
        let checker = if run.plan.named {
            Checker::without_slots(run.number, id, legs, run.plan.best_layer())
        } else {
            Checker::new(run.number, id, legs, offer.audio_slots(), offer.video_slots())
        };
        let media =
            Media::new(run.number, id, &run.plan, ssrcs, now, now.saturating_duration_since(run.began));
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
            phases,
            progress,
            started,
            joined_after: None,
            media_after: None,
            ready: false,
            moving: false,
            next_ping: now + PING_INTERVAL,
            accepted: 0,
            key_frames_requested: 0,
            leaving: None,
            roster: Vec::new(),
            hang_up_answered: false,
            left: false,
            audio_ssrc: ssrcs[Stream::Audio.index()],
        }
    }

    /// Legs may be leaving: slots change hands, and nothing that arrives says anything any more. Unlike our
    /// own phase, this never lags behind another leg's.
    fn is_over(&self) -> bool {
        *self.phases.borrow() == Phase::Leaving
    }

    fn is_joined(&self) -> bool {
        self.joined_after.is_some()
    }

    /// When something is to be done without a datagram.
    fn wake(&self) -> Instant {
        let deadline = self.leaving.unwrap_or(self.started + CONNECT);
        let deadline = Some(deadline).filter(|_| self.leaving.is_some() || !self.is_joined());
        let media = self.media.due().filter(|_| self.is_joined());
        let ping = Some(self.next_ping).filter(|_| self.channel.is_some());
        [deadline, media, ping].into_iter().flatten().fold(self.timeout, Instant::min)
    }

    async fn enter(&mut self, phase: Phase) -> Result<(), LegError> {
        self.phase = phase;
        match phase {
            Phase::Selecting(round) => {
                self.ready = false;
                let selection = self.run.plan.selection(self.id.index, round);
                if !selection.is_empty() {
                    self.checker.select(&selection);
                    if !self.run.plan.named {
                        self.outbox.push_back(self.signalling.select(&selection));
                    }
                }
            }
            Phase::Moving(address) => self.relocate(address).await?,
            Phase::Leaving => {
                self.outbox.push_back(self.signalling.hang_up());
                self.leaving = Some(Instant::now() + HANG_UP);
            }
            // From the next phase on the lists shrink.
            Phase::Draining => self.roster.clone_from(&self.signalling.roster),
            Phase::Joining | Phase::Measuring => {}
        }
        Ok(())
    }

    /// Goes on with a socket of another address; what is under way to the old one is lost.
    async fn relocate(&mut self, address: IpAddr) -> Result<(), LegError> {
        self.check_buffer()?;
        self.socket = socket::bind(address).await?;
        self.address = self.socket.local_addr()?;
        self.rtc.add_local_candidate(join::candidate(self.address)?);
        self.moving = true;
        Ok(())
    }

    /// Tells the coordinator once that the server has followed.
    pub(super) fn followed(&mut self) {
        if std::mem::take(&mut self.moving) {
            let _ = self.progress.send(Progress::Moved(self.id));
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

    fn message(&mut self, text: &[u8]) -> Result<(), LegError> {
        for effect in self.signalling.receive(text, &mut self.checker.faults) {
            match effect {
                Effect::Send(text) => self.outbox.push_back(text),
                Effect::Roster => self.announce(),
                Effect::HungUp => (self.hang_up_answered, self.left) = (true, true),
                Effect::Dropped => return Err(LegError::Dropped),
            }
        }
        Ok(())
    }

    fn announce(&mut self) {
        for (leg, announced) in &self.signalling.roster {
            self.checker.announce(*leg, *announced);
            if self.run.plan.named && *leg != self.id.index {
                join::expect_named(&mut self.rtc, *announced);
            }
        }
        if !self.is_joined() && self.signalling.is_listed() {
            self.joined_after = Some(self.started.elapsed());
            // The coordinator outlives its legs, except when it gives up.
            let _ = self.progress.send(Progress::Joined(self.id));
        }
    }

    fn knows_all(&self) -> bool {
        let plan = &self.run.plan;
        let circle = (0..plan.legs).filter(|leg| *leg != self.id.index && plan.together(self.id.index, *leg));
        self.signalling.roster.len() == usize::from(plan.legs)
            && self.signalling.properties.len() == circle.count()
    }

    /// Tells the coordinator once that everything expected has begun to arrive.
    fn check_ready(&mut self) {
        let Phase::Selecting(round) = self.phase else { return };
        if !self.ready && self.knows_all() && self.expected(round).all(|origin| self.checker.has(origin)) {
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

    /// Counts what arrived and did not fit into the socket's buffer.
    fn check_buffer(&mut self) -> Result<(), LegError> {
        let drops = socket::drops(&self.socket)?;
        if drops > 0 {
            let faults = &mut self.checker.faults;
            faults.add_many(
                Fault::SocketFull,
                drops,
                format_args!("this machine is too slow for so many legs"),
            );
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Outcome, LegError> {
        self.check_buffer()?;
        Ok(Outcome {
            leg: self.id,
            audio_ssrc: self.audio_ssrc,
            joined_after: self.joined_after.unwrap_or_default(),
            media_after: self.media_after,
            sent: self.media.measured(),
            checker: self.checker,
            roster: self.roster,
            properties: self.signalling.properties.into_iter().collect(),
            key_frames_requested: self.key_frames_requested,
            hang_up_answered: self.hang_up_answered,
        })
    }
}
