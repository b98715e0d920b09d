//! Writing offers (sft-protocol.md 5.1). Clients match several lines as text: spelling and order are theirs.

use std::{
    fmt::{self, Write as _},
    net::{IpAddr, SocketAddr},
};

use sft_common::extension::id;

use super::{OfferSpec, TransportParameters};

/// Clients want a name and a version of at least 3 in the first two words (sft-protocol.md 15.5).
const TOOL: &str = concat!("sftd 5.0.999 (sft ", env!("CARGO_PKG_VERSION"), ")");
const OPUS: u8 = 111;
const VP8: u8 = 100;
/// As the original writes it; the address means nothing under ICE.
const SLOT_CONNECTION: &str = "c=IN IP4 127.0.0.1";
/// Priority of a host candidate of the highest preference (RFC 8445 section 5.1.2.1), minus its place in the
/// list times 256.
const PRIORITY: u32 = (126 << 24) | (65535 << 8) | 255;
/// Of a relayed one.
const RELAY_PRIORITY: u32 = (65535 << 8) | 255;

const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on";
const SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
const TRANSPORT_SEQUENCE: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
const FRAME_DESCRIPTOR: &str = "http://www.webrtc.org/experiments/rtp-hdrext/generic-frame-descriptor-00";

/// The offer. `session` names it in the `o=` line.
pub fn offer(spec: &OfferSpec, transport: &TransportParameters, session: u64) -> String {
    let mut text = String::with_capacity(16 * 1024);
    // Writing to a `String` cannot fail.
    let _ = write(&mut text, spec, transport, session);
    text
}

fn write(text: &mut String, spec: &OfferSpec, transport: &TransportParameters, session: u64) -> fmt::Result {
    let slots = spec.audio_slots.len() + spec.video_slots.len();
    let origin = origin(transport.candidates.first());
    let mids: String = (1..=slots).map(|mid| format!(" {mid}")).collect();
    line(text, format_args!("v=0"))?;
    line(text, format_args!("o=- {session} 1 {origin}"))?;
    line(text, format_args!("s=-"))?;
    line(text, format_args!("c={origin}"))?;
    line(text, format_args!("t=0 0"))?;
    line(text, format_args!("a=tool:{TOOL}"))?;
    line(text, format_args!("a=extmap-allow-mixed:true"))?;
    line(text, format_args!("a=ice-options:trickle"))?;
    line(text, format_args!("a=group:BUNDLE audio video data{mids}"))?;
    let section = Section { transport };
    section.audio(text)?;
    section.video(text, spec)?;
    section.data(text)?;
    for (place, ssrc) in spec.audio_slots.iter().enumerate() {
        section.audio_slot(text, place + 1, *ssrc)?;
    }
    for (place, ssrc) in spec.video_slots.iter().enumerate() {
        section.video_slot(text, spec.audio_slots.len() + place + 1, *ssrc)?;
    }
    Ok(())
}

fn line(text: &mut String, content: fmt::Arguments<'_>) -> fmt::Result {
    write!(text, "{content}\r\n")
}

fn extension(text: &mut String, id: u8, uri: &str) -> fmt::Result {
    line(text, format_args!("a=extmap:{id} {uri}"))
}

fn origin(address: Option<&SocketAddr>) -> String {
    match address.map(SocketAddr::ip) {
        Some(IpAddr::V6(address)) => format!("IN IP6 {address}"),
        Some(IpAddr::V4(address)) => format!("IN IP4 {address}"),
        None => "IN IP4 0.0.0.0".into(),
    }
}

/// Writes m-lines, all over one transport.
struct Section<'a> {
    transport: &'a TransportParameters,
}

