//! The control plane: signalling, ICE, DTLS, RTCP and the compilation of conferences into forwarding
//! tables.
//!
//! Data flows one way: bytes in, an event, the core decides, commands out. Each module names what it
//! may not do.

pub mod cli;
pub mod core;
pub mod dataplane;
pub mod econn;
pub mod engine;
pub mod http;
pub mod metrics;
pub mod netlink;
pub mod relay;
pub mod rtcp;
pub mod sdp;
pub mod sockets;
pub mod srtp;
pub mod transport;
pub mod url;
