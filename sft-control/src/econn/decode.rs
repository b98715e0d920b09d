//! Reading messages. Unknown fields are ignored, and the order of fields means nothing.

use serde::Deserialize;

use super::{LONGEST_ID, Properties, VERSION};

/// Properties of one participant at most, and the length of each key and value in bytes.
const PROPERTIES: usize = 32;
const PROPERTY: usize = 256;
/// Entries that a list may have.
const ENTRIES: usize = 4096;

/// Why a text is no message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("no JSON of a message: {0}")]
    Json(#[from] serde_json::Error),
    #[error("version {0:?} instead of {VERSION:?}")]
    Version(String),
    #[error("unknown type {0:?}")]
    Type(String),
    #[error("{message} without {field}")]
    Missing { message: &'static str, field: &'static str },
    #[error("{0} exceeds its limit")]
    Limit(&'static str),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub session: String,
    /// Hash of the sender's device. Claimed, not proved.
    pub user: String,
    pub client: String,
    pub response: bool,
    pub body: Body,
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// SETUP: offer or answer.
    Setup {
        sdp: String,
    },
    /// UPDATE: the same for a reconnection.
    Update {
        sdp: String,
    },
    /// CONFCONN.
    Connect(ConnectionRequest),
    /// CONFPART.
    Participants(Vec<Participant>),
    /// CONFSTREAMS.
    Streams(Vec<StreamSelection>),
    /// PROPSYNC.
    Properties(Properties),
    Ping,
    Hangup,
    /// A type that means nothing to a server.
    Other,
}

/// CONFCONN (sft-protocol.md 3.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionRequest {
    /// Reconnection of a leg.
    pub update: bool,
    pub tool: String,
    pub version: Option<Version>,
    pub selective_audio: bool,
    pub selective_video: bool,
    pub video_streams: u32,
}

/// `toolver`: parts that are missing are 0, `local` counts as 999.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub build: u32,
}

/// An entry of CONFPART that the sender authorises or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    pub user: String,
    pub client: String,
    pub authorised: bool,
    pub audio_ssrc: u32,
    pub video_ssrc: u32,
}

/// An entry of CONFSTREAMS; its place in the list is the video slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSelection {
    pub user: String,
    pub quality: Quality,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quality {
    #[default]
    Any,
    Low,
    High,
}

/// All fields of all types.
#[derive(Deserialize)]
struct Raw {
    version: String,
    #[serde(rename = "type")]
    kind: String,
    sessid: String,
    #[serde(default)]
    src_userid: String,
    #[serde(default)]
    src_clientid: String,
    resp: bool,
    sdp: Option<String>,
    props: Option<Properties>,
    #[serde(default)]
    update: bool,
    #[serde(default)]
    tool: String,
    toolver: Option<String>,
    #[serde(default)]
    selective_audio: bool,
    #[serde(default)]
    selective_video: bool,
    #[serde(default)]
    vstreams: i64,
    participants: Option<Vec<RawParticipant>>,
    streams: Option<Vec<RawStream>>,
}

/// An entry that lacks a field is skipped.
#[derive(Deserialize)]
struct RawParticipant {
    userid: Option<String>,
    clientid: Option<String>,
    authorized: Option<bool>,
    ssrc_audio: Option<String>,
    ssrc_video: Option<String>,
}

#[derive(Deserialize)]
struct RawStream {
    userid: Option<String>,
    quality: Option<i64>,
}