impl Section<'_> {
    fn audio(&self, text: &mut String) -> fmt::Result {
        m_line(text, "audio", OPUS)?;
        opus(text)?;
        line(text, format_args!("a=rtcp:9"))?;
        line(text, format_args!("a=sendrecv"))?;
        line(text, format_args!("a=ptime:40"))?;
        line(text, format_args!("a=mid:audio"))?;
        extension(text, id::AUDIO_LEVEL, AUDIO_LEVEL)?;
        extension(text, id::ABSOLUTE_SEND_TIME, SEND_TIME)?;
        extension(text, id::TRANSPORT_SEQUENCE, TRANSPORT_SEQUENCE)?;
        line(text, format_args!("a=rtcp-fb:{OPUS} transport-cc"))?;
        line(text, format_args!("a=rtcp-mux"))?;
        self.common(text)?;
        for (place, address) in self.transport.candidates.iter().enumerate() {
            let priority = PRIORITY - 256 * place.min(65535) as u32;
            let (ip, port) = (address.ip(), address.port());
            line(text, format_args!("a=candidate:{} 1 UDP {priority} {ip} {port} typ host", place + 1))?;
        }
        if let Some(address) = self.transport.relayed {
            let (ip, port) = (address.ip(), address.port());
            // The base is nobody's business (RFC 8839 section 5.1).
            let base = if ip.is_ipv4() { "0.0.0.0" } else { "::" };
            line(
                text,
                format_args!(
                    "a=candidate:relay 1 UDP {RELAY_PRIORITY} {ip} {port} typ relay raddr {base} rport 0"
                ),
            )?;
        }
        Ok(())
    }

    fn video(&self, text: &mut String, spec: &OfferSpec) -> fmt::Result {
        let ssrc = spec.local_video_ssrc;
        m_line(text, "video", VP8)?;
        vp8(text)?;
        line(text, format_args!("a=rtcp:9"))?;
        line(text, format_args!("a=sendrecv"))?;
        line(text, format_args!("a=mid:video"))?;
        extension(text, id::ABSOLUTE_SEND_TIME, SEND_TIME)?;
        extension(text, id::TRANSPORT_SEQUENCE, TRANSPORT_SEQUENCE)?;
        extension(text, id::RID, RID)?;
        extension(text, id::REPAIRED_RID, REPAIRED_RID)?;
        extension(text, id::FRAME_DESCRIPTOR, FRAME_DESCRIPTOR)?;
        line(text, format_args!("a=rtcp-mux"))?;
        line(text, format_args!("a=rtcp-rsize"))?;
        self.common(text)?;
        line(text, format_args!("a=rtcp-fb:{VP8} transport-cc"))?;
        keyframe_feedback(text)?;
        let label = label(ssrc);
        line(text, format_args!("a=msid:{label} {label}"))?;
        stream(text, ssrc)?;
        if spec.simulcast {
            line(text, format_args!("a=rid:l recv"))?;
            line(text, format_args!("a=rid:h recv"))?;
            line(text, format_args!("a=simulcast:recv l;h"))?;
        }
        Ok(())
    }

    fn data(&self, text: &mut String) -> fmt::Result {
        line(text, format_args!("m=application 9 DTLS/SCTP 5000"))?;
        line(text, format_args!("a=sendrecv"))?;
        line(text, format_args!("a=mid:data"))?;
        self.common(text)?;
        line(text, format_args!("a=sctpmap:5000 webrtc-datachannel 16"))?;
        // Without it a browser sends 64 KiB at most (RFC 8841 section 6.1): fewer authorisations than a large
        // conference has legs.
        line(text, format_args!("a=max-message-size:{}", self.transport.max_message))
    }

    fn audio_slot(&self, text: &mut String, mid: usize, ssrc: u32) -> fmt::Result {
        m_line(text, "audio", OPUS)?;
        line(text, format_args!("{SLOT_CONNECTION}"))?;
        opus(text)?;
        line(text, format_args!("a=sendonly"))?;
        line(text, format_args!("a=mid:{mid}"))?;
        line(text, format_args!("a=rtcp-mux"))?;
        self.common(text)?;
        extension(text, id::AUDIO_LEVEL, AUDIO_LEVEL)?;
        extension(text, id::ABSOLUTE_SEND_TIME, SEND_TIME)?;
        stream(text, ssrc)
    }

    fn video_slot(&self, text: &mut String, mid: usize, ssrc: u32) -> fmt::Result {
        m_line(text, "video", VP8)?;
        line(text, format_args!("{SLOT_CONNECTION}"))?;
        vp8(text)?;
        line(text, format_args!("a=sendonly"))?;
        line(text, format_args!("a=mid:{mid}"))?;
        line(text, format_args!("a=rtcp-mux"))?;
        line(text, format_args!("a=rtcp-rsize"))?;
        self.common(text)?;
        extension(text, id::ABSOLUTE_SEND_TIME, SEND_TIME)?;
        extension(text, id::FRAME_DESCRIPTOR, FRAME_DESCRIPTOR)?;
        keyframe_feedback(text)?;
        stream(text, ssrc)
    }

    /// What every m-line repeats of the one transport.
    fn common(&self, text: &mut String) -> fmt::Result {
        let fingerprint: Vec<String> =
            self.transport.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        line(text, format_args!("a=ice-ufrag:{}", self.transport.ufrag))?;
        line(text, format_args!("a=ice-pwd:{}", self.transport.password))?;
        line(text, format_args!("a=fingerprint:sha-256 {}", fingerprint.join(":")))?;
        line(text, format_args!("a=setup:actpass"))
    }
}

/// Port 9 although bundled: 0 would reject the line.
fn m_line(text: &mut String, media: &str, payload_type: u8) -> fmt::Result {
    line(text, format_args!("m={media} 9 UDP/TLS/RTP/SAVPF {payload_type}"))
}

fn opus(text: &mut String) -> fmt::Result {
    line(text, format_args!("a=rtpmap:{OPUS} opus/48000/2"))?;
    line(text, format_args!("a=fmtp:{OPUS} stereo=0;sprop-stereo=0;useinbandfec=1;cbr=1"))
}

fn vp8(text: &mut String) -> fmt::Result {
    line(text, format_args!("a=rtpmap:{VP8} VP8/90000"))
}

/// Unlike the original we listen to receivers who ask for key frames.
fn keyframe_feedback(text: &mut String) -> fmt::Result {
    line(text, format_args!("a=rtcp-fb:{VP8} nack pli"))?;
    line(text, format_args!("a=rtcp-fb:{VP8} ccm fir"))
}

/// Clients find the track of an SSRC by the second word behind `msid:` (sft-protocol.md 5.1).
fn stream(text: &mut String, ssrc: u32) -> fmt::Result {
    let label = label(ssrc);
    line(text, format_args!("a=ssrc:{ssrc} cname:{label}"))?;
    line(text, format_args!("a=ssrc:{ssrc} msid:{label} {label}"))
}

/// The name of one of our streams, canonical (RFC 3550 section 6.5.1) and of its track: in the form of a UUID, and
/// unique within the offer because the SSRC is.
pub fn label(ssrc: u32) -> String {
    format!("{ssrc:08x}-0000-4000-8000-0000{ssrc:08x}")
}
