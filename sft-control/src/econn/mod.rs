//! The message codec of the data channel and of the HTTP join (sft-protocol.md 4).
//!
//! Text in, values out and back; knows nothing of conferences.

mod decode;
mod encode;
mod version;

#[cfg(test)]
mod tests;

pub use decode::{
    Anchor, Body, ConnectionRequest, DecodeError, IceServer, Message, Participant, Quality, Selection,
    StreamSelection, Token, decode,
};
pub use encode::{
    Address, ParticipantEntry, connection_refusal, connection_reply, greeting, hangup, offer_message,
    participants, ping_reply, properties,
};
pub use version::Version;

/// Properties of a participant: unknown keys are carried along.
pub type Properties = std::collections::BTreeMap<String, String>;

/// Version that every message names.
const VERSION: &str = "3.0";
/// Longest identifier in bytes; the original cuts longer ones.
pub const LONGEST_ID: usize = 127;

/// Whether a text may name a group, a user or a client: opaque, but of harmless characters.
pub fn is_id(text: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(harmless)
}
