//! The XDP programs and the kernel lane in the running kernel, one behaviour per file. All of it needs root and the
//! BPF object, so its tests are marked as ignored.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod egress_drops;
mod extensions;
mod fan_out;
mod ingress_drops;
mod kernel_lane_copies;
mod kernel_lane_fan_out;
mod kernel_lane_handover;
mod kernel_lane_keystream;
mod kernel_lane_legs;
mod kernel_lane_lifetime;
mod kernel_lane_named_slots;
mod kernel_lane_vlans;
mod keystream;
mod lanes_agree;
mod load;
mod opens_every_length;
mod passes;
mod program_sizes;
mod refuses_forgeries;
mod replay;
mod seals_every_length;
mod seals_for_any_receiver;
mod seals_for_any_vlan;
mod speakers;
mod statistics;
mod support;
mod transmit_full;
mod two_cpus;
mod under_load;
mod unknown;
mod vectors;
mod vlan_tags;
