//! Reads an offer as stock clients depend on it (sft-protocol.md 5.1, 15.5, 20): what they would stumble over
//! is an error here.

use std::collections::HashSet;

use sdp_types::{Attribute, Media, Session};

/// Payload types that the protocol fixes (sft-protocol.md 10.1).
pub(crate) const OPUS: u8 = 111;
pub(crate) const VP8: u8 = 100;

/// Names of the m-lines for the client's own media.
pub(crate) const AUDIO_MID: &str = "audio";
pub(crate) const VIDEO_MID: &str = "video";

/// Audio slots of a selective client: as many as may speak at the same time.
pub(crate) const AUDIO_SLOTS: usize = 7;

/// How many slots a client asks for; of a kind without slots it gets each stream under the stream's own SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slots {
    pub(crate) audio: usize,
    pub(crate) video: usize,
}

impl Slots {
    /// Of a client that asks for none.
    pub(crate) const NONE: Slots = Slots { audio: 0, video: 0 };

    /// Of a selective client.
    pub(crate) fn with_video(video: usize) -> Slots {
        Slots { audio: AUDIO_SLOTS, video }
    }
}

/// What a stock client would not get over.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OfferError {
    #[error("the offer is no SDP: {0}")]
    Syntax(String),
    #[error("the offer has no {0}")]
    Missing(String),
    #[error("clients take the server for another kind: a=tool:{0}")]
    Tool(String),
    #[error("m-line {line} (mid {mid}) of the offer: {problem}")]
    Line { line: usize, mid: String, problem: String },
    #[error("the offer has {found} {kind} slots instead of {wanted}")]
    Slots { kind: &'static str, found: usize, wanted: usize },
    #[error("SSRC {0} is offered twice")]
    TwiceOffered(u32),
    #[error("the BUNDLE group is {0:?}, not all m-lines in order")]
    Bundle(String),
}

/// What an m-line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Both directions: the client's own audio.
    Audio,
    /// Both directions: the client's own video, in two layers.
    Video,
    Data,
    /// From the server: one audio slot.
    AudioSlot(u32),
    /// From the server: one video slot.
    VideoSlot(u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) purpose: Purpose,
    pub(crate) mid: String,
    pub(crate) protocol: String,
    /// Of the data channel: the port, or `webrtc-datachannel` in the modern spelling.
    pub(crate) format: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) ufrag: String,
    pub(crate) password: String,
    /// As in the attribute: hash function and digits.
    pub(crate) fingerprint: String,
    pub(crate) lite: bool,
    /// Values of the `candidate` attributes.
    pub(crate) candidates: Vec<String>,
    /// Longest data-channel message that the server takes, in bytes.
    pub(crate) max_message: u32,
    pub(crate) lines: Vec<Line>,
}

impl Offer {
    /// Reads an offer for a client that asked for these.
    pub(crate) fn parse(text: &str, slots: Slots) -> Result<Self, OfferError> {
        let session =
            Session::parse(text.as_bytes()).map_err(|error| OfferError::Syntax(error.to_string()))?;
        check_tool(find(&session.attributes, "tool")?)?;
        let lines = session
            .medias
            .iter()
            .enumerate()
            .map(|(place, media)| line(place, media))
            .collect::<Result<Vec<_>, _>>()?;
        let first = session.medias.first().ok_or_else(|| OfferError::Missing("m-line".into()))?;
        let transport = |name: &str| {
            find(&first.attributes, name).or_else(|_| find(&session.attributes, name)).map(str::to_owned)
        };
        let lite = session.has_attribute("ice-lite") || has(first, "ice-lite");
        let candidates = values(&first.attributes, "candidate").map(str::to_owned).collect();
        let offer = Offer {
            ufrag: transport("ice-ufrag")?,
            password: transport("ice-pwd")?,
            fingerprint: transport("fingerprint")?,
            lite,
            candidates,
            max_message: max_message(&session)?,
            lines,
        };
        offer.check_bundle(find(&session.attributes, "group")?)?;
        offer.check_slots(slots)?;
        Ok(offer)
    }

