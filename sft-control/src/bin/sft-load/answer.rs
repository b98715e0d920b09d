//! Writes the answer as a stock client's library does (sft-protocol.md 5.2): one transport, candidates on the
//! first m-line, no SSRC on the video line.

use std::{
    fmt::{self, Write as _},
    net::SocketAddr,
};

use crate::offer::{OPUS, Offer, Purpose, VP8};

const AUDIO_LEVEL: (u8, &str) = (1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level");
const SEND_TIME: (u8, &str) = (2, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time");
const TRANSPORT_SEQUENCE: (u8, &str) =
    (3, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01");
const RID: (u8, &str) = (4, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id");
const REPAIRED_RID: (u8, &str) = (5, "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id");
const FRAME_DESCRIPTOR: (u8, &str) =
    (11, "http://www.webrtc.org/experiments/rtp-hdrext/generic-frame-descriptor-00");

/// The client's side of the transport.
pub(crate) struct Local<'a> {
    pub(crate) ufrag: &'a str,
    pub(crate) password: &'a str,
    /// Hash function and digits.
    pub(crate) fingerprint: &'a str,
    /// Our one host candidate.
    pub(crate) address: SocketAddr,
    /// Our audio, which the server announces to the others.
    pub(crate) audio_ssrc: u32,
}

/// The answer to an offer, as DTLS client.
pub(crate) fn answer(offer: &Offer, local: &Local<'_>) -> String {
    let mut text = String::with_capacity(16 * 1024);
    // Writing to a `String` cannot fail.
    let _ = write(&mut text, offer, local);
    text
}

fn write(text: &mut String, offer: &Offer, local: &Local<'_>) -> fmt::Result {
    let family = if local.address.is_ipv4() { "IP4" } else { "IP6" };
    let connection = format!("IN {family} {}", local.address.ip());
    let mids: String = offer.lines.iter().map(|line| format!(" {}", line.mid)).collect();
    for line in [
        "v=0",
        &format!("o=- {} 1 {connection}", local.audio_ssrc),
        "s=-",
        &format!("c={connection}"),
        "t=0 0",
        &format!("a=group:BUNDLE{mids}"),
        "a=extmap-allow-mixed",
        concat!("a=tool:sft-load ", env!("CARGO_PKG_VERSION")),
    ] {
        put(text, format_args!("{line}"))?;
    }
    for line in &offer.lines {
        match line.purpose {
            Purpose::Audio => audio(text, local)?,
            Purpose::Video => video(text)?,
            Purpose::Data => data(text, &line.protocol, &line.format)?,
            Purpose::AudioSlot(_) => {
                rtp(text, "audio 9", OPUS, "opus/48000/2", "recvonly")?;
                extensions(text, &[AUDIO_LEVEL, SEND_TIME])?;
            }
            Purpose::VideoSlot(_) => {
                rtp(text, "video 9", VP8, "VP8/90000", "recvonly")?;
                extensions(text, &[SEND_TIME, FRAME_DESCRIPTOR])?;
            }
        }
        put(text, format_args!("a=mid:{}", line.mid))?;
        transport(text, local)?;
    }
    Ok(())
}

fn put(text: &mut String, content: fmt::Arguments<'_>) -> fmt::Result {
    write!(text, "{content}\r\n")
}

fn audio(text: &mut String, local: &Local<'_>) -> fmt::Result {
    let (ip, port) = (local.address.ip(), local.address.port());
    rtp(text, &format!("audio {port}"), OPUS, "opus/48000/2", "sendrecv")?;
    put(text, format_args!("a=fmtp:{OPUS} cbr=1;minptime=10;usedtx=1;useinbandfec=1"))?;
    // The priority of the one host candidate (RFC 8445 section 5.1.2.1).
    put(text, format_args!("a=candidate:1 1 udp 2130706431 {ip} {port} typ host"))?;
    extensions(text, &[AUDIO_LEVEL, SEND_TIME, TRANSPORT_SEQUENCE])?;
    put(text, format_args!("a=rtcp-fb:{OPUS} transport-cc"))?;
    put(text, format_args!("a=ssrc:{} cname:sft-load", local.audio_ssrc))
}

fn video(text: &mut String) -> fmt::Result {
    rtp(text, "video 9", VP8, "VP8/90000", "sendrecv")?;
    extensions(text, &[SEND_TIME, TRANSPORT_SEQUENCE, RID, REPAIRED_RID, FRAME_DESCRIPTOR])?;
    put(text, format_args!("a=rtcp-rsize"))?;
    put(text, format_args!("a=rtcp-fb:{VP8} transport-cc"))?;
    for line in ["rid:l send", "rid:h send", "simulcast:send l;h"] {
        put(text, format_args!("a={line}"))?;
    }
    Ok(())
}

fn data(text: &mut String, protocol: &str, format: &str) -> fmt::Result {
    put(text, format_args!("m=application 9 {protocol} {format}"))?;
    let port = if protocol == "DTLS/SCTP" { "sctpmap:5000 webrtc-datachannel 16" } else { "sctp-port:5000" };
    put(text, format_args!("a={port}"))
}

fn rtp(text: &mut String, line: &str, payload_type: u8, codec: &str, direction: &str) -> fmt::Result {
    put(text, format_args!("m={line} UDP/TLS/RTP/SAVPF {payload_type}"))?;
    put(text, format_args!("a=rtpmap:{payload_type} {codec}"))?;
    put(text, format_args!("a={direction}"))?;
    put(text, format_args!("a=rtcp-mux"))
}

fn extensions(text: &mut String, extensions: &[(u8, &str)]) -> fmt::Result {
    for (id, uri) in extensions {
        put(text, format_args!("a=extmap:{id} {uri}"))?;
    }
    Ok(())
}

fn transport(text: &mut String, local: &Local<'_>) -> fmt::Result {
    put(text, format_args!("a=ice-ufrag:{}", local.ufrag))?;
    put(text, format_args!("a=ice-pwd:{}", local.password))?;
    put(text, format_args!("a=fingerprint:{}", local.fingerprint))?;
    put(text, format_args!("a=setup:active"))
}

#[cfg(test)]
mod tests {
    use sdp_types::Session;

    use super::*;
    use crate::offer::tests::{ORIGINAL, ORIGINAL_SLOTS};

    fn local() -> Local<'static> {
        Local {
            ufrag: "abcd",
            password: "0123456789abcdef012345",
            fingerprint: "sha-256 AD:0C",
            address: "198.51.100.2:40000".parse().unwrap(),
            audio_ssrc: 77,
        }
    }

    fn session() -> Session {
        let offer = Offer::parse(ORIGINAL, ORIGINAL_SLOTS).unwrap();
        Session::parse(answer(&offer, &local()).as_bytes()).unwrap()
    }

    #[test]
    fn m_lines_are_those_of_the_offer_in_its_order() {
        let offer = Session::parse(ORIGINAL.as_bytes()).unwrap();
        let answer = session();
        let lines = |session: &Session| -> Vec<_> {
            let mid = |media: &sdp_types::Media| {
                media.get_first_attribute_value("mid").unwrap().unwrap().to_owned()
            };
            session.medias.iter().map(|m| (m.media.clone(), m.proto.clone(), m.fmt.clone(), mid(m))).collect()
        };
        assert_eq!(lines(&answer), lines(&offer));
    }

    #[test]
    fn the_audio_line_carries_transport_and_ssrc() {
        let session = session();
        let value = |name| session.medias[0].get_first_attribute_value(name).unwrap().unwrap();
        assert_eq!(value("ice-ufrag"), "abcd");
        assert_eq!(value("setup"), "active");
        assert_eq!(value("ssrc"), "77 cname:sft-load");
        assert_eq!(value("candidate"), "1 1 udp 2130706431 198.51.100.2 40000 typ host");
    }

    #[test]
    fn the_video_line_has_two_layers_and_no_ssrc() {
        let session = session();
        let video = &session.medias[1];
        assert!(video.attributes.iter().all(|attribute| attribute.attribute != "ssrc"));
        assert_eq!(video.get_first_attribute_value("simulcast"), Some(Some("send l;h")));
    }

    #[test]
    fn the_modern_spelling_of_the_data_channel_is_answered_alike() {
        let modern = ORIGINAL
            .replace("DTLS/SCTP 5000", "UDP/DTLS/SCTP webrtc-datachannel")
            .replace("sctpmap:5000 webrtc-datachannel 16", "sctp-port:5000");
        let text = answer(&Offer::parse(&modern, ORIGINAL_SLOTS).unwrap(), &local());
        assert!(text.contains("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n"));
    }

    #[test]
    fn the_server_reads_it() {
        let offer = Offer::parse(ORIGINAL, ORIGINAL_SLOTS).unwrap();
        let fingerprint = format!("sha-256 {}", ["AB"; 32].join(":"));
        let text = answer(&offer, &Local { fingerprint: &fingerprint, ..local() });
        let read = sft_control::sdp::parse_answer(&text).unwrap();
        assert_eq!(read.audio_ssrc, Some(77));
        assert_eq!(read.candidates, ["198.51.100.2:40000".parse().unwrap()]);
    }
}
