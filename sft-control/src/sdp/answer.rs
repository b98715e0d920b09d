//! Reading answers (sft-protocol.md 5.2): strict in what is used, indifferent to the rest.

use std::net::{IpAddr, SocketAddr};

use sdp_types::{Media, Session};

use super::{Answer, Setup};

/// Longest answer that is read, in bytes; the original's clients stay below 32 KiB.
const LONGEST: usize = 64 * 1024;
/// Candidates taken at most; str0m pairs no more than 100.
const CANDIDATES: usize = 50;

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("the answer is longer than {LONGEST} bytes")]
    TooLong,
    #[error("the answer is no SDP: {0}")]
    Syntax(String),
    #[error("the answer has no audio m-line, or rejects it")]
    NoAudio,
    #[error("the answer's audio m-line is not for RTP over DTLS-SRTP")]
    Protocol,
    #[error("the answer does not multiplex RTCP with RTP")]
    NoRtcpMux,
    #[error("the answer has no usable {0}")]
    Missing(&'static str),
}

/// Reads an answer.
///
/// # Errors
/// What is missing or malformed. Attributes that are not used are not looked at.
pub fn parse_answer(text: &str) -> Result<Answer, AnswerError> {
    if text.len() > LONGEST {
        return Err(AnswerError::TooLong);
    }
    let session = Session::parse(text.as_bytes()).map_err(|error| AnswerError::Syntax(error.to_string()))?;
    let audio = session.medias.iter().find(|media| media.media == "audio").ok_or(AnswerError::NoAudio)?;
    if audio.port == 0 {
        return Err(AnswerError::NoAudio);
    }
    if audio.proto != "UDP/TLS/RTP/SAVPF" && audio.proto != "RTP/SAVPF" {
        return Err(AnswerError::Protocol);
    }
    if !has(audio, "rtcp-mux") {
        return Err(AnswerError::NoRtcpMux);
    }
    let lines = Lines { session: &session, audio };
    Ok(Answer {
        ufrag: lines.word("ice-ufrag", 4..=256)?,
        password: lines.word("ice-pwd", 22..=256)?,
        fingerprint: lines.fingerprint()?,
        setup: lines.setup()?,
        candidates: candidates(audio),
        ice_lite: has(audio, "ice-lite") || session.has_attribute("ice-lite"),
        audio_ssrc: first_ssrc(audio),
        video_ssrc: session.medias.iter().find(|media| media.media == "video").and_then(first_ssrc),
        tool: session.get_first_attribute_value("tool").flatten().map(ToOwned::to_owned),
    })
}

/// The attributes of the transport, which stand on the audio m-line or at session level.
struct Lines<'a> {
    session: &'a Session,
    audio: &'a Media,
}

impl Lines<'_> {
    fn find(&self, name: &str) -> Option<&str> {
        let of_line = &self.audio.attributes;
        let named = of_line.iter().chain(&self.session.attributes).find(|line| line.attribute == name)?;
        named.value.as_deref()
    }

    /// A word of ICE characters (RFC 8839 section 5.4).
    fn word(
        &self,
        name: &'static str,
        length: std::ops::RangeInclusive<usize>,
    ) -> Result<String, AnswerError> {
        let is_ice = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        self.find(name)
            .filter(|word| length.contains(&word.len()) && word.bytes().all(is_ice))
            .map(ToOwned::to_owned)
            .ok_or(AnswerError::Missing(name))
    }

    fn fingerprint(&self) -> Result<[u8; 32], AnswerError> {
        let missing = AnswerError::Missing("SHA-256 fingerprint");
        let (function, digits) =
            self.find("fingerprint").and_then(|value| value.split_once(' ')).ok_or(missing.clone())?;
        if !function.eq_ignore_ascii_case("sha-256") {
            return Err(missing);
        }
        let byte = |pair: &str| (pair.len() == 2).then(|| u8::from_str_radix(pair, 16).ok()).flatten();
        let bytes: Option<Vec<u8>> = digits.trim().split(':').map(byte).collect();
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(missing)
    }

    /// `actpass` in an answer is against RFC 8842; the original then takes the client to be passive.
    fn setup(&self) -> Result<Setup, AnswerError> {
        match self.find("setup") {
            Some("active") => Ok(Setup::Active),
            Some("passive" | "actpass") => Ok(Setup::Passive),
            _ => Err(AnswerError::Missing("setup")),
        }
    }
}

fn has(media: &Media, name: &str) -> bool {
    media.attributes.iter().any(|attribute| attribute.attribute == name)
}

/// UDP candidates of component 1 with an IP address; host names (mDNS) are left out, since the client's own
/// checks teach the address.
fn candidates(audio: &Media) -> Vec<SocketAddr> {
    let values = audio.attributes.iter().filter(|attribute| attribute.attribute == "candidate");
    let found = values.filter_map(|attribute| candidate(attribute.value.as_deref()?));
    found.take(CANDIDATES).collect()
}

/// `<foundation> <component> <transport> <priority> <address> <port> typ <type> ...` (RFC 8839 section 5.1).
fn candidate(value: &str) -> Option<SocketAddr> {
    let mut words = value.split_ascii_whitespace();
    let _foundation = words.next()?;
    let component = words.next()?;
    let transport = words.next()?;
    let _priority = words.next()?;
    let address: IpAddr = words.next()?.parse().ok()?;
    let port: u16 = words.next()?.parse().ok()?;
    let usable = component == "1" && transport.eq_ignore_ascii_case("udp") && port != 0;
    (usable && !address.is_unspecified() && !address.is_multicast()).then_some(SocketAddr::new(address, port))
}

fn first_ssrc(media: &Media) -> Option<u32> {
    let line = media.attributes.iter().find(|attribute| attribute.attribute == "ssrc")?;
    line.value.as_deref()?.split_ascii_whitespace().next()?.parse().ok().filter(|ssrc| *ssrc != 0)
}
