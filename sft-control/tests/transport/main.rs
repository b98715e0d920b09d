//! ICE, DTLS and the data channel of legs against a client of their own over a simulated network, one behaviour per
//! file.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod authenticity;
mod close;
mod connects;
mod early;
mod fingerprint;
mod garbage;
mod idle;
mod ipv6;
mod keys;
mod lost_flights;
mod nat;
mod roaming;
mod roles;
mod sending;
mod support;
