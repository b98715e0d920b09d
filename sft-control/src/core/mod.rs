//! The conference core, sans-IO: groups, legs, authorisation, slots, roster and timers.
//!
//! Events in ([`Input`]), commands out ([`Output`]), time and randomness passed in. It opens no socket,
//! reads no clock, and sees no packet; forwarding state changes only through [`table`].

pub mod event;
pub mod table;

pub use event::{Input, Output};
