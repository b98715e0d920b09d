//! Messages of the protocol, the client's side (sft-protocol.md 4): text in, values out, and back.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{offer::Slots, plan::Selected};

/// The one version there is.
const VERSION: &str = "3.0";
/// The constant client id of all clients.
const CLIENT: &str = "_";
/// Says "simulcast", and looks like a stock client's (sft-protocol.md 3.8).
const TOOL_VERSION: &str = "10.0.0";

/// A message that is not understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("not a message of the protocol: {0}")]
    Syntax(#[from] serde_json::Error),
    #[error("version {0:?} instead of \"3.0\"")]
    Version(String),
}

/// What a server sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Content {
    #[serde(rename = "SETUP")]
    Setup { sdp: String, url: String, props: Value },
    #[serde(rename = "CONFCONN")]
    Connection { status: i64 },
    #[serde(rename = "CONFPART")]
    Participants(Participants),
    #[serde(rename = "PROPSYNC")]
    Properties { props: Value },
    #[serde(rename = "PING")]
    Ping,
    #[serde(rename = "HANGUP")]
    HangUp,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    version: String,
    pub(crate) sessid: String,
    pub(crate) resp: bool,
    #[serde(default)]
    pub(crate) src_userid: String,
    #[serde(flatten)]
    pub(crate) content: Content,
}

/// CONFPART (sft-protocol.md 9.2).
#[derive(Debug, Deserialize)]
pub(crate) struct Participants {
    pub(crate) should_start: bool,
    pub(crate) timestamp: String,
    pub(crate) seqno: String,
    pub(crate) entropy: String,
    pub(crate) participants: Vec<Participant>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Participant {
    pub(crate) userid: String,
    pub(crate) clientid: String,
    pub(crate) authorized: bool,
    #[serde(deserialize_with = "decimal")]
    pub(crate) ssrc_audio: u32,
    #[serde(deserialize_with = "decimal")]
    pub(crate) ssrc_video: u32,
}

/// SSRCs of the list are decimal strings.
fn decimal<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl Message {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, MessageError> {
        let message: Message = serde_json::from_slice(text)?;
        if message.version == VERSION { Ok(message) } else { Err(MessageError::Version(message.version)) }
    }
}

/// Writes one leg's messages.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    /// The conference's hash.
    pub(crate) conference: String,
    /// The leg's own hash.
    pub(crate) user: String,
}

impl Writer {
    fn message(&self, kind: &str, resp: bool, destination: (&str, &str), fields: Value) -> String {
        let mut message = json!({
            "version": VERSION, "type": kind, "sessid": self.conference, "resp": resp,
            "src_userid": self.user, "src_clientid": CLIENT,
            "dest_userid": destination.0, "dest_clientid": destination.1,
        });
        if let (Value::Object(message), Value::Object(fields)) = (&mut message, fields) {
            message.extend(fields);
        }
        message.to_string()
    }

    pub(crate) fn connect(&self, slots: Slots) -> String {
        let fields = json!({
            "update": false, "tool": concat!("sft-load ", env!("CARGO_PKG_VERSION")), "toolver": TOOL_VERSION,
            "env": 0, "status": 0, "selective_audio": slots.audio > 0, "selective_video": slots.video > 0,
            "vstreams": slots.video,
        });
        self.message("CONFCONN", false, ("SFT", CLIENT), fields)
    }

    pub(crate) fn answer(&self, sdp: &str, muted: bool, video: bool) -> String {
        let fields = json!({ "sdp": sdp, "props": properties(muted, video), "url": "" });
        self.message("SETUP", true, ("SFT", CLIENT), fields)
    }

    pub(crate) fn properties(&self, resp: bool, muted: bool, video: bool) -> String {
        let fields = json!({ "props": properties(muted, video) });
        self.message("PROPSYNC", resp, ("sft", "SFT"), fields)
    }