/// Reads a message.
///
/// # Errors
/// [`DecodeError`]; the error names no content of the message beyond its version and type.
pub fn decode(text: &[u8]) -> Result<Message, DecodeError> {
    let raw: Raw = serde_json::from_slice(text)?;
    if !raw.version.eq_ignore_ascii_case(VERSION) {
        return Err(DecodeError::Version(cut(raw.version)));
    }
    let too_long = [&raw.sessid, &raw.src_userid, &raw.src_clientid].iter().any(|id| id.len() > LONGEST_ID);
    if too_long {
        return Err(DecodeError::Limit("an identifier"));
    }
    let kind = raw.kind.to_ascii_uppercase();
    let sdp = |message| raw.sdp.clone().ok_or(DecodeError::Missing { message, field: "sdp" });
    let body = match kind.as_str() {
        "SETUP" => Body::Setup { sdp: sdp("SETUP")? },
        "UPDATE" => Body::Update { sdp: sdp("UPDATE")? },
        "CONFCONN" => Body::Connect(connection_request(&raw)),
        "CONFPART" => Body::Participants(participants(raw.participants.unwrap_or_default())?),
        "CONFSTREAMS" => {
            let missing = DecodeError::Missing { message: "CONFSTREAMS", field: "streams" };
            Body::Streams(streams(raw.streams.ok_or(missing)?)?)
        }
        "PROPSYNC" => {
            let missing = DecodeError::Missing { message: "PROPSYNC", field: "props" };
            Body::Properties(checked(raw.props.ok_or(missing)?)?)
        }
        "PING" => Body::Ping,
        "HANGUP" => Body::Hangup,
        "CANCEL" | "REJECT" | "GROUPSTART" | "GROUPLEAVE" | "GROUPCHECK" | "GROUPSETUP" | "CONFSTART"
        | "CONFCHECK" | "CONFEND" | "CONFKEY" | "ALERT" | "DEVPAIR_PUBLISH" | "DEVPAIR_ACCEPT" => Body::Other,
        _ => return Err(DecodeError::Type(cut(kind))),
    };
    Ok(Message {
        session: raw.sessid,
        user: raw.src_userid,
        client: raw.src_clientid,
        response: raw.resp,
        body,
    })
}

/// For an error text.
fn cut(text: String) -> String {
    text.chars().take(20).collect()
}

fn connection_request(raw: &Raw) -> ConnectionRequest {
    ConnectionRequest {
        update: raw.update,
        tool: raw.tool.clone(),
        version: raw.toolver.as_deref().filter(|text| !text.is_empty()).map(version),
        selective_audio: raw.selective_audio,
        selective_video: raw.selective_video,
        video_streams: raw.vstreams.clamp(0, sft_common::maps::MAX_VIDEO_SLOTS as i64) as u32,
    }
}

fn version(text: &str) -> Version {
    let mut parts = text.split('.').map(|part| if part == "local" { 999 } else { part.parse().unwrap_or(0) });
    let mut next = || parts.next().unwrap_or(0);
    Version { major: next(), minor: next(), build: next() }
}

fn participants(raw: Vec<RawParticipant>) -> Result<Vec<Participant>, DecodeError> {
    if raw.len() > ENTRIES {
        return Err(DecodeError::Limit("the participant list"));
    }
    let entry = |raw: RawParticipant| {
        Some(Participant {
            user: raw.userid?,
            client: raw.clientid?,
            authorised: raw.authorized?,
            audio_ssrc: raw.ssrc_audio?.parse().ok()?,
            video_ssrc: raw.ssrc_video?.parse().ok()?,
        })
    };
    Ok(raw.into_iter().filter_map(entry).collect())
}

fn streams(raw: Vec<RawStream>) -> Result<Vec<StreamSelection>, DecodeError> {
    if raw.len() > ENTRIES {
        return Err(DecodeError::Limit("the stream list"));
    }
    let entry = |raw: RawStream| {
        let quality = match raw.quality? {
            1 => Quality::Low,
            2 => Quality::High,
            _ => Quality::Any,
        };
        Some(StreamSelection { user: raw.userid?, quality })
    };
    Ok(raw.into_iter().filter_map(entry).collect())
}

/// Properties are stored and relayed to everybody, so their size is bounded.
fn checked(properties: Properties) -> Result<Properties, DecodeError> {
    let small = |text: &String| text.len() <= PROPERTY;
    let bounded =
        properties.len() <= PROPERTIES && properties.iter().all(|(key, value)| small(key) && small(value));
    if bounded { Ok(properties) } else { Err(DecodeError::Limit("the property list")) }
}