    /// SSRCs of the audio slots, in order.
    pub(crate) fn audio_slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.lines.iter().filter_map(|line| match line.purpose {
            Purpose::AudioSlot(ssrc) => Some(ssrc),
            _ => None,
        })
    }

    /// SSRCs of the video slots, in order.
    pub(crate) fn video_slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.lines.iter().filter_map(|line| match line.purpose {
            Purpose::VideoSlot(ssrc) => Some(ssrc),
            _ => None,
        })
    }

    fn check_bundle(&self, group: &str) -> Result<(), OfferError> {
        let mids = self.lines.iter().map(|line| line.mid.as_str());
        if group.split(' ').eq(std::iter::once("BUNDLE").chain(mids)) {
            Ok(())
        } else {
            Err(OfferError::Bundle(group.into()))
        }
    }

    fn check_slots(&self, slots: Slots) -> Result<(), OfferError> {
        for (kind, found, wanted) in [
            ("audio", self.audio_slots().count(), slots.audio),
            ("video", self.video_slots().count(), slots.video),
        ] {
            if found != wanted {
                return Err(OfferError::Slots { kind, found, wanted });
            }
        }
        let mut seen = HashSet::new();
        let twice = self.audio_slots().chain(self.video_slots()).find(|ssrc| !seen.insert(*ssrc));
        twice.map_or(Ok(()), |ssrc| Err(OfferError::TwiceOffered(ssrc)))
    }
}

/// 64 KiB unless the offer says otherwise, as in browsers (RFC 8841 section 6.1).
fn max_message(session: &Session) -> Result<u32, OfferError> {
    let attributes = session.medias.iter().flat_map(|media| values(&media.attributes, "max-message-size"));
    let size = attributes.map(str::parse).next().unwrap_or(Ok(64 * 1024));
    size.map_err(|_| OfferError::Missing("a=max-message-size that is a number".into()))
}

/// `sftd`, then a version of at least 3 that is not exactly 4.1.
fn check_tool(tool: &str) -> Result<(), OfferError> {
    let mut words = tool.split(' ');
    let name = words.next().unwrap_or_default();
    let version = words.next().unwrap_or_default();
    let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
    let known = name == "sftd"
        && major.is_some_and(|major| major >= 3)
        && version != "4.1"
        && !version.starts_with("4.1.");
    if known { Ok(()) } else { Err(OfferError::Tool(tool.into())) }
}

fn values<'a>(attributes: &'a [Attribute], name: &str) -> impl Iterator<Item = &'a str> {
    let named = attributes.iter().filter(move |attribute| attribute.attribute == name);
    named.filter_map(|attribute| attribute.value.as_deref())
}

fn find<'a>(attributes: &'a [Attribute], name: &str) -> Result<&'a str, OfferError> {
    attributes
        .iter()
        .find(|attribute| attribute.attribute == name)
        .and_then(|attribute| attribute.value.as_deref())
        .ok_or_else(|| OfferError::Missing(format!("a={name}")))
}

fn has(media: &Media, name: &str) -> bool {
    media.attributes.iter().any(|attribute| attribute.attribute == name)
}

fn line(place: usize, media: &Media) -> Result<Line, OfferError> {
    let mid = find(&media.attributes, "mid")?.to_owned();
    let line = LineReader { media };
    let purpose = match place {
        0 => line.audio(&mid),
        1 => line.video(&mid),
        2 => line.data(&mid),
        _ => line.slot(place, &mid),
    };
    let purpose =
        purpose.map_err(|problem| OfferError::Line { line: place + 1, mid: mid.clone(), problem })?;
    Ok(Line { purpose, mid, protocol: media.proto.clone(), format: media.fmt.clone() })
}

struct LineReader<'a> {
    media: &'a Media,
}

