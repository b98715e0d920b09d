//! Datagrams from the media sockets: to transports, RTCP, the userspace lane or learning.

use std::{future::poll_fn, io, net::UdpSocket as StdSocket, os::fd::AsFd, task::Poll};

use sft_common::{
    demux::{Packet, classify},
    drops::DropReason,
};
use tokio::{io::Interest, net::UdpSocket};

use super::{Engine, Time, peer::Peer};
use crate::{
    core::{Input, table::LegId},
    dataplane::{Tuple, lanes::LaneName, user::Verdict},
    rtcp,
    sockets::{MediaSocket, MediaSockets, ReceiveBatch},
};

/// Bytes of datagrams on their way out that are collected. A packet of a large conference has a thousand copies,
/// and a participant list goes to a thousand legs: what a whole turn makes would be tens of megabytes.
const COLLECTED: usize = 256 * 1024;
/// Batches taken from one socket before anything else gets a turn.
const TURN: usize = 8;

/// The media sockets, and when they are readable.
pub(super) struct Sockets {
    sockets: MediaSockets,
    /// The same sockets, as the runtime knows them.
    readiness: Vec<UdpSocket>,
}

impl Sockets {
    /// Must be called on the engine's runtime.
    pub(super) fn new(sockets: MediaSockets) -> io::Result<Self> {
        let watch =
            |socket: &MediaSocket| UdpSocket::from_std(StdSocket::from(socket.as_fd().try_clone_to_owned()?));
        let readiness = sockets.iter().map(watch).collect::<io::Result<_>>()?;
        Ok(Sockets { sockets, readiness })
    }

    pub(super) fn all(&self) -> &MediaSockets {
        &self.sockets
    }