    /// Authorises these participants, or says that it does not.
    pub(crate) fn authorise<'a>(&self, others: impl Iterator<Item = (&'a Participant, bool)>) -> String {
        let entry = |(other, authorised): (&Participant, bool)| {
            json!({
                "userid": other.userid, "clientid": other.clientid, "authorized": authorised,
                "ssrc_audio": other.ssrc_audio.to_string(), "ssrc_video": other.ssrc_video.to_string(),
                "timestamp": 0,
            })
        };
        let participants: Vec<Value> = others.map(entry).collect();
        let fields = json!({
            "sessid": "", "should_start": false, "timestamp": "0", "seqno": "0", "participants": participants,
        });
        self.message("CONFPART", true, ("SFT", "SFT"), fields)
    }

    /// Selects videos; `user` gives the hash of a leg.
    pub(crate) fn select(&self, selection: &[Selected], user: impl Fn(u16) -> String) -> String {
        let entry = |selected: &Selected| json!({ "userid": user(selected.sender), "quality": if selected.high { 2 } else { 1 } });
        let streams: Vec<Value> = selection.iter().map(entry).collect();
        self.message("CONFSTREAMS", false, ("SFT", "SFT"), json!({ "mode": "list", "streams": streams }))
    }

    pub(crate) fn ping(&self) -> String {
        self.message("PING", false, ("sft", "SFT"), json!({}))
    }

    pub(crate) fn hang_up(&self, resp: bool) -> String {
        self.message("HANGUP", resp, ("sft", "SFT"), json!({}))
    }
}

fn properties(muted: bool, video: bool) -> Value {
    let word = |yes: bool| if yes { "true" } else { "false" };
    json!({
        "videosend": word(video), "screensend": "false", "audiocbr": "true", "muted": word(muted),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        Writer {
            conference: "38358b54923a26667104a41345f80dae".into(),
            user: "e07e0544f419fba13154dcf8f8545972".into(),
        }
    }

    #[test]
    fn a_participant_list_of_the_original_is_read() {
        let text = br#"{"version":"3.0","type":"CONFPART","sessid":"","resp":false,"should_start":true,
            "timestamp":"1795463115908","seqno":"1","entropy":"GJga+gzl5tNRIn4HDYFbDQ==","participants":[
            {"userid":"354422e415c3b6c669c1828dca3cf4f0","clientid":"_","authorized":false,
             "ssrc_audio":"1736396441","ssrc_video":"3782727422","timestamp":0,"muted":false}],
            "sfts":["http://127.0.0.1:18585"]}"#;
        let message = Message::parse(text).unwrap();
        let Content::Participants(list) = message.content else { panic!("{message:?}") };
        assert!(list.should_start);
        assert_eq!(list.participants[0].ssrc_audio, 1_736_396_441);
        assert_eq!(list.participants[0].ssrc_video, 3_782_727_422);
    }

    #[test]
    fn envelopes_are_read() {
        let text = br#"{"version":"3.0","type":"PING","sessid":"ab","src_userid":"sft","src_clientid":"_","resp":true}"#;
        let message = Message::parse(text).unwrap();
        assert!(matches!(message.content, Content::Ping) && message.resp);
        assert_eq!((message.sessid.as_str(), message.src_userid.as_str()), ("ab", "sft"));
    }

    #[test]
    fn what_stock_clients_do_not_take_is_refused() {
        let wrong = [
            r#"{"version":"2.0","type":"PING","sessid":"","resp":true}"#,
            r#"{"version":"3.0","type":"PING","resp":true}"#,
            r#"{"version":"3.0","type":"PING","sessid":""}"#,
            r#"{"version":"3.0","type":"SETUP","sessid":"","resp":false,"sdp":"v=0","url":"http://a"}"#,
            r#"{"version":"3.0","type":"CONFPART","sessid":"","resp":false,"should_start":false,"timestamp":"1",
                "seqno":"1","entropy":"","participants":[{"userid":"a","clientid":"_","authorized":false,
                "ssrc_audio":1,"ssrc_video":"2"}]}"#,
            "PING",
        ];
        for text in wrong {
            assert!(Message::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn others_are_authorised_with_their_ssrcs() {
        let other = Participant {
            userid: "354422e415c3b6c669c1828dca3cf4f0".into(),
            clientid: "_".into(),
            authorized: false,
            ssrc_audio: 1_736_396_441,
            ssrc_video: 3_782_727_422,
        };
        let message: Value = serde_json::from_str(&writer().authorise([(&other, true)].into_iter())).unwrap();
        assert_eq!(message["sessid"], "");
        assert_eq!(message["resp"], true);
        assert_eq!(
            message["participants"],
            json!([{
                "userid": "354422e415c3b6c669c1828dca3cf4f0", "clientid": "_", "authorized": true,
                "ssrc_audio": "1736396441", "ssrc_video": "3782727422", "timestamp": 0,
            }])
        );
    }

    #[test]
    fn the_place_in_a_selection_is_the_slot() {
        let selection = [Selected { sender: 4, high: true }, Selected { sender: 2, high: false }];
        let text = writer().select(&selection, |leg| format!("user{leg}"));
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            message["streams"],
            json!([{ "userid": "user4", "quality": 2 }, { "userid": "user2", "quality": 1 }])
        );
    }
}
