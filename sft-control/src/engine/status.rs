//! Putting the snapshot together: names from the core, subscriptions from the table, numbers from the lanes.

use std::collections::HashMap;

use sft_common::maps::Kind;

use super::{
    Engine,
    snapshot::{
        CallStatus, DropTotal, KeystreamStatus, LaneTotals, LegStatus, RefusalTotal, ServerStatus,
        SlotStatus, Snapshot, SourceStatus, Totals,
    },
};
use crate::{
    core::{
        ConferenceView, LegView,
        table::{ConferenceTable, LegId, Media, Receiver, Source, Speakers, Subscription},
    },
    dataplane::{Counters, SlotReading, SourceReading, lanes::LaneName},
};

/// One conference, with everything its rows are made from, by what the rows look for: a row for each of a
/// thousand legs must not walk through all others.
struct Call<'a> {
    view: &'a ConferenceView,
    table: Table<'a>,
    speakers: Speakers,
    /// By leg and SSRC.
    sources: HashMap<(LegId, u32), SourceReading>,
    slots: HashMap<(LegId, u32), SlotReading>,
    /// User hashes.
    names: HashMap<LegId, &'a str>,
}

/// What a conference's table says.
#[derive(Default)]
struct Table<'a> {
    sources: usize,
    sent: HashMap<LegId, Vec<&'a Source>>,
    receivers: HashMap<LegId, &'a Receiver>,
    /// The newest subscription of each video slot, by receiver and slot. During a switch two sources stand in
    /// the slot; the one with the newer run is what it turns to.
    shown: HashMap<(LegId, usize), (&'a Source, &'a Subscription)>,
}

impl<'a> Table<'a> {
    fn of(table: &'a ConferenceTable) -> Self {
        let receivers = table.receivers.iter().map(|receiver| (receiver.leg, &**receiver)).collect();
        let mut found = Table { sources: table.sources.len(), receivers, ..Table::default() };
        for source in &table.sources {
            found.sent.entry(source.leg).or_default().push(source);
            if let Media::Video { .. } = source.media {
                source.subscribers.iter().for_each(|shown| found.show(source, shown));
            }
        }
        found
    }

    fn show(&mut self, source: &'a Source, subscription: &'a Subscription) {
        let slot = (subscription.receiver, usize::from(subscription.slot));
        let newest = self.shown.entry(slot).or_insert((source, subscription));
        if newest.1.run < subscription.run {
            *newest = (source, subscription);
        }
    }
}

impl Engine {
    pub(super) fn snapshot(&self) -> Snapshot {
        let views = self.core.conferences();
        let calls: Vec<Call<'_>> = views.iter().map(|view| self.call(view)).collect();
        Snapshot {
            server: self.server_status(),
            calls: calls.iter().map(|call| self.call_status(call)).collect(),
            legs: calls.iter().flat_map(|call| self.leg_statuses(call)).collect(),
        }
    }

    fn call<'a>(&'a self, view: &'a ConferenceView) -> Call<'a> {
        let sources = self.lanes.sources(view.conference).into_iter();
        let slots = self.lanes.slots(view.conference).into_iter();
        Call {
            view,
            table: self.lanes.table(view.conference).map(Table::of).unwrap_or_default(),
            speakers: self.lanes.speakers(view.conference),
            sources: sources.map(|reading| ((reading.leg, reading.ssrc), reading)).collect(),
            slots: slots.map(|reading| ((reading.receiver, reading.ssrc), reading)).collect(),
            names: view.legs.iter().map(|leg| (leg.leg, leg.user.as_str())).collect(),
        }
    }

