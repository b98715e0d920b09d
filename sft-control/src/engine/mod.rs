//! The one thread that owns core, transports, RTCP and lanes, and moves events and commands between them.
