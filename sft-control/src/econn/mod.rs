//! The message codec of the data channel and of the HTTP join (sft-protocol.md 4).
//!
//! Text in, values out and back; knows nothing of conferences.
