//! Reading messages. Unknown fields are ignored, and the order of fields means nothing.

use std::fmt;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::error::Category;
use zeroize::Zeroizing;

use super::{LONGEST_ID, Properties, VERSION, Version, is_id};

/// Properties of one participant at most, and the length of each key and value in bytes.
const PROPERTIES: usize = 32;
const PROPERTY: usize = 256;
/// Entries that a list may have.
const ENTRIES: usize = 4096;
/// Bytes of a token's username and of its credential.
const USERNAME: usize = 256;
const CREDENTIAL: usize = 128;
/// Bytes of a TURN server's URL.
const URL: usize = 256;

/// Why a text is no message. Repeats nothing of it, since a message may carry a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("no JSON: line {line}, column {column}")]
    Json { line: usize, column: usize },
    /// A field is missing, there twice, or of the wrong type.
    #[error("a field does not fit a message: line {line}, column {column}")]
    Field { line: usize, column: usize },
    #[error("version other than {VERSION}")]
    Version,
    #[error("unknown type")]
    Type,
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
    Streams(Selection),
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
    /// The server on which the conference was started, if it is another one (sft-protocol.md 13).
    pub anchor: Option<Anchor>,
    pub token: Option<Token>,
    /// TURN servers that we may use to be reached by the client.
    pub ice_servers: Vec<IceServer>,
}

/// A token as it was presented, not yet looked at (sft-protocol.md 3.7).
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub username: String,
    /// A secret of its holder.
    pub credential: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Where a conference is anchored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Public URL of that server; empty if only the address of its TURN allocation is known.
    pub url: String,
}

/// An entry of `ice_servers`.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    pub url: String,
    pub username: String,
    pub credential: Zeroizing<String>,
}

impl fmt::Debug for IceServer {
    /// Without the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.url)
    }
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

/// Whose video the sender wants to see (sft-protocol.md 9.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    List(Vec<StreamSelection>),
    /// Whoever speaks.
    Level,
}

impl Default for Selection {
    fn default() -> Self {
        Selection::List(Vec::new())
    }
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
    #[serde(default)]
    sft_url: String,
    #[serde(default)]
    sft_tuple: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    credential: String,
    ice_servers: Option<Vec<Entry<RawIceServer>>>,
    participants: Option<Vec<Entry<RawParticipant>>>,
    mode: Option<String>,
    streams: Option<Vec<Entry<RawStream>>>,
}

/// An entry of a list; one that lacks a field or has a wrong one is skipped.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry<T> {
    Good(T),
    Bad(IgnoredAny),
}

#[derive(Deserialize)]
struct RawIceServer {
    #[serde(alias = "url")]
    urls: Urls,
    #[serde(default)]
    username: String,
    #[serde(default)]
    credential: String,
}

/// Of several the first counts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Urls {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct RawParticipant {
    userid: String,
    clientid: String,
    authorized: bool,
    ssrc_audio: String,
    ssrc_video: String,
}

#[derive(Deserialize)]
struct RawStream {
    userid: String,
    quality: i64,
}

/// Reads a message.
///
/// # Errors
/// [`DecodeError`].
pub fn decode(text: &[u8]) -> Result<Message, DecodeError> {
    let mut raw: Raw = serde_json::from_slice(text).map_err(|error| fault(&error))?;
    if raw.version != VERSION {
        return Err(DecodeError::Version);
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
        "CONFCONN" => Body::Connect(connection_request(&mut raw)?),
        "CONFPART" => Body::Participants(participants(raw.participants.unwrap_or_default())?),
        "CONFSTREAMS" if raw.mode.as_deref() == Some("level") => Body::Streams(Selection::Level),
        "CONFSTREAMS" => {
            let missing = DecodeError::Missing { message: "CONFSTREAMS", field: "streams" };
            Body::Streams(Selection::List(streams(raw.streams.ok_or(missing)?)?))
        }
        "PROPSYNC" => {
            let missing = DecodeError::Missing { message: "PROPSYNC", field: "props" };
            Body::Properties(checked(raw.props.ok_or(missing)?)?)
        }
        "PING" => Body::Ping,
        "HANGUP" => Body::Hangup,
        "CANCEL" | "REJECT" | "GROUPSTART" | "GROUPLEAVE" | "GROUPCHECK" | "GROUPSETUP" | "CONFSTART"
        | "CONFCHECK" | "CONFEND" | "CONFKEY" | "ALERT" | "DEVPAIR_PUBLISH" | "DEVPAIR_ACCEPT" => Body::Other,
        _ => return Err(DecodeError::Type),
    };
    Ok(Message {
        session: raw.sessid,
        user: raw.src_userid,
        client: raw.src_clientid,
        response: raw.resp,
        body,
    })
}

