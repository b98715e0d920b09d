//! Reading answers (sft-protocol.md 5.2): strict in what is used, indifferent to the rest.

use std::collections::{HashMap, HashSet};

use sdp_types::{Media, Session};

use super::{Answer, Setup, candidate};

/// Longest answer that is read, in bytes; the original's clients stay below 32 KiB.
const LONGEST: usize = 64 * 1024;
/// M-lines of the largest offer: audio, video, data, 5 audio slots, 32 video slots.
const M_LINES: usize = 40;
/// Characters of the client's own texts that are kept, for logs.
const KEPT: usize = 100;

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    #[error("the answer is longer than {LONGEST} bytes")]
    TooLong,
    #[error("the answer is no SDP: {0}")]
    Syntax(String),
    #[error("the answer has more than {M_LINES} m-lines, which nobody offered")]
    TooManyLines,
    #[error("the answer's first m-line is not audio, or is rejected")]
    NoAudio,
    #[error("the answer's third m-line is not the data channel's, or is rejected")]
    NoData,
    #[error("the answer's audio m-line is not for RTP over DTLS-SRTP")]
    Protocol,
    #[error("the answer does not multiplex RTCP with RTP")]
    NoRtcpMux,
    #[error("the answer does not put all its m-lines into one BUNDLE group")]
    NotBundled,
    #[error("the answer has no usable {0}")]
    Missing(&'static str),
    #[error("the answer gives SSRC {0} to two m-lines")]
    SsrcReused(u32),
}

/// Reads an answer.
///
/// # Errors
/// What is missing or malformed. Attributes that are not used are not looked at.
pub fn parse_answer(text: &str) -> Result<Answer, AnswerError> {
    if text.len() > LONGEST {
        return Err(AnswerError::TooLong);
    }
    let session = Session::parse(text.as_bytes())
        .map_err(|error| AnswerError::Syntax(printable(&error.to_string())))?;
    if session.medias.len() > M_LINES {
        return Err(AnswerError::TooManyLines);
    }
    let audio = accepted(&session, 0, "audio").ok_or(AnswerError::NoAudio)?;
    let data = accepted(&session, 2, "application").ok_or(AnswerError::NoData)?;
    if audio.proto != "UDP/TLS/RTP/SAVPF" && audio.proto != "RTP/SAVPF" {
        return Err(AnswerError::Protocol);
    }
    if !has(audio, "rtcp-mux") {
        return Err(AnswerError::NoRtcpMux);
    }
    if !is_bundled(&session) {
        return Err(AnswerError::NotBundled);
    }
    check_ssrcs(&session)?;
    let video = session.medias.get(1).filter(|media| media.media == "video");
    let lines = Lines { session: &session, audio };
    Ok(Answer {
        ufrag: lines.word("ice-ufrag", 4..=256)?,
        password: lines.word("ice-pwd", 22..=256)?,
        fingerprint: lines.fingerprint()?,
        setup: lines.setup()?,
        candidates: candidate::usable(audio),
        ice_lite: has(audio, "ice-lite") || session.has_attribute("ice-lite"),
        audio_ssrc: first_ssrc(audio, "audio SSRC")?,
        video_ssrc: video.map(|video| first_ssrc(video, "video SSRC")).transpose()?.flatten(),
        max_message: values(&data.attributes, "max-message-size")
            .next()
            .and_then(|size| size.trim().parse().ok()),
        tool: values(&session.attributes, "tool").next().map(printable),
    })
}

/// The m-line at its place in the offer (RFC 3264 section 6), unless it is rejected.
fn accepted<'a>(session: &'a Session, place: usize, kind: &str) -> Option<&'a Media> {
    session.medias.get(place).filter(|media| media.media == kind && media.port != 0)
}

