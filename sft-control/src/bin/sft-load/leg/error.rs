//! Why a leg ends early.

use str0m::RtcError;

use crate::{http::HttpError, message::MessageError, offer::OfferError};

#[derive(Debug, thiserror::Error)]
pub(crate) enum LegError {
    #[error("while joining: {0}")]
    Http(#[from] HttpError),
    #[error("while joining: {0}")]
    Message(#[from] MessageError),
    #[error("while joining: the server refuses with status {0}")]
    Refused(i64),
    #[error("while joining: instead of an offer the server sends {0}")]
    NoOffer(String),
    #[error("while joining: {0}")]
    Offer(#[from] OfferError),
    #[error("{0} cannot be used: {1}")]
    Transport(&'static str, String),
    #[error("socket: {0}")]
    Socket(#[from] std::io::Error),
    #[error("WebRTC: {0}")]
    WebRtc(#[from] RtcError),
    #[error("the participant list has not come within {0} s of joining")]
    TimedOut(u64),
    #[error("the connection is lost")]
    Disconnected,
    #[error("the server closes the connection")]
    Closed,
    #[error("the server hangs up")]
    Dropped,
}
