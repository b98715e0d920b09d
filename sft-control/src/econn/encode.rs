//! Writing the messages that a server sends, with the fields in the original's order.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;

use super::{Properties, VERSION};

/// User and client by which the server is known.
const SERVER: (&str, &str) = ("sft", "_");

/// Who a message is for: session, and the client's hashes.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    pub session: &'a str,
    pub user: &'a str,
    pub client: &'a str,
}

/// An entry of the participant list (sft-protocol.md 9.2).
#[derive(Clone, Debug)]
pub struct ParticipantEntry<'a> {
    pub user: &'a str,
    pub client: &'a str,
    pub audio_ssrc: u32,
    pub video_ssrc: u32,
    /// Join index.
    pub index: u32,
    pub muted: bool,
}

#[derive(Serialize)]
struct Envelope<'a, T: Serialize> {
    version: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    sessid: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    src_userid: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    src_clientid: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    dest_userid: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    dest_clientid: &'a str,
    resp: bool,
    #[serde(flatten)]
    body: T,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Offer<'a> {
    sdp: &'a str,
    props: Properties,
    url: &'a str,
}

#[derive(Serialize)]
struct Connection {
    update: bool,
    tool: &'static str,
    toolver: &'static str,
    env: u32,
    status: u32,
    selective_audio: bool,
    selective_video: bool,
    vstreams: u32,
}

#[derive(Serialize)]
struct Roster<'a> {
    should_start: bool,
    timestamp: String,
    seqno: String,
    entropy: String,
    participants: Vec<RosterEntry<'a>>,
    sfts: [&'a str; 1],
}

#[derive(Serialize)]
struct RosterEntry<'a> {
    userid: &'a str,
    clientid: &'a str,
    authorized: bool,
    ssrc_audio: String,
    ssrc_video: String,
    timestamp: u32,
    muted: bool,
}

#[derive(Serialize)]
struct Props<'a> {
    props: &'a Properties,
}

/// Strings and numbers only: serialisation cannot fail.
fn text(message: &impl Serialize) -> String {
    serde_json::to_string(message).unwrap_or_default()
}

fn from_server<T: Serialize>(kind: &'static str, to: Address<'_>, response: bool, body: T) -> String {
    text(&Envelope {
        version: VERSION,
        kind,
        sessid: to.session,
        src_userid: SERVER.0,
        src_clientid: SERVER.1,
        dest_userid: to.user,
        dest_clientid: to.client,
        resp: response,
        body,
    })
}

/// Reply to CONFCONN: SETUP or, with `update`, UPDATE (sft-protocol.md 3.6).
pub fn offer_message(to: Address<'_>, update: bool, sdp: &str, url: &str) -> String {
    let kind = if update { "UPDATE" } else { "SETUP" };
    from_server(kind, to, false, Offer { sdp, props: server_properties(), url })
}

/// Reply to an answer: CONFCONN with status 0 (sft-protocol.md 3.6 b).
pub fn connection_reply(session: &str) -> String {
    connection(session, (SERVER.0, "sft"), true, 0)
}

/// Reply to CONFCONN of a client that may not join; `status` says why (sft-protocol.md 3.6 c).
pub fn connection_refusal(session: &str, status: u32) -> String {
    connection(session, ("", ""), false, status)
}

fn connection(session: &str, from: (&str, &str), response: bool, status: u32) -> String {
    text(&Envelope {
        version: VERSION,
        kind: "CONFCONN",
        sessid: session,
        src_userid: from.0,
        src_clientid: from.1,
        dest_userid: "",
        dest_clientid: "",
        resp: response,
        body: Connection {
            update: false,
            tool: "",
            toolver: "",
            env: 0,
            status,
            selective_audio: false,
            selective_video: false,
            vstreams: 0,
        },
    })
}

/// CONFPART. `timestamp`: Unix time in ms; `number`: of all such messages of the process.
pub fn participants(
    should_start: bool,
    timestamp: u64,
    number: u32,
    entropy: [u8; 16],
    entries: &[ParticipantEntry<'_>],
    url: &str,
) -> String {
    let entries = entries.iter().map(|entry| RosterEntry {
        userid: entry.user,
        clientid: entry.client,
        authorized: false,
        ssrc_audio: entry.audio_ssrc.to_string(),
        ssrc_video: entry.video_ssrc.to_string(),
        timestamp: entry.index,
        muted: entry.muted,
    });
    text(&Envelope {
        version: VERSION,
        kind: "CONFPART",
        sessid: "",
        src_userid: "",
        src_clientid: "",
        dest_userid: "",
        dest_clientid: "",
        resp: false,
        body: Roster {
            should_start,
            timestamp: timestamp.to_string(),
            seqno: number.to_string(),
            entropy: BASE64_STANDARD.encode(entropy),
            participants: entries.collect(),
            sfts: [url],
        },
    })
}

/// PROPSYNC with a participant's properties, for the others.
pub fn properties(user: &str, client: &str, properties: &Properties) -> String {
    text(&Envelope {
        version: VERSION,
        kind: "PROPSYNC",
        sessid: "",
        src_userid: user,
        src_clientid: client,
        dest_userid: "",
        dest_clientid: "",
        resp: true,
        body: Props { props: properties },
    })
}

/// PROPSYNC with the server's own, the first message on a channel (sft-protocol.md 8).
pub fn greeting(to: Address<'_>) -> String {
    from_server("PROPSYNC", to, false, Props { props: &server_properties() })
}

/// Answer to PING.
pub fn ping_reply(to: Address<'_>) -> String {
    from_server("PING", to, true, Empty {})
}

/// HANGUP: a request, or the answer to one.
pub fn hangup(to: Address<'_>, response: bool) -> String {
    from_server("HANGUP", to, response, Empty {})
}

/// Required in offers; clients do not look at the values (sft-protocol.md 3.6).
fn server_properties() -> Properties {
    [("videosend", "true"), ("screensend", "false"), ("audiocbr", "false"), ("muted", "false")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}
