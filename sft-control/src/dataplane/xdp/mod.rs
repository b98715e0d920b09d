//! The kernel lane: publishes forwarding tables into the maps of the XDP programs and reads them back.
//!
//! It touches no packet and decides nothing about who hears whom.
