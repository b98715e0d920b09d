//! What the engine keeps of one leg.

use std::time::Duration;

use sft_common::maps::Kind;

use crate::{
    core::table::{ConferenceId, Layer, LegId},
    dataplane::{Arrival, Tuple, learning::Learner},
    rtcp::{Feedback, Mapping, Reporter, SenderClock},
    sdp::OfferSpec,
    srtp::{RtcpReceiver, RtcpSender},
    transport::Transport,
};

/// One leg.
pub(super) struct Peer {
    pub(super) leg: LegId,
    pub(super) conference: ConferenceId,
    pub(super) transport: Transport,
    /// The core has forgotten it; only its goodbye is left.
    pub(super) closing: bool,
    pub(super) offer: OfferSpec,
    /// Pairs that ICE has validated, kept until there are keys and a lane can take them.
    pub(super) validated: Vec<Tuple>,
    pub(super) selected: Option<Tuple>,
    /// SSRC of its audio, from its answer; names the stream in feedback. 0 without audio.
    pub(super) media_ssrc: u32,
    /// From DTLS on.
    pub(super) media: Option<Media>,
    /// By video slot.
    pub(super) runs: Vec<SlotRun>,
    /// The way to the client and back, as its last reception report has it.
    pub(super) round_trip: Option<Duration>,
}

/// How far a video slot is.
#[derive(Clone, Debug, Default)]
pub(super) struct SlotRun {
    /// The newest run that a table gave it. Beyond it the slot cannot be.
    pub(super) published: u32,
    /// Where the core knows it to be.
    pub(super) known: u32,
    /// What the newest table has in it, as run, leg and SSRC; two during a switch.
    pub(super) streams: Vec<(u32, LegId, u32)>,
}

/// What a leg with keys has.
pub(super) struct Media {
    pub(super) profile: &'static str,
    pub(super) rtcp: Rtcp,
    pub(super) learner: Learner,
    /// SSRCs learned so far, low and high.
    pub(super) layers: [Option<u32>; 2],
}

/// RTCP of a leg.
pub(super) struct Rtcp {
    pub(super) receiver: RtcpReceiver,
    pub(super) sender: RtcpSender,
    pub(super) reporter: Reporter,
    /// By the reports that the leg sends.
    pub(super) clock: SenderClock,
    pub(super) feedback: Feedback,
    /// Scratch for arrivals.
    pub(super) arrivals: Vec<Arrival>,
}

impl Peer {
    /// Of the slot at this place. The audio slots come first, then those for video; of those behind, which no offer
    /// has, the ones with runs are for video.
    pub(super) fn kind_of(&self, place: usize) -> Kind {
        match place.checked_sub(self.offer.audio_slots.len()) {
            None => Kind::Audio,
            Some(_) if self.is_offered(place) => Kind::Video,
            Some(slot) if self.runs.get(slot).is_some_and(|run| run.published > 0) => Kind::Video,
            Some(_) => Kind::Audio,
        }
    }

    /// Whether the offer has the slot at this place; the others are for streams under their own names.
    pub(super) fn is_offered(&self, place: usize) -> bool {
        place < self.offer.audio_slots.len() + self.offer.video_slots.len()
    }

    /// The leg and the SSRC that a video slot is at in this run.
    pub(super) fn shown_in(&self, place: usize, run: u32) -> Option<(LegId, u32)> {
        let slot = self.runs.get(place.checked_sub(self.offer.audio_slots.len())?)?;
        let stream = slot.streams.iter().find(|stream| stream.0 == run)?;
        Some((stream.1, stream.2))
    }

    /// Whether a layer is still to be learned from RIDs. Legacy clients announce their one video SSRC.
    pub(super) fn wants_learning(&self) -> bool {
        self.offer.simulcast
            && self.media.as_ref().is_some_and(|media| media.layers.iter().any(Option::is_none))
    }
}

impl Rtcp {
    /// What the leg last reported on one of its streams, on our clock.
    pub(super) fn reported(&self, ssrc: u32) -> Option<Mapping> {
        let report = self.reporter.last_sender_report(ssrc)?;
        Some(Mapping { ntp: self.clock.ours(report.ntp)?, ..report })
    }
}

impl Media {
    /// Notes a layer's SSRC; `false` if that layer has one already.
    pub(super) fn learn(&mut self, layer: Layer, ssrc: u32) -> bool {
        let known = &mut self.layers[match layer {
            Layer::Low => 0,
            Layer::High => 1,
        }];
        known.is_none() && known.replace(ssrc).is_none()
    }
}
