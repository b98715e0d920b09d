//! What the engine keeps of one leg.

use crate::{
    core::table::{ConferenceId, Layer, LegId},
    dataplane::{Arrival, Tuple, learning::Learner},
    rtcp::{Feedback, Reporter},
    sdp::OfferSpec,
    srtp::{RtcpReceiver, RtcpSender},
    transport::Transport,
};

/// One leg.
pub(super) struct Peer {
    pub(super) leg: LegId,
    pub(super) conference: ConferenceId,
    pub(super) transport: Transport,
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
}

/// How far a video slot is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlotRun {
    /// The newest run that a table gave it. Beyond it the slot cannot be.
    pub(super) published: u32,
    /// Where the core knows it to be.
    pub(super) known: u32,
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
    pub(super) feedback: Feedback,
    /// Scratch for arrivals.
    pub(super) arrivals: Vec<Arrival>,
}

impl Peer {
    /// Whether a layer is still to be learned from RIDs. Legacy clients announce their one video SSRC.
    pub(super) fn wants_learning(&self) -> bool {
        self.offer.simulcast
            && self.media.as_ref().is_some_and(|media| media.layers.iter().any(Option::is_none))
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