impl LineReader<'_> {
    fn audio(&self, mid: &str) -> Result<Purpose, String> {
        self.require(mid == AUDIO_MID, "is not named audio")?;
        self.media("audio", OPUS, "opus/48000/2")?;
        self.has_all(&["sendrecv"])?;
        self.extensions(&[(1, "audio-level"), (2, "abs-send-time"), (3, "transport-wide-cc")])?;
        Ok(Purpose::Audio)
    }

    fn video(&self, mid: &str) -> Result<Purpose, String> {
        self.require(mid == VIDEO_MID, "is not named video")?;
        self.media("video", VP8, "VP8/90000")?;
        self.has_all(&["sendrecv", "rid:l recv", "rid:h recv", "simulcast:recv l;h"])?;
        self.extensions(&[
            (2, "abs-send-time"),
            (3, "transport-wide-cc"),
            (4, "sdes:rtp-stream-id"),
            (11, "generic-frame-descriptor-00"),
        ])?;
        Ok(Purpose::Video)
    }

    fn data(&self, mid: &str) -> Result<Purpose, String> {
        self.require(mid == "data", "is not named data")?;
        self.require(self.media.media == "application", "is not for data channels")?;
        let old = self.media.proto == "DTLS/SCTP" && self.media.fmt == "5000";
        let modern = self.media.proto == "UDP/DTLS/SCTP" && self.media.fmt == "webrtc-datachannel";
        self.require(old || modern, "has neither spelling of SCTP over DTLS")?;
        let port = if old { "sctpmap:5000 webrtc-datachannel 16" } else { "sctp-port:5000" };
        self.has_all(&[port])?;
        Ok(Purpose::Data)
    }

    fn slot(&self, place: usize, mid: &str) -> Result<Purpose, String> {
        self.require(mid == (place - 2).to_string(), "does not continue the numbers of the slots")?;
        self.has_all(&["sendonly"])?;
        if self.media.media == "audio" {
            self.require(place < 3 + AUDIO_SLOTS, "is an audio slot behind video slots")?;
            self.media("audio", OPUS, "opus/48000/2")?;
            self.extensions(&[(1, "audio-level"), (2, "abs-send-time")])?;
            Ok(Purpose::AudioSlot(self.ssrc()?))
        } else {
            self.media("video", VP8, "VP8/90000")?;
            self.extensions(&[(2, "abs-send-time"), (11, "generic-frame-descriptor-00")])?;
            Ok(Purpose::VideoSlot(self.ssrc()?))
        }
    }

    fn require(&self, condition: bool, problem: &str) -> Result<(), String> {
        if condition { Ok(()) } else { Err(problem.into()) }
    }

    /// What all lines of RTP have.
    fn media(&self, kind: &str, payload_type: u8, codec: &str) -> Result<(), String> {
        let media = self.media;
        self.require(media.media == kind, "has the wrong media type")?;
        self.require(media.port != 0, "is rejected with port 0")?;
        self.require(media.proto == "UDP/TLS/RTP/SAVPF", "is not for RTP over DTLS-SRTP")?;
        let offered = media.fmt.split(' ').any(|format| format == payload_type.to_string());
        self.require(offered, "lacks the payload type")?;
        self.has_all(&["rtcp-mux", &format!("rtpmap:{payload_type} {codec}")])?;
        let actpass = values(&media.attributes, "setup").eq(["actpass"]);
        self.require(actpass, "does not leave the DTLS role to the client (a=setup:actpass)")
    }

    /// Clients match these lines as text.
    fn has_all(&self, lines: &[&str]) -> Result<(), String> {
        for line in lines {
            let (name, value) =
                line.split_once(':').map_or((*line, None), |(name, value)| (name, Some(value)));
            let is_it =
                |attribute: &Attribute| attribute.attribute == name && attribute.value.as_deref() == value;
            if !self.media.attributes.iter().any(is_it) {
                return Err(format!("lacks a={line}"));
            }
        }
        Ok(())
    }

    fn extensions(&self, wanted: &[(u8, &str)]) -> Result<(), String> {
        for (id, uri) in wanted {
            let is_it = |value: &str| {
                value
                    .split_once(' ')
                    .is_some_and(|(number, name)| number == id.to_string() && name.contains(uri))
            };
            if !values(&self.media.attributes, "extmap").any(is_it) {
                return Err(format!("does not map extension {id} to {uri}"));
            }
        }
        Ok(())
    }

    /// The SSRC of a slot. Clients find the track by the line `a=ssrc:N msid:A B`.
    fn ssrc(&self) -> Result<u32, String> {
        let track = |value: &str| -> Option<u32> {
            let (ssrc, label) = value.split_once(' ')?;
            let mut words = label.strip_prefix("msid:")?.split(' ');
            let complete = words.next().is_some() && words.next().is_some();
            if complete { ssrc.parse().ok() } else { None }
        };
        let mut found = values(&self.media.attributes, "ssrc").filter_map(track);
        found.next().ok_or_else(|| "lacks a=ssrc:N msid:A B".into())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An offer of the original server.
    pub(crate) const ORIGINAL: &str = include_str!("../../../tests/fixtures/sftd-offer.sdp");

    pub(crate) const ORIGINAL_SLOTS: Slots = Slots { audio: 5, video: 9 };

    fn changed(from: &str, to: &str) -> Result<Offer, OfferError> {
        assert!(ORIGINAL.contains(from), "{from}");
        Offer::parse(&ORIGINAL.replace(from, to), ORIGINAL_SLOTS)
    }

    #[test]
    fn the_offer_of_the_original_is_read() {
        let offer = Offer::parse(ORIGINAL, ORIGINAL_SLOTS).unwrap();
        assert_eq!(offer.ufrag, "He1qxZUuPxfsxiv");
        assert_eq!(offer.candidates, ["c6336401 1 UDP 2114126591 198.51.100.1 35005 typ host"]);
        assert!(!offer.lite);
        assert_eq!(
            offer.audio_slots().collect::<Vec<_>>(),
            [3_074_360_092, 1_682_083_814, 4_004_563_408, 3_536_756_072, 1_555_628_536]
        );
        assert_eq!(offer.video_slots().count(), 9);
        assert_eq!(offer.lines[5].mid, "3");
        assert_eq!(offer.lines[5].purpose, Purpose::AudioSlot(4_004_563_408));
    }

    #[test]
    fn the_number_of_slots_is_checked() {
        let refused = |slots| Offer::parse(ORIGINAL, slots).unwrap_err();
        let error = OfferError::Slots { kind: "video", found: 9, wanted: 4 };
        assert_eq!(refused(Slots { video: 4, ..ORIGINAL_SLOTS }), error);
        let error = OfferError::Slots { kind: "audio", found: 5, wanted: 0 };
        assert_eq!(refused(Slots::NONE), error);
    }

    #[test]
    fn what_stock_clients_depend_on_is_required() {
        for (from, to) in [
            ("a=tool:sftd 5.0.local", "a=tool:sft 5.0.local"),
            ("a=tool:sftd 5.0.local", "a=tool:sftd 2.0.1"),
            ("BUNDLE audio video data 1", "BUNDLE audio video data"),
            ("a=mid:video", "a=mid:1"),
            ("a=simulcast:recv l;h", "a=simulcast:recv h;l"),
            ("a=rid:l recv\r\n", ""),
            ("a=setup:actpass", "a=setup:active"),
            ("a=extmap:11 http", "a=extmap:12 http"),
            ("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=audio 9 UDP/TLS/RTP/SAVPF 96"),
            ("m=video 9 ", "m=video 0 "),
            ("m=application 9 DTLS/SCTP 5000", "m=application 9 TCP/DTLS/SCTP 5000"),
            ("a=ssrc:761745260 msid", "a=ssrc:761745260 label"),
            ("a=ssrc:761745260", "a=ssrc:290227041"),
            ("a=ice-pwd:BwptpgD1uTXSIB9bOXeujSJgk3A74W3\r\n", ""),
        ] {
            assert!(changed(from, to).is_err(), "{from} changed to {to}");
        }
    }

    #[test]
    fn what_they_ignore_may_change() {
        changed("a=x-OFFER\r\n", "").unwrap();
        changed("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-fb:100 nack pli\r\n").unwrap();
        let lite = changed("a=x-OFFER\r\n", "a=ice-lite\r\n").unwrap();
        assert!(lite.lite);
    }
}