    fn server_status(&self) -> ServerStatus {
        let counters = self.lanes.counters();
        let kernel = counters.kernel.as_ref().map(|counters| lane_totals(LaneName::Kernel, counters));
        let totals = self.core.totals();
        ServerStatus {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            uptime_seconds: self.started.elapsed().as_secs(),
            public_url: self.settings.core.public_url.clone(),
            media: self.settings.media.iter().map(ToString::to_string).collect(),
            dataplane: self.settings.mode.name().into(),
            lane: self.lanes.initial().clone(),
            pin_dir: self.lanes.kernel().map(|kernel| kernel.pin_dir().display().to_string()),
            draining: self.draining,
            totals: Totals {
                calls: totals.calls,
                participants: totals.participants,
                calls_since_start: totals.calls_total,
                participants_since_start: totals.participants_total,
            },
            refused_joins: self.refused_joins(),
            fast_path_ratio: fast_path_ratio(counters.kernel.as_ref(), &counters.user),
            keystream: self.keystream_status(counters.kernel.as_ref()),
            lanes: kernel.into_iter().chain([lane_totals(LaneName::User, &counters.user)]).collect(),
        }
    }

    fn refused_joins(&self) -> Vec<RefusalTotal> {
        let refusals = self.core.refusals();
        refusals.map(|(reason, count)| RefusalTotal { reason: reason.name().into(), count }).collect()
    }

    fn keystream_status(&self, kernel: Option<&Counters>) -> Option<KeystreamStatus> {
        Some(KeystreamStatus {
            reading: self.lanes.kernel()?.keystream(),
            used: kernel?.keystream_prepared,
            computed: kernel?.keystream_computed,
        })
    }

    fn call_status(&self, call: &Call<'_>) -> CallStatus {
        let conference = call.view.conference;
        CallStatus {
            call: conference,
            group: call.view.group.clone(),
            lane: self.lanes.status(conference).unwrap_or(self.lanes.initial()).clone(),
            legs: call.view.legs.len(),
            established: call.view.legs.iter().filter(|leg| leg.is_established()).count(),
            sources: call.table.sources,
            copies: call.slots.values().map(|slot| slot.packets).sum(),
            bytes: call.slots.values().map(|slot| slot.bytes).sum(),
        }
    }

    fn leg_statuses(&self, call: &Call<'_>) -> Vec<LegStatus> {
        let conference = call.view.conference;
        let status = |leg: &LegView| {
            let peer = self.peers.get(&leg.leg);
            LegStatus {
                leg: leg.leg,
                call: conference,
                group: call.view.group.clone(),
                user: leg.user.clone(),
                state: leg.state.into(),
                profile: peer.and_then(|peer| peer.media.as_ref()).map(|media| media.profile.into()),
                remote: peer.and_then(|peer| peer.selected).map(|pair| pair.remote.to_string()),
                round_trip_ms: peer.and_then(|peer| peer.round_trip).map(|time| time.as_secs_f64() * 1000.0),
                sends: call.sends(leg.leg),
                receives: call.receives(leg.leg),
            }
        };
        call.view.legs.iter().map(status).collect()
    }
}

