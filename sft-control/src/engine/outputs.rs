//! Carrying out what the core commands.

use std::net::SocketAddr;

use rand::Rng;

use super::{
    Engine, Time,
    peer::{Peer, SlotRun},
    relays,
};
use crate::{
    core::{Input, Output, table::LegId},
    dataplane::user::Outbox,
    rtcp, sdp,
    transport::Transport,
};

impl Engine {
    pub(super) fn carry_out(&mut self, output: Output, time: Time) {
        match output {
            Output::Reply { id, reply } => {
                if let Some(waiting) = self.waiting.remove(&id) {
                    // The HTTP client may have gone.
                    drop(waiting.send(reply));
                }
            }
            Output::Open { leg, conference, offer, relays } => {
                let waiting = relays::Unopened { leg, conference, offer };
                if let Some(waiting) = self.relays.allocate(waiting, &relays) {
                    self.open(waiting, None, time);
                }
            }
            Output::Start { leg, answer } => {
                if let Some(peer) = self.peers.get_mut(&leg) {
                    peer.media_ssrc = answer.audio_ssrc.unwrap_or(0);
                    peer.transport.start(&answer, time.instant);
                    self.drive(leg, time);
                }
            }
            Output::Send { leg, message } => self.send(leg, &message, time),
            Output::Close { leg } => self.close(leg, time),
            Output::Publish(table) => self.publish(&table, time),
            Output::Forget(conference) => {
                self.unpublished.forget(conference);
                self.sender_reports.forget(conference);
                self.lanes.remove_conference(conference);
            }
            Output::RequestKeyframe { leg, ssrc } => self.request_keyframe(leg, ssrc),
            Output::CountDrop(reason) => self.count_drop(reason),
            Output::ReplaceSpeaker { conference, slot, holder, next } => {
                self.lanes.replace_speaker(conference, slot, holder, next);
            }
        }
    }

    /// Makes the leg's transport, with the relayed address that it may have got.
    pub(super) fn open(&mut self, unopened: relays::Unopened, relayed: Option<SocketAddr>, time: Time) {
        let relays::Unopened { leg, conference, offer } = unopened;
        let media = &self.settings.media;
        let (transport, parameters) = Transport::new(leg, &self.identity, media, relayed, time.instant);
        self.demux.register(leg, &parameters.ufrag);
        let sdp = sdp::offer(&offer, &parameters, rand::rng().random::<u32>().into());
        let runs = vec![SlotRun::default(); offer.video_slots.len()];
        let peer = Peer {
            leg,
            conference,
            transport,
            closing: false,
            offer,
            validated: Vec::new(),
            selected: None,
            media_ssrc: 0,
            media: None,
            runs,
            round_trip: None,
        };
        self.peers.insert(leg, peer);
        self.inputs.push_back(Input::OfferReady { leg, sdp });
        self.drive(leg, time);
    }

    fn send(&mut self, leg: LegId, message: &str, time: Time) {
        let Some(peer) = self.peers.get_mut(&leg) else { return };
        if let Err(error) = peer.transport.send(message) {
            return self.fail(leg, error.to_string());
        }
        self.drive(leg, time);
    }

    /// Ends a leg's media, and says goodbye to the client. The second time it does not wait for the client to take
    /// what it was sent before.
    pub(super) fn close(&mut self, leg: LegId, time: Time) {
        self.sender_reports.end(leg);
        self.lanes.remove_leg(leg);
        if let Some(peer) = self.peers.get_mut(&leg) {
            peer.closing = true;
            peer.media = None;
            peer.transport.close(time.instant);
            self.drive(leg, time);
        }
    }

    /// Nothing is left to do for a leg that has been closed.
    pub(super) fn forget(&mut self, leg: LegId) {
        // Its goodbye goes out before that of its relayed address.
        self.flush();
        self.relays.remove(leg);
        self.peers.remove(&leg);
        self.timers.remove(leg);
        self.demux.forget(leg);
    }

    fn request_keyframe(&mut self, leg: LegId, ssrc: u32) {
        let Some(peer) = self.peers.get_mut(&leg) else { return };
        let request = rtcp::keyframe_request(peer.offer.local_video_ssrc, ssrc);
        if let Some((tuple, datagram)) = request.and_then(|request| peer.seal_rtcp(&request)) {
            self.outgoing.push(tuple, &datagram);
        }
    }
}
