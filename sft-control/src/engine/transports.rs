//! What transports report, and what they want sent.

use super::{
    Engine, Time,
    peer::{Media, Rtcp},
};
use crate::{
    core::{Input, table::LegId},
    dataplane::{LaneError, Tuple, learning::Learner, user::Outbox},
    rtcp::{Feedback, Reporter, SenderClock},
    srtp::{RtcpReceiver, RtcpSender},
    transport::{TransportEvent, TransportKeys},
};

/// Packets of unknown SSRCs that may reach us at a time while a leg's layers are not learned.
pub(super) const LEARNING: u32 = 64;

impl Engine {
    /// Carries out everything a transport wants, after each call into it.
    pub(super) fn drive(&mut self, leg: LegId, time: Time) {
        let Some(peer) = self.peers.get_mut(&leg) else { return };
        let (closing, over) = (peer.closing, peer.transport.is_over());
        let mut events = std::mem::take(&mut self.events);
        peer.transport.poll(&mut events);
        for event in events.drain(..) {
            match event {
                TransportEvent::Transmit { .. } | TransportEvent::Timeout(_) => {
                    self.take_event(leg, event, time)
                }
                // Nobody wants to know any more.
                _ if closing => {}
                _ => self.take_event(leg, event, time),
            }
        }
        self.events = events;
        if closing && over {
            return self.forget(leg);
        }
        self.flush_much();
    }

    fn take_event(&mut self, leg: LegId, event: TransportEvent, time: Time) {
        match event {
            TransportEvent::Transmit { local, remote, data } => {
                self.demux.note_sent(leg, &data, time.instant);
                self.outgoing.push(Tuple { local, remote }, &data);
            }
            TransportEvent::Keys(keys) => match self.install(leg, &keys) {
                Ok(()) => {
                    self.sender_reports.begin(leg, time.instant);
                    self.inputs.push_back(Input::Connected { leg });
                }
                Err(error) => self.fail(leg, error.to_string()),
            },
            TransportEvent::Validated(tuple) => self.validate(leg, tuple),
            TransportEvent::Selected(tuple) => self.select(leg, tuple),
            TransportEvent::ChannelOpen => {
                self.inputs.push_back(Input::ChannelOpen { leg });
                self.schedule.note_join(time.instant);
            }
            TransportEvent::ChannelMessage(data) => {
                self.inputs.push_back(Input::ChannelMessage { leg, data });
            }
            TransportEvent::ChannelClosed => self.inputs.push_back(Input::ChannelClosed { leg }),
            TransportEvent::Failed(reason) => self.fail(leg, reason),
            TransportEvent::Timeout(at) => self.timers.set(leg, at),
        }
    }

    /// DTLS gave keys: the lane can open and seal from now on.
    fn install(&mut self, leg: LegId, keys: &TransportKeys) -> Result<(), LaneError> {
        let Some(peer) = self.peers.get_mut(&leg) else { return Ok(()) };
        let learner = Learner::new(&keys.rtp.receive)?;
        peer.media = Some(Media {
            profile: keys.rtp.receive.profile.name(),
            rtcp: Rtcp {
                receiver: RtcpReceiver::new(&keys.rtcp_receive)?,
                sender: RtcpSender::new(&keys.rtcp_transmit)?,
                reporter: Reporter::new(peer.offer.local_video_ssrc),
                clock: SenderClock::default(),
                feedback: Feedback::new(peer.offer.local_video_ssrc),
                arrivals: Vec::new(),
            },
            learner,
            layers: [None; 2],
        });
        self.lanes.install_leg(peer.conference, leg, &keys.rtp)?;
        for &tuple in &peer.validated {
            self.lanes.accept_tuple(leg, tuple)?;
        }
        if let Some(tuple) = peer.selected {
            self.lanes.select_tuple(leg, tuple)?;
        }
        if peer.wants_learning() {
            self.lanes.allow_learning(leg, LEARNING);
        }
        Ok(())
    }

    fn validate(&mut self, leg: LegId, tuple: Tuple) {
        let Some(peer) = self.peers.get_mut(&leg) else { return };
        if !peer.validated.contains(&tuple) {
            peer.validated.push(tuple);
        }
        self.demux.validated(leg, tuple);
        let result = self.lanes.accept_tuple(leg, tuple);
        self.fail_on_error(leg, result);
    }

    fn select(&mut self, leg: LegId, tuple: Tuple) {
        let Some(peer) = self.peers.get_mut(&leg) else { return };
        peer.selected = Some(tuple);
        tracing::debug!(leg = leg.0, local = %tuple.local, remote = %tuple.remote, "pair selected");
        let conference = peer.conference;
        let result = match self.relays.is_relayed(tuple.local) {
            true => self.lanes.leave_kernel(conference, format!("leg {} is relayed over TURN", leg.0)),
            false => Ok(()),
        };
        let result = result.and_then(|()| self.lanes.select_tuple(leg, tuple));
        self.fail_on_error(leg, result);
    }

    pub(super) fn fail_on_error(&mut self, leg: LegId, result: Result<(), LaneError>) {
        if let Err(error) = result {
            self.fail(leg, error.to_string());
        }
    }

    pub(super) fn fail(&mut self, leg: LegId, reason: String) {
        self.inputs.push_back(Input::TransportFailed { leg, reason });
    }
}
