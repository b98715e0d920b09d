//! Relayed addresses of our own, allocated on the TURN servers that a client names (RFC 8656; sft-protocol.md 3.5,
//! 6), for clients that reach this server in no other way.
//!
//! Each allocation belongs to one leg and is a task of its own. It carries datagrams and looks into none.

mod allocation;
mod connection;
mod server;
mod target;
mod task;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use tokio::sync::mpsc;

pub use server::{Server, ServerError};
pub use target::Allowed;
pub use task::start;

use crate::core::table::LegId;

/// Datagrams that wait for an allocation, or for the engine, at most. More are dropped, as on a full socket.
pub const QUEUE: usize = 1024;

/// A datagram for a peer of an allocation.
pub type Outgoing = (SocketAddr, Vec<u8>);

/// What an allocation tells.
#[derive(Debug)]
pub struct Event {
    pub leg: LegId,
    pub kind: EventKind,
}

#[derive(Debug)]
pub enum EventKind {
    /// Datagrams to this address come to us.
    Ready(SocketAddr),
    /// No server gave an address. The last event.
    Failed,
    /// One came, from this peer.
    Datagram(SocketAddr, Vec<u8>),
    /// The server is gone, or has taken the address back. The last event.
    Ended,
}

/// The two ends of an allocation's task: what it is to send, and where it tells what happens.
pub struct Ends {
    pub outgoing: mpsc::Receiver<Outgoing>,
    pub events: mpsc::Sender<Event>,
}