fn fault(error: &serde_json::Error) -> DecodeError {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Data => DecodeError::Field { line, column },
        Category::Io | Category::Syntax | Category::Eof => DecodeError::Json { line, column },
    }
}

fn connection_request(raw: &mut Raw) -> Result<ConnectionRequest, DecodeError> {
    let version = raw.toolver.as_deref().filter(|text| !text.is_empty());
    Ok(ConnectionRequest {
        update: raw.update,
        tool: raw.tool.clone(),
        version: version.map(|text| {
            let Ok(version) = text.parse::<Version>();
            version
        }),
        selective_audio: raw.selective_audio,
        selective_video: raw.selective_video,
        video_streams: raw.vstreams.clamp(0, sft_common::maps::MAX_VIDEO_SLOTS as i64) as u32,
        anchor: (!raw.sft_url.is_empty() || !raw.sft_tuple.is_empty())
            .then(|| Anchor { url: raw.sft_url.clone() }),
        token: token(&raw.username, &raw.credential)?,
        ice_servers: good(raw.ice_servers.take().unwrap_or_default()).filter_map(ice_server).collect(),
    })
}

fn ice_server(raw: RawIceServer) -> Option<IceServer> {
    let url = match raw.urls {
        Urls::One(url) => url,
        Urls::Several(urls) => urls.into_iter().next()?,
    };
    let fits = url.len() <= URL && raw.username.len() <= USERNAME && raw.credential.len() <= CREDENTIAL;
    fits.then(|| IceServer { url, username: raw.username, credential: raw.credential.into() })
}

/// Half a token is one, too: a wrong one.
fn token(username: &str, credential: &str) -> Result<Option<Token>, DecodeError> {
    if username.len() > USERNAME || credential.len() > CREDENTIAL {
        return Err(DecodeError::Limit("a token"));
    }
    let is_there = !username.is_empty() || !credential.is_empty();
    Ok(is_there.then(|| Token { username: username.into(), credential: credential.into() }))
}

fn participants(entries: Vec<Entry<RawParticipant>>) -> Result<Vec<Participant>, DecodeError> {
    if entries.len() > ENTRIES {
        return Err(DecodeError::Limit("the participant list"));
    }
    let participant = |raw: RawParticipant| {
        Some(Participant {
            authorised: raw.authorized,
            audio_ssrc: number(&raw.ssrc_audio)?,
            video_ssrc: number(&raw.ssrc_video)?,
            user: Some(raw.userid).filter(|id| is_id(id))?,
            client: Some(raw.clientid).filter(|id| is_id(id))?,
        })
    };
    Ok(good(entries).filter_map(participant).collect())
}

fn streams(entries: Vec<Entry<RawStream>>) -> Result<Vec<StreamSelection>, DecodeError> {
    if entries.len() > ENTRIES {
        return Err(DecodeError::Limit("the stream list"));
    }
    let selection = |raw: RawStream| {
        let quality = match raw.quality {
            1 => Quality::Low,
            2 => Quality::High,
            _ => Quality::Any,
        };
        Some(StreamSelection { user: Some(raw.userid).filter(|id| is_id(id))?, quality })
    };
    Ok(good(entries).filter_map(selection).collect())
}

fn good<T>(entries: Vec<Entry<T>>) -> impl Iterator<Item = T> {
    entries.into_iter().filter_map(|entry| match entry {
        Entry::Good(good) => Some(good),
        Entry::Bad(IgnoredAny) => None,
    })
}

/// An SSRC as CONFPART writes it: decimal digits and nothing else.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Properties are stored and relayed to everybody, so their size is bounded.
fn checked(properties: Properties) -> Result<Properties, DecodeError> {
    let small = |text: &String| text.len() <= PROPERTY;
    let bounded =
        properties.len() <= PROPERTIES && properties.iter().all(|(key, value)| small(key) && small(value));
    if bounded { Ok(properties) } else { Err(DecodeError::Limit("the property list")) }
}
