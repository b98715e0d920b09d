//! The control plane: signalling, ICE, DTLS, RTCP and the compilation of conferences into forwarding
//! tables.
//!
//! Data flows one way: bytes in, an event, the core decides, commands out. Each module names what it
//! may not do.

pub mod core;
pub mod dataplane;
pub mod netlink;
pub mod sdp;
pub mod transport;
