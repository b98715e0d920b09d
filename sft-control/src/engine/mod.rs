//! The one thread that owns core, transports, RTCP and lanes, and moves events and commands between them.
//!
//! It decides nothing: calls are the core's, packets the lanes', connections the transports'. HTTP, CLI and
//! metrics reach it through a [`Handle`].

mod clock;
mod command;
mod datagrams;
mod memory;
mod outputs;
mod peer;
mod periodic;
mod publication;
mod relays;
mod sender_reports;
pub mod snapshot;
mod start;
mod status;
mod transports;

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    time::Instant,
};

use tokio::sync::{mpsc, oneshot, watch};

pub use command::{Handle, Pending, Unavailable};
pub use start::StartError;

use self::{clock::Time, command::Command, peer::Peer, periodic::Schedule};
use crate::{
    core::{
        Core, Input, Output,
        deadlines::Deadlines,
        event::{Reply, RequestId},
        table::LegId,
    },
    dataplane::{
        lanes::{Lanes, Mode},
        user::UserLane,
        xdp::KernelLane,
    },
    netlink::Watch,
    relay::Allowed,
    sockets::{ReceiveBatch, SendBatch},
    transport::{Demux, Identity, MediaAddress, TransportEvent},
};

/// What the engine is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Media addresses, all with the same port.
    pub media: Vec<MediaAddress>,
    /// Interfaces of the kernel lane; none = those that have the media addresses.
    pub interfaces: Vec<String>,
    pub mode: Mode,
    /// `None` = the default one for this network namespace and port.
    pub pin_dir: Option<PathBuf>,
    /// Memory for the kernel lane's prepared key stream in bytes; 0 = none is prepared.
    pub keystream: u64,
    /// Use TURN servers that clients name, at addresses that are public or these.
    pub relay: Option<Allowed>,
    pub core: crate::core::Config,
}

/// Everything with state, in one place.
pub struct Engine {
    settings: Settings,
    started: Instant,
    core: Core,
    lanes: Lanes<KernelLane, UserLane>,
    identity: Identity,
    demux: Demux,
    peers: HashMap<LegId, Peer>,
    timers: Deadlines<LegId>,
    sockets: datagrams::Sockets,
    received: ReceiveBatch,
    outgoing: SendBatch,
    network: Watch,
    relays: relays::Relays,
    unpublished: publication::Waiting,
    schedule: Schedule,
    wall_clock: clock::WallClock,
    sender_reports: sender_reports::Turns,
    /// Requests whose reply is still to come.
    waiting: HashMap<RequestId, oneshot::Sender<Reply>>,
    /// Events that the core has not seen yet.
    inputs: VecDeque<Input>,
    /// Scratch of [`Self::settle`].
    outputs: Vec<Output>,
    /// Scratch of [`Self::drive`].
    events: Vec<TransportEvent>,
    draining: bool,
    /// Number of conferences.
    conferences: watch::Sender<usize>,
}

impl Engine {
    /// Moves events until it is told to stop.
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let deadline = tokio::time::Instant::from_std(self.next_deadline());
            let stop = tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Stop(done)) => Some(done),
                    Some(command) => { self.obey(command); None }
                    None => return,
                },
                event = self.relays.next() => { self.take_relay_event(event); None }
                socket = self.sockets.readable() => { self.receive(socket); None }
                () = tokio::time::sleep_until(deadline) => { self.fire_timers(); None }
            };
            self.settle();
            if let Some(done) = stop {
                self.stop();
                // Whoever asked has lost interest; the server stops all the same.
                let _ = done.send(());
                return;
            }
        }
    }

    fn next_deadline(&self) -> Instant {
        let times = [self.timers.next(), self.core.next_timeout()];
        times.into_iter().flatten().fold(self.schedule.next(), Instant::min)
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Request { id, group, body, reply } => {
                self.waiting.insert(id, reply);
                self.inputs.push_back(Input::Request { id, group, body });
            }
            Command::RequestGone(id) => {
                self.waiting.remove(&id);
                self.inputs.push_back(Input::RequestGone { id });
            }
            Command::Snapshot(answer) => {
                // Whoever asked may have gone.
                drop(answer.send(self.snapshot()));
            }
            Command::TokenSecret(secret) => self.inputs.push_back(Input::TokenSecret(secret)),
            Command::IsDraining(answer) => {
                // Whoever asked may have gone.
                let _ = answer.send(self.draining);
            }
            Command::Lane { group, answer } => {
                let conference = self.core.conference(&group);
                let lane = conference.map(|id| self.lanes.status(id).unwrap_or(self.lanes.initial()).clone());
                drop(answer.send(lane));
            }
            Command::Drain => {
                self.draining = true;
                self.inputs.push_back(Input::Drain);
            }
            Command::Stop(_) => {}
        }
    }

    fn fire_timers(&mut self) {
        let time = Time::now();
        while let Some(leg) = self.timers.pop(time.instant) {
            if let Some(peer) = self.peers.get_mut(&leg) {
                peer.transport.handle_timeout(time.instant);
                self.drive(leg, time);
            }
        }
        if self.core.next_timeout().is_some_and(|at| at <= time.instant) {
            self.inputs.push_back(Input::Timeout);
        }
        self.run_schedule(time);
    }

    /// Lets the core see every event and carries out what it commands, until nothing is left; then sends
    /// what that produced.
    fn settle(&mut self) {
        while let Some(input) = self.inputs.pop_front() {
            let time = Time::now();
            let mut outputs = std::mem::take(&mut self.outputs);
            self.core.handle(time.into(), input, &mut outputs);
            for output in outputs.drain(..) {
                self.carry_out(output, time);
            }
            self.outputs = outputs;
        }
        self.flush();
        let conferences = self.core.totals().calls as usize;
        self.conferences.send_if_modified(|number| std::mem::replace(number, conferences) != conferences);
    }

    /// Ends every leg, so that clients notice at once, and gives the kernel its resources back.
    fn stop(mut self) {
        let legs: Vec<LegId> = self.peers.keys().copied().collect();
        for leg in legs {
            self.close(leg, Time::now());
            self.close(leg, Time::now());
        }
        self.flush();
    }
}
