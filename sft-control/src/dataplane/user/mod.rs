//! The userspace lane: the same decisions as the XDP programs, made in this process for packets that
//! arrive on sockets.
//!
//! It opens no socket and reads no clock: datagrams in, datagrams out.
