//! The HTTP listeners: the join (sft-protocol.md 3), and what metrics and the control socket share with it.
//!
//! Turns requests into values for the engine and its replies into responses; decides nothing about calls.

mod certificate;
mod cors;
mod join;
mod listener;
mod response;
mod try_page;

pub use certificate::{Certificate, CertificateError};
pub use cors::{Cors, Origin, OriginError};
pub use join::Join;
pub use listener::{Answer, Listener};
pub use response::{error_page, json, open_metrics, text};
