//! The kernel takes the programs and the maps.

use crate::support::kernel::Kernel;

/// Instructions that the verifier may walk for one program; the kernel's limit is a million.
const BUDGET: u32 = 250_000;

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn the_verifier_accepts_every_program_with_room_to_spare() {
    let mut names = Vec::new();
    for (name, size) in Kernel::load().programs() {
        assert!(size.verified < BUDGET, "{name}: {}", size.verified);
        names.push(name);
    }
    assert_eq!(names, ["sft_egress", "sft_ingress", "sft_onward", "sft_stage", "sft_transmitted"]);
}
