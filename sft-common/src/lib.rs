//! What both lanes share: packet parsing, header rewriting, replay windows, slot state, SRTP as the
//! kernel needs it, and the keys and values of the forwarding maps.
//!
//! Nothing here allocates, does I/O, reads a clock or knows aya; every function is called by the XDP
//! programs and by the userspace lane alike, so that the same input gives the same packets.
#![cfg_attr(not(test), no_std)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

pub mod checksum;
pub mod decision;
pub mod demux;
pub mod drops;
pub mod extension;
pub mod flight;
pub mod frame;
pub mod index;
pub mod keystream;
pub mod list;
pub mod maps;
pub mod packet;
pub mod replay;
pub mod rewrite;
pub mod rtp;
pub mod slot;
pub mod source;
pub mod speaker;
pub mod srtp;
