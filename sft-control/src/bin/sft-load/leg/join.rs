//! Joining: the two HTTP requests, and a WebRTC stack set up from the offer.

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use str0m::{
    Candidate, Rtc,
    change::SdpOffer,
    format::{Codec, FormatParams},
    media::{Frequency, MediaKind},
    rtp::{Extension, ExtensionMap},
};
use tokio::net::UdpSocket;

use super::LegError;
use crate::{
    answer::{Local, answer},
    checker::Announced,
    descriptor,
    dtls::Security,
    http::Endpoint,
    marker::{LegId, Stream},
    message::{Content, Message},
    offer::{AUDIO_MID, OPUS, Offer, Purpose, Slots, VIDEO_MID, VP8},
    run::Run,
    socket,
};

/// What the data channel can carry; a participant takes about 160 bytes of a list.
const LONGEST_MESSAGE: u32 = 256 * 1024;
/// What may wait on it: an answer to a list while the one before is on its way.
const BACKLOG: usize = 1024 * 1024;

/// A leg whose answer the server has.
pub(super) struct Joined {
    pub(super) rtc: Rtc,
    pub(super) socket: UdpSocket,
    /// Of the socket; the one candidate.
    pub(super) address: SocketAddr,
    pub(super) offer: Offer,
    /// SSRCs of our streams, by [`Stream::index`].
    pub(super) ssrcs: [u32; 3],
    /// When the first request was sent.
    pub(super) started: Instant,
}

pub(super) async fn join(run: &Run, leg: LegId) -> Result<Joined, LegError> {
    let started = Instant::now();
    let conference = run.conference(leg);
    let writer = conference.writer(leg.index);
    let reply = run.server.post(&conference.hash, writer.connect(run.slots)).await?;
    let (offer, server) = read_offer(&reply, &conference.hash, run.slots)?;
    let socket = socket::bind(run.bind).await?;
    let address = socket.local_addr()?;
    let ssrcs = distinct(&mut StdRng::from_os_rng());
    let mut rtc = set_up(&run.security, &offer, address, &ssrcs)?;
    let api = rtc.direct_api();
    let (credentials, fingerprint) = (api.local_ice_credentials(), api.local_dtls_fingerprint().to_string());
    let local = Local {
        ufrag: &credentials.ufrag,
        password: &credentials.pass,
        fingerprint: &fingerprint,
        address,
        audio_ssrc: ssrcs[Stream::Audio.index()],
    };
    let muted = !run.plan.is_talking(leg.index);
    let message = writer.answer(&answer(&offer, &local), muted, run.plan.video);
    let reply = server.post(&conference.hash, message).await?;
    match Message::parse(&reply)?.content {
        Content::Connection { status: 0 } => Ok(Joined { rtc, socket, address, offer, ssrcs, started }),
        Content::Connection { status } => Err(LegError::Refused(status)),
        content => Err(LegError::NoOffer(format!("{content:?}"))),
    }
}

/// The offer, and where to post the answer.
fn read_offer(reply: &[u8], conference: &str, slots: Slots) -> Result<(Offer, Endpoint), LegError> {
    let message = Message::parse(reply)?;
    let for_us = message.sessid.eq_ignore_ascii_case(conference) && !message.resp;
    match message.content {
        Content::Setup { sdp, url, props } if for_us && props.is_object() => {
            Ok((Offer::parse(&sdp, slots)?, url.parse()?))
        }
        Content::Connection { status } => Err(LegError::Refused(status)),
        content => Err(LegError::NoOffer(format!("{content:?}"))),
    }
}

fn distinct(random: &mut StdRng) -> [u32; 3] {
    loop {
        let ssrcs: [u32; 3] = random.random();
        let [a, b, c] = ssrcs;
        if a != b && b != c && a != c && !ssrcs.contains(&0) {
            return ssrcs;
        }
    }
}

/// The local address that leads to the server.
pub(crate) async fn local_address(server: &Endpoint) -> Result<IpAddr, LegError> {
    let server = server.resolve().await?;
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0u16; 8].into() };
    let probe = UdpSocket::bind((any, 0)).await?;
    probe.connect(server).await?;
    Ok(probe.local_addr()?.ip())
}

fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    map.set(1, Extension::AudioLevel);
    map.set(2, Extension::AbsoluteSendTime);
    map.set(3, Extension::TransportSequenceNumber);
    map.set(4, Extension::RtpStreamId);
    map.set(5, Extension::RepairedRtpStreamId);
    map.set(11, descriptor::extension());
    map
}

fn set_up(
    security: &Security,
    offer: &Offer,
    address: SocketAddr,
    ssrcs: &[u32; 3],
) -> Result<Rtc, LegError> {
    let mut config = Rtc::builder()
        .set_crypto_provider(security.provider())
        .set_rtp_mode(true)
        .clear_codecs()
        .set_extension_map(extensions())
        .set_sctp_max_message_size(LONGEST_MESSAGE)
        .set_sctp_max_buffered_amount(BACKLOG);
    let codecs = config.codec_config();
    let none = FormatParams::default;
    codecs.add_config(OPUS.into(), None, Codec::Opus, Frequency::FORTY_EIGHT_KHZ, Some(2), none());
    codecs.add_config(VP8.into(), None, Codec::Vp8, Frequency::NINETY_KHZ, None, none());
    let mut rtc = config.build(Instant::now());
    let unusable = |what: &'static str| move |error: String| LegError::Transport(what, error);
    rtc.add_local_candidate(candidate(address)?);
    for candidate in &offer.candidates {
        let candidate = Candidate::from_sdp_string(&format!("candidate:{candidate}"))
            .map_err(|error| unusable("a candidate of the offer")(error.to_string()))?;
        rtc.add_remote_candidate(candidate);
    }
    let transport = SdpOffer::from_sdp_string(&transport(offer))
        .map_err(|error| unusable("the transport of the offer")(error.to_string()))?;
    rtc.sdp_api().accept_offer(transport)?;
    declare_media(&mut rtc, offer, ssrcs);
    Ok(rtc)
}

/// The candidate of one of our sockets.
pub(super) fn candidate(address: SocketAddr) -> Result<Candidate, LegError> {
    Candidate::host(address, "udp").map_err(|error| LegError::Transport("our address", error.to_string()))
}

/// The offer's transport and data channel in the form in which str0m takes the length of messages, too. The
/// offerer controls, unless it is lite (RFC 8445 section 6.1.1); we are the DTLS client.
fn transport(offer: &Offer) -> String {
    let Offer { ufrag, password, fingerprint, max_message, .. } = offer;
    let lite = if offer.lite { "a=ice-lite\r\n" } else { "" };
    format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{lite}a=group:BUNDLE data\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:data\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:{fingerprint}\r\na=setup:passive\r\n\
         a=sctp-port:5000\r\na=max-message-size:{max_message}\r\n"
    )
}

/// Lets in the streams of another leg under their own names, on the lines of our own audio and video.
pub(super) fn expect_named(rtc: &mut Rtc, announced: Announced) {
    let mut api = rtc.direct_api();
    for (ssrc, mid) in [(announced.audio, AUDIO_MID), (announced.video, VIDEO_MID)] {
        api.expect_stream_rx(ssrc.into(), None, mid.into(), None).suppress_nack(true);
    }
}

fn declare_media(rtc: &mut Rtc, offer: &Offer, ssrcs: &[u32; 3]) {
    let mut api = rtc.direct_api();
    let ssrc = |stream: Stream| ssrcs[stream.index()].into();
    for line in &offer.lines {
        let mid = line.mid.as_str().into();
        match line.purpose {
            Purpose::Audio => {
                api.declare_media(mid, MediaKind::Audio);
                api.declare_stream_tx(ssrc(Stream::Audio), None, mid, None);
            }
            Purpose::Video => {
                api.declare_media(mid, MediaKind::Video);
                api.declare_stream_tx(ssrc(Stream::Low), None, mid, Some("l".into()));
                api.declare_stream_tx(ssrc(Stream::High), None, mid, Some("h".into()));
            }
            Purpose::Data => {}
            Purpose::AudioSlot(slot) | Purpose::VideoSlot(slot) => {
                let is_audio = matches!(line.purpose, Purpose::AudioSlot(_));
                api.declare_media(mid, if is_audio { MediaKind::Audio } else { MediaKind::Video });
                // A loss must be seen, not repaired.
                api.expect_stream_rx(slot.into(), None, mid, None).suppress_nack(true);
            }
        }
    }
}
