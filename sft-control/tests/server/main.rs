//! The whole server over real sockets of the loopback, fed what clients must not send.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod certificate;
mod cors;
mod datagrams;
mod https;
mod join;
mod probes;
mod support;
mod try_page;
