//! The conference core by its messages in and out, one behaviour per file; no sockets, no clock but the tests' own.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod audio;
mod authorisation;
mod blacklist;
mod capture;
mod fuzz;
mod hangup;
mod imitation;
mod join;
mod keyframes;
mod layer_idle;
mod layer_switch;
mod level_mode;
mod messages;
mod named_slots;
mod propsync;
mod refusal_counts;
mod refusals;
mod restart;
mod roster;
mod speakers;
mod streams;
mod support;
mod timers;
mod token_limit;
mod tokenless_joins;
mod tokens;