/// There is one transport only, so media outside the group would never arrive (RFC 9143 section 7.3).
fn is_bundled(session: &Session) -> bool {
    let groups = values(&session.attributes, "group");
    let mut bundles = groups.filter_map(|group| group.strip_prefix("BUNDLE "));
    bundles.any(|group| {
        let mids: HashSet<&str> = group.split_ascii_whitespace().collect();
        let mut used = session.medias.iter().filter(|media| media.port != 0);
        used.all(|media| values(&media.attributes, "mid").next().is_some_and(|mid| mids.contains(mid)))
    })
}

/// The attributes of the transport, which stand on the audio m-line or at session level.
struct Lines<'a> {
    session: &'a Session,
    audio: &'a Media,
}

impl<'a> Lines<'a> {
    fn all(&self, name: &'a str) -> impl Iterator<Item = &'a str> {
        values(&self.audio.attributes, name).chain(values(&self.session.attributes, name))
    }

    /// A word of ICE characters (RFC 8839 section 5.4).
    fn word(
        &self,
        name: &'static str,
        length: std::ops::RangeInclusive<usize>,
    ) -> Result<String, AnswerError> {
        let is_ice = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        self.all(name)
            .next()
            .filter(|word| length.contains(&word.len()) && word.bytes().all(is_ice))
            .map(ToOwned::to_owned)
            .ok_or(AnswerError::Missing(name))
    }

    /// Other hash functions may stand beside SHA-256 (RFC 8122 section 5).
    fn fingerprint(&self) -> Result<[u8; 32], AnswerError> {
        let named = self.all("fingerprint").filter_map(|value| value.split_once(' '));
        let mut digits = named.filter(|(function, _)| function.eq_ignore_ascii_case("sha-256"));
        let missing = AnswerError::Missing("SHA-256 fingerprint");
        digits.next().and_then(|(_, digits)| hash(digits.trim())).ok_or(missing)
    }

    /// `actpass` in an answer is against RFC 8842; the original then takes the client to be passive.
    fn setup(&self) -> Result<Setup, AnswerError> {
        match self.all("setup").next() {
            Some("active") => Ok(Setup::Active),
            Some("passive" | "actpass") => Ok(Setup::Passive),
            _ => Err(AnswerError::Missing("setup")),
        }
    }
}

/// 32 pairs of hexadecimal digits, separated by colons.
fn hash(digits: &str) -> Option<[u8; 32]> {
    let byte = |pair: &str| {
        let is_pair = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_pair.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    let bytes: Option<Vec<u8>> = digits.split(':').map(byte).collect();
    bytes?.try_into().ok()
}

/// The values of the attributes with this name.
pub(super) fn values<'a>(
    attributes: &'a [sdp_types::Attribute],
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    attributes.iter().filter(move |line| line.attribute == name).filter_map(|line| line.value.as_deref())
}

fn has(media: &Media, name: &str) -> bool {
    media.attributes.iter().any(|attribute| attribute.attribute == name)
}

/// A stream belongs to one m-line.
fn check_ssrcs(session: &Session) -> Result<(), AnswerError> {
    let mut owners = HashMap::new();
    for (place, media) in session.medias.iter().enumerate() {
        for ssrc in values(&media.attributes, "ssrc").filter_map(ssrc) {
            if *owners.entry(ssrc).or_insert(place) != place {
                return Err(AnswerError::SsrcReused(ssrc));
            }
        }
    }
    Ok(())
}

/// `None` if the m-line names no SSRC.
fn first_ssrc(media: &Media, name: &'static str) -> Result<Option<u32>, AnswerError> {
    let first = values(&media.attributes, "ssrc").next();
    first.map(|value| ssrc(value).ok_or(AnswerError::Missing(name))).transpose()
}

/// `<ssrc> <attribute>...` (RFC 5576 section 4.1). 0 stands for "none" elsewhere in the program.
fn ssrc(value: &str) -> Option<u32> {
    let word = value.split_ascii_whitespace().next()?;
    word.parse().ok().filter(|ssrc| *ssrc != 0 && word.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Text from the client, fit for a log.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(KEPT).collect()
}
