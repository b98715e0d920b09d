//! What a leg sends, and when.
//!
//! Video is paced as browsers do it: a key frame would else leave in one burst, of all legs at the same time.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::StdRng};
use str0m::{
    Rtc,
    rtp::{ExtensionValues, RtpWrite},
};

use crate::{
    marker::{LegId, Stream},
    offer::{OPUS, VP8},
    plan::Plan,
    source::{self, Extension, Moment, Packet, Source},
};

/// What is later than this is skipped: a burst would say nothing about the server.
const LATEST: Duration = Duration::from_millis(500);

/// Video may leave 2.5 times as fast as it is made, libwebrtc's own factor.
fn between_bursts(frame_interval: Duration) -> Duration {
    frame_interval * 2 / 5
}

/// The streams of a leg and their schedule.
#[derive(Debug)]
pub(super) struct Media {
    /// By [`Stream::index`].
    sources: [Source; 3],
    ssrcs: [u32; 3],
    talking: bool,
    /// Layers of the video.
    layers: &'static [Stream],
    interval: Duration,
    frame_interval: Duration,
    /// `None`: no audio at all.
    audio_due: Option<Instant>,
    /// `None`: no video at all.
    video_due: Option<Instant>,
    /// Video that has still to leave, a picture's worth of packets at a time.
    paced: VecDeque<Packet>,
    next_burst: Instant,
}

impl Media {
    /// Begins at `now`, `running` after the run itself.
    pub(super) fn new(
        run: u32,
        leg: LegId,
        plan: &Plan,
        ssrcs: [u32; 3],
        now: Instant,
        running: Duration,
    ) -> Self {
        let mut random = StdRng::from_os_rng();
        let sources = Stream::ALL.map(|stream| Source::new(run, leg, stream, &mut random));
        let first = |interval| now + until_turn(leg, interval, running);
        Media {
            sources,
            ssrcs,
            talking: plan.is_talking(leg.index),
            layers: if plan.high { &[Stream::Low, Stream::High] } else { &[Stream::Low] },
            interval: plan.interval,
            frame_interval: plan.frame_interval,
            audio_due: plan.sends_audio(leg.index).then(|| first(plan.interval)),
            video_due: plan.video.then(|| first(plan.frame_interval)),
            paced: VecDeque::new(),
            next_burst: now,
        }
    }

    /// When the next packet is due, if any.
    pub(super) fn due(&self) -> Option<Instant> {
        let burst = Some(self.next_burst).filter(|_| !self.paced.is_empty());
        [self.audio_due, self.video_due, burst].into_iter().flatten().min()
    }

    /// Hands everything that is due to str0m. Returns whether there was anything.
    pub(super) fn send(&mut self, rtc: &mut Rtc, now: Instant, moment: Moment) -> bool {
        let mut packets = Vec::new();
        while advance(&mut self.audio_due, self.interval, now) {
            packets.push(self.sources[Stream::Audio.index()].audio(self.talking, self.interval, moment));
        }
        packets.extend(self.burst(now, moment));
        for packet in &packets {
            self.write(rtc, packet, now);
        }
        !packets.is_empty()
    }

    /// The video that may leave now, behind what was made before. Who comes late catches up.
    fn burst(&mut self, now: Instant, moment: Moment) -> Vec<Packet> {
        if self.paced.is_empty() {
            self.next_burst = self.next_burst.max(now);
        }
        while advance(&mut self.video_due, self.frame_interval, now) {
            for stream in self.layers {
                self.paced.extend(self.sources[stream.index()].frame(self.frame_interval, moment));
            }
        }
        let mut packets = Vec::new();
        while self.next_burst <= now && !self.paced.is_empty() {
            self.next_burst += between_bursts(self.frame_interval);
            let count = self.paced.len().min(source::picture(self.layers));
            packets.extend(self.paced.drain(..count));
        }
        packets.iter_mut().for_each(|packet| packet.stamp(moment.at));
        packets
    }