    /// Waits until one of them is readable; its number.
    pub(super) async fn readable(&self) -> usize {
        poll_fn(|context| {
            for (number, socket) in self.readiness.iter().enumerate() {
                if socket.poll_recv_ready(context).is_ready() {
                    return Poll::Ready(number);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// One batch; 0 if there is none.
    fn receive(&self, number: usize, batch: &mut ReceiveBatch) -> usize {
        let (Some(readiness), Some(socket)) = (self.readiness.get(number), self.sockets.get(number)) else {
            return 0;
        };
        match readiness.try_io(Interest::READABLE, || socket.receive(batch)) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => {
                // An ICMP error of an earlier datagram shows up here; the next call goes on.
                tracing::debug!(%error, "receiving");
                0
            }
        }
    }
}

impl Engine {
    pub(super) fn receive(&mut self, socket: usize) {
        let mut batch = std::mem::take(&mut self.received);
        for _ in 0..TURN {
            let received = self.sockets.receive(socket, &mut batch);
            if received == 0 {
                break;
            }
            let time = Time::now();
            let Some(local) = self.sockets.all().get(socket).map(|socket| socket.local()) else { break };
            for (remote, datagram) in batch.iter_mut() {
                self.take_datagram(Tuple { local, remote }, datagram, time);
                self.flush_much();
            }
            self.flush();
        }
        self.received = batch;
    }

    pub(super) fn take_datagram(&mut self, tuple: Tuple, datagram: &mut [u8], time: Time) {
        let &mut [first, second, ..] = datagram else { return self.count_drop(DropReason::Runt) };
        let packet = classify(first, second);
        if packet == Packet::Other {
            return self.count_drop(DropReason::NotMedia);
        }
        let leg = match self.demux.lookup(tuple, datagram) {
            Ok(leg) => leg,
            Err(reason) => return self.count_drop(reason),
        };
        match packet {
            Packet::Rtp => self.take_rtp(leg, tuple, datagram, time),
            Packet::Rtcp => self.take_rtcp(leg, datagram, time),
            Packet::Stun | Packet::Dtls | Packet::Other => {
                let Some(peer) = self.peers.get_mut(&leg) else { return };
                if let Err(reason) = peer.transport.receive(tuple, datagram, time.instant) {
                    self.count_drop(reason);
                }
                self.drive(leg, time);
            }
        }
    }

    fn take_rtcp(&mut self, leg: LegId, datagram: &[u8], time: Time) {
        let Some(peer) = self.peers.get_mut(&leg) else { return };
        let Some(media) = peer.media.as_mut() else { return self.count_drop(DropReason::BadRtcp) };
        let packets = media.rtcp.receiver.open(datagram).and_then(|packet| rtcp::parse(&packet));
        let packets = match packets {
            Ok(packets) => packets,
            Err(reason) => return self.count_drop(reason),
        };
        for packet in packets {
            match packet {
                // Whoever has sent nothing does not know its timestamps, either.
                rtcp::Incoming::SenderReport { packets: 0, .. } => {}
                rtcp::Incoming::SenderReport { ssrc, ntp, rtp_timestamp, .. } => {
                    let report = rtcp::Mapping { ntp: rtcp::Ntp(ntp), timestamp: rtp_timestamp };
                    media.rtcp.reporter.note_sender_report(ssrc, report, time.instant);
                    media.rtcp.clock.note(report.ntp, self.wall_clock.at(time.monotonic_ns));
                }
                rtcp::Incoming::KeyframeRequest { media_ssrc } => {
                    let table = self.lanes.table(peer.conference).into_iter();
                    let mut receivers = table.flat_map(|table| &table.receivers);
                    let receiver = receivers.find(|receiver| receiver.leg == leg);
                    if let Some(slot) = receiver.and_then(|receiver| receiver.slot_of(media_ssrc)) {
                        self.inputs.push_back(Input::KeyframeWanted { receiver: leg, slot });
                    }
                }
                rtcp::Incoming::Reception { last_report, delay, .. } => {
                    let now = self.wall_clock.at(time.monotonic_ns);
                    peer.round_trip = now.round_trip(last_report, delay).or(peer.round_trip);
                }
                rtcp::Incoming::Nack { .. } | rtcp::Incoming::Goodbye { .. } | rtcp::Incoming::Other => {}
            }
        }
    }

    /// RTP on a socket: the userspace lane's, or one that the kernel lane passed up to be learned from.
    fn take_rtp(&mut self, leg: LegId, tuple: Tuple, datagram: &mut [u8], time: Time) {
        let Some(peer) = self.peers.get(&leg) else { return };
        let lane = self.lanes.status(peer.conference).unwrap_or(self.lanes.initial()).lane;
        match lane {
            LaneName::Kernel if peer.wants_learning() => self.learn(leg, datagram),
            LaneName::Kernel => self.count_drop(DropReason::WrongLane),
            LaneName::User => {
                let verdict =
                    self.lanes.user_mut().forward(tuple, datagram, time.monotonic_ns, &mut self.outgoing);
                if let Verdict::Unknown { leg } = verdict {
                    self.learn(leg, datagram);
                }
            }
        }
    }

    /// An authenticated packet that carries a RID tells which SSRC a layer has.
    fn learn(&mut self, leg: LegId, datagram: &[u8]) {
        let Some(media) = self.peers.get_mut(&leg).and_then(|peer| peer.media.as_mut()) else { return };
        let learned = match media.learner.examine(datagram) {
            Ok(Some(learned)) => learned,
            Ok(None) => return self.count_drop(DropReason::UnknownSsrc),
            Err(reason) => return self.count_drop(reason),
        };
        if media.learn(learned.layer, learned.ssrc) {
            self.lanes.learned(leg, learned.ssrc, learned.index);
            self.inputs.push_back(Input::LayerLearned { leg, layer: learned.layer, ssrc: learned.ssrc });
        }
    }

    pub(super) fn count_drop(&mut self, reason: DropReason) {
        self.lanes.user_mut().count_drop(reason);
    }

    /// [`Self::flush`], if it is worth it by now.
    pub(super) fn flush_much(&mut self) {
        if self.outgoing.waiting() >= COLLECTED {
            self.flush();
        }
    }

    /// Sends what has been collected. What the system does not take is counted, not kept.
    pub(super) fn flush(&mut self) {
        let relays = &mut self.relays;
        let report = self.outgoing.flush(self.sockets.all(), |tuple, datagram| relays.send(tuple, datagram));
        for _ in 0..report.full + report.refused {
            self.lanes.user_mut().count_drop(DropReason::TransmitFull);
        }
    }
}

impl Peer {
    /// A datagram of RTCP for this leg, sealed.
    pub(super) fn seal_rtcp(&mut self, plain: &[u8]) -> Option<(Tuple, Vec<u8>)> {
        let media = self.media.as_mut()?;
        Some((self.selected?, media.rtcp.sender.seal(plain)?))
    }
}
