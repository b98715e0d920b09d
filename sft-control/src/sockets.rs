//! The UDP media sockets: batched receive and send.
//!
//! Knows datagrams and addresses, not what is in them.
