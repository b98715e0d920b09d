//! Prometheus metrics: the original's six names (sft-protocol.md 3.9) and our own, from one snapshot; and the
//! probes of whoever runs the process.
//!
//! Holds no state: every scrape is rendered from what the engine says.

use std::sync::atomic::AtomicU64;

use hyper::{Method, Request, StatusCode};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::{
    engine::{
        Handle, Unavailable,
        snapshot::{KeystreamStatus, ServerStatus, Snapshot},
    },
    http::{Answer, error_page, open_metrics, text},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneKind {
    lane: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneReason {
    lane: &'static str,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonOnly {
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneOnly {
    lane: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeystreamOrigin {
    origin: &'static str,
}

/// Answers a request to the metrics listener: a scrape, or a probe.
pub async fn respond<B>(engine: Handle, request: Request<B>) -> Answer {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return error_page(StatusCode::BAD_REQUEST, "Bad request: only GET");
    }
    match request.uri().path() {
        "/metrics" => scrape(engine).await,
        "/healthz" => probe(engine.is_draining().await.map(|_| true)),
        "/readyz" => probe(engine.is_draining().await.map(|draining| !draining)),
        _ => error_page(StatusCode::BAD_REQUEST, "Bad request: metrics are at /metrics"),
    }
}

async fn scrape(engine: Handle) -> Answer {
    match engine.snapshot().await.map(|snapshot| render(&snapshot)) {
        Ok(Ok(text)) => open_metrics(text),
        _ => error_page(StatusCode::SERVICE_UNAVAILABLE, "Server stopping"),
    }
}

/// An engine that hangs gives no answer, and the probe fails for that.
fn probe(is_good: Result<bool, Unavailable>) -> Answer {
    match is_good {
        Ok(true) => text("ok\n".into()),
        Ok(false) => error_page(StatusCode::SERVICE_UNAVAILABLE, "Draining"),
        Err(Unavailable) => error_page(StatusCode::SERVICE_UNAVAILABLE, "Server stopping"),
    }
}

/// The text of one scrape.
///
/// # Errors
/// The encoder's; none is known for a `String`.
pub fn render(snapshot: &Snapshot) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("sft");
    register_original(&mut registry, &snapshot.server);
    register_refusals(&mut registry, &snapshot.server);
    register_lanes(&mut registry, &snapshot.server);
    let draining = u64::from(snapshot.server.draining);
    gauge(&mut registry, "draining", "1 while new conferences are refused", draining);
    gauge(&mut registry, "legs", "Legs, connecting ones included", snapshot.legs.len() as u64);
    if let Some(keystream) = &snapshot.server.keystream {
        register_keystream(&mut registry, keystream);
    }
    if let Some(ratio) = snapshot.server.fast_path_ratio {
        let metric = Gauge::<f64, AtomicU64>::default();
        metric.set(ratio);
        let help = "RTP packets finished in the kernel, of all that entered the media port";
        registry.register("fast_path_ratio", help, metric);
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn register_original(registry: &mut Registry, server: &ServerStatus) {
    let totals = &server.totals;
    gauge(registry, "uptime", "Seconds since start", server.uptime_seconds);
    gauge(registry, "participants", "Participants now", totals.participants);
    gauge(registry, "calls", "Conferences now", totals.calls);
    counter(registry, "participants", "Participants since start", totals.participants_since_start);
    counter(registry, "calls", "Conferences since start", totals.calls_since_start);
    let build = Family::<Build, Gauge>::default();
    build.get_or_create(&Build { version: server.version.clone() }).set(1);
    registry.register("build_info", "Version of this server", build);
}

fn register_refusals(registry: &mut Registry, server: &ServerStatus) {
    let refused = Family::<ReasonOnly, Counter>::default();
    for total in &server.refused_joins {
        refused.get_or_create(&ReasonOnly { reason: total.reason.clone() }).inc_by(total.count);
    }
    registry.register("joins_refused", "Joins and reconnections that were refused", refused);
}

fn register_lanes(registry: &mut Registry, server: &ServerStatus) {
    let copies = Family::<LaneKind, Counter>::default();
    let bytes = Family::<LaneKind, Counter>::default();
    let received = Family::<LaneOnly, Counter>::default();
    let drops = Family::<LaneReason, Counter>::default();
    for totals in &server.lanes {
        let lane = totals.lane.name();
        for (kind, number, size) in [
            ("audio", totals.audio_copies, totals.audio_bytes),
            ("video", totals.video_copies, totals.video_bytes),
        ] {
            copies.get_or_create(&LaneKind { lane, kind }).inc_by(number);
            bytes.get_or_create(&LaneKind { lane, kind }).inc_by(size);
        }
        received.get_or_create(&LaneOnly { lane }).inc_by(totals.rtp_received);
        for drop in &totals.drops {
            drops.get_or_create(&LaneReason { lane, reason: drop.reason.clone() }).inc_by(drop.count);
        }
    }
    registry.register("forwarded_copies", "Copies sent to receivers", copies);
    registry.register("forwarded_bytes", "UDP payload of those copies", bytes);
    registry.register("rtp_received", "RTP packets that entered the lane", received);
    registry.register("drops", "Packets and copies that ended without being sent", drops);
}

fn register_keystream(registry: &mut Registry, keystream: &KeystreamStatus) {
    let packets = Family::<KeystreamOrigin, Counter>::default();
    for (origin, number) in [("prepared", keystream.used), ("computed", keystream.computed)] {
        packets.get_or_create(&KeystreamOrigin { origin }).inc_by(number);
    }
    let help = "Packets opened and copies sealed in the kernel, by where their key stream came from";
    registry.register("keystream_packets", help, packets);
    let reading = &keystream.reading;
    gauge(registry, "keystream_bytes", "Memory for prepared key stream", reading.bytes);
    gauge(registry, "keystream_rings", "Streams that key stream is prepared for", reading.rings);
    counter(registry, "keystream_cpu_ns", "CPU time of preparing key stream", reading.cpu_ns);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let metric = Gauge::<u64, AtomicU64>::default();
    metric.set(value);
    registry.register(name, help, metric);
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let metric = Counter::<u64>::default();
    metric.inc_by(value);
    registry.register(name, help, metric);
}