    fn write(&self, rtc: &mut Rtc, packet: &Packet, now: Instant) {
        let mut values = ExtensionValues::default();
        let payload_type = match packet.extension {
            Extension::Level(level) => {
                values.voice_activity = Some(level & 0x80 != 0);
                values.audio_level = Some(-((level & 0x7f) as i8));
                OPUS
            }
            Extension::Frame(descriptor) => {
                values.user_values.set(descriptor);
                VP8
            }
        };
        let (sequence, payload) = (packet.sequence.into(), packet.payload.as_slice());
        let write = RtpWrite::new(payload_type.into(), sequence, packet.timestamp, now, payload)
            .marker(packet.end_of_frame)
            .ext_vals(values);
        let ssrc = self.ssrcs[packet.stream.index()].into();
        if let Some(stream) = rtc.direct_api().stream_tx(&ssrc) {
            stream.write_rtp(write);
        }
    }

    /// The next picture of a layer will be a key frame.
    pub(super) fn request_key_frame(&mut self, layer: Option<&str>) {
        let stream = if layer == Some("h") { Stream::High } else { Stream::Low };
        self.sources[stream.index()].request_key_frame();
    }

    /// Packets sent in the measuring window, by [`Stream::index`].
    pub(super) fn measured(&self) -> [u64; 3] {
        self.sources.each_ref().map(|source| source.measured)
    }
}

/// Time until the leg's place in an interval comes, `running` after the begin of the run. However many legs
/// there are, and whenever they join, their places are spread over the whole interval, as multiples of the golden
/// ratio are: what all of them send would else come in bursts that say nothing about the server.
fn until_turn(leg: LegId, interval: Duration, running: Duration) -> Duration {
    let number = u32::from(leg.index) + u32::from(leg.conference);
    let place = interval.mul_f64(f64::from(number.wrapping_mul(0x9e37_79b9)) / f64::from(u32::MAX));
    let elapsed = Duration::from_nanos((running.as_nanos() % interval.as_nanos()) as u64);
    if place < elapsed { place + interval - elapsed } else { place - elapsed }
}

/// Moves an instant that has come by one interval.
fn advance(due: &mut Option<Instant>, interval: Duration, now: Instant) -> bool {
    let Some(due) = due.as_mut().filter(|due| **due <= now) else { return false };
    if now.duration_since(*due) > LATEST {
        *due = now;
    }
    *due += interval;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(40);

    #[test]
    fn what_is_due_is_due_once_and_what_is_too_late_is_skipped() {
        let start = Instant::now();
        let count = |due: Instant, now: Instant| {
            let mut due = Some(due);
            std::iter::from_fn(|| advance(&mut due, INTERVAL, now).then_some(())).count()
        };
        assert_eq!(count(start, start), 1);
        assert_eq!(count(start, start + INTERVAL * 4), 5);
        assert_eq!(count(start + INTERVAL, start), 0);
        assert_eq!(count(start, start + LATEST * 2), 1);
    }

    #[test]
    fn legs_have_places_all_over_the_interval_whenever_they_join() {
        let mut places: Vec<Duration> = (0..40)
            .map(|index| {
                let running = Duration::from_millis(u64::from(index) * 123);
                let turn = running + until_turn(LegId { conference: 0, index }, INTERVAL, running);
                Duration::from_nanos((turn.as_nanos() % INTERVAL.as_nanos()) as u64)
            })
            .collect();
        places.sort_unstable();
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] < INTERVAL / 20), "{places:?}");
        let moment = Duration::from_millis(130);
        let turn = until_turn(LegId { conference: 0, index: 0 }, INTERVAL, moment);
        assert_eq!(turn, Duration::from_millis(30));
    }

    #[test]
    fn a_key_frame_leaves_in_bursts_and_is_through_before_long() {
        let plan = Plan {
            legs: 2,
            talking: 0,
            silence: false,
            interval: INTERVAL,
            video: true,
            high: true,
            frame_interval: INTERVAL,
            circle: 2,
            watched: 1,
            named: false,
        };
        let start = Instant::now();
        let leg = LegId { conference: 0, index: 0 };
        let mut media = Media::new(1, leg, &plan, [1, 2, 3], start, Duration::ZERO);
        let bursts: Vec<usize> = (0..200)
            .map(Duration::from_millis)
            .map(|at| media.burst(start + at, Moment { measured: false, at }).len())
            .filter(|burst| *burst > 0)
            .collect();
        assert!(bursts.iter().all(|burst| *burst <= 6), "{bursts:?}");
        // Of five pictures the first takes 20 packets, the others 6.
        assert_eq!(bursts.iter().sum::<usize>(), 20 + 4 * 6);
    }
}