impl Call<'_> {
    fn sends(&self, leg: LegId) -> Vec<SourceStatus> {
        self.table.sent.get(&leg).into_iter().flatten().map(|source| self.source(source)).collect()
    }

    fn source(&self, source: &Source) -> SourceStatus {
        let stats =
            self.sources.get(&(source.leg, source.ssrc)).map(|reading| reading.stats).unwrap_or_default();
        SourceStatus {
            kind: source.media.kind().name().into(),
            layer: match source.media {
                Media::Audio => None,
                Media::Video { layer } => Some(layer),
            },
            ssrc: source.ssrc,
            receivers: source.reaches().count(),
            packets: stats.packets,
            bytes: stats.bytes,
            level: matches!(source.media, Media::Audio).then_some(stats.level.min(127) as u8),
            keyframes: stats.keyframes,
        }
    }

    /// Slots that somebody is in or that have carried something.
    fn receives(&self, leg: LegId) -> Vec<SlotStatus> {
        let Some(receiver) = self.table.receivers.get(&leg) else { return Vec::new() };
        let audio =
            receiver.audio.iter().enumerate().map(|(slot, start)| self.audio_slot(leg, slot, start.ssrc));
        let video =
            receiver.video.iter().enumerate().map(|(slot, start)| self.video_slot(leg, slot, start.ssrc));
        let first = receiver.video.len();
        let named = receiver.named.iter().enumerate().map(|(place, (kind, start))| match kind {
            Kind::Audio => self.named_audio(leg, place, start.ssrc),
            Kind::Video => self.video_slot(leg, first + place, start.ssrc),
        });
        audio.chain(video).chain(named).filter(|slot| slot.from.is_some() || slot.packets > 0).collect()
    }

    /// A slot for one stream alone.
    fn named_audio(&self, leg: LegId, slot: usize, ssrc: u32) -> SlotStatus {
        let mut sources = self.table.sent.values().flatten();
        let source = sources.find(|source| source.csrc == ssrc).map(|source| source.leg);
        SlotStatus { from: self.name(source), ..self.slot(leg, "audio", slot, ssrc) }
    }

    fn audio_slot(&self, leg: LegId, slot: usize, ssrc: u32) -> SlotStatus {
        let holder = self.speakers.get(slot).copied().flatten().map(|speaker| speaker.leg);
        SlotStatus { from: self.name(holder), ..self.slot(leg, "audio", slot, ssrc) }
    }

    fn video_slot(&self, leg: LegId, slot: usize, ssrc: u32) -> SlotStatus {
        let newest = self.table.shown.get(&(leg, slot));
        let run = self.reading(leg, ssrc).map_or(0, |reading| reading.run);
        SlotStatus {
            from: self.name(newest.map(|(source, _)| source.leg)),
            layer: newest.and_then(|(source, _)| match source.media {
                Media::Audio => None,
                Media::Video { layer } => Some(layer),
            }),
            pending: newest.is_some_and(|(_, subscription)| subscription.run > run),
            ..self.slot(leg, "video", slot, ssrc)
        }
    }

    /// A slot with its numbers only.
    fn slot(&self, leg: LegId, kind: &str, slot: usize, ssrc: u32) -> SlotStatus {
        let reading = self.reading(leg, ssrc);
        SlotStatus {
            kind: kind.into(),
            slot,
            ssrc,
            from: None,
            layer: None,
            pending: false,
            packets: reading.map_or(0, |reading| reading.packets),
            bytes: reading.map_or(0, |reading| reading.bytes),
            dropped: reading.map_or(0, |reading| reading.dropped),
        }
    }

    fn reading(&self, leg: LegId, ssrc: u32) -> Option<&SlotReading> {
        self.slots.get(&(leg, ssrc))
    }

    fn name(&self, leg: Option<LegId>) -> Option<String> {
        leg.and_then(|leg| self.names.get(&leg)).map(|name| (*name).to_owned())
    }
}

fn lane_totals(lane: LaneName, counters: &Counters) -> LaneTotals {
    let drops = counters.drops.iter();
    LaneTotals {
        lane,
        audio_copies: counters.audio_copies,
        video_copies: counters.video_copies,
        audio_bytes: counters.audio_bytes,
        video_bytes: counters.video_bytes,
        rtp_received: counters.rtp_received,
        drops: drops
            .map(|(reason, count)| DropTotal { reason: reason.name().into(), count: *count })
            .collect(),
    }
}

/// What the kernel finished of all RTP that entered the media port. Without a kernel lane all of it is the
/// userspace lane's.
fn fast_path_ratio(kernel: Option<&Counters>, user: &Counters) -> Option<f64> {
    let (entered, finished) = match kernel {
        Some(kernel) => (kernel.rtp_received, kernel.rtp_received.saturating_sub(kernel.rtp_passed)),
        None => (user.rtp_received, 0),
    };
    (entered > 0).then(|| finished as f64 / entered as f64)
}
