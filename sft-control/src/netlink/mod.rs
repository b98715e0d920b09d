//! What the machine knows about its links, addresses, routes and neighbours, asked for over rtnetlink, and
//! over ioctl where rtnetlink has no word for it.
//!
//! Only `veth` changes the machine's network configuration. Requests are synchronous; the
//! kernel answers them within the system call, so the engine's thread may ask.

mod interfaces;
mod offload;
mod route;
mod socket;
mod veth;
mod watch;

pub use interfaces::{Interface, Interfaces, Vlan};
pub use offload::strips_vlan_tags;
pub use route::{Resolver, Route};
pub use veth::Veth;
pub use watch::Watch;

/// Why a question to the kernel has no answer.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket cannot be opened or used.
    #[error("netlink socket: {0}")]
    Socket(#[from] std::io::Error),
    /// The kernel sent what it should not have.
    #[error("netlink answer cannot be read: {0}")]
    Malformed(#[from] netlink_packet_core::DecodeError),
    /// The kernel refused the question.
    #[error("{question}: {reason}")]
    Refused { question: String, reason: std::io::Error },
    /// There is no usable route.
    #[error("no route from {local} to {remote}: {reason}")]
    NoRoute { local: std::net::IpAddr, remote: std::net::IpAddr, reason: &'static str },
}
