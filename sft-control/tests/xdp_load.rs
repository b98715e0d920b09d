//! The kernel takes the programs and the maps.
#![cfg(test)]

use aya::programs::{ProgramError, RawTracePoint, Xdp};

mod xdp;

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn the_verifier_accepts_every_program() {
    let mut object = xdp::load_object();
    for name in ["sft_ingress", "sft_egress"] {
        let program: &mut Xdp = object.program_mut(name).unwrap().try_into().unwrap();
        report(name, program.load());
        let info = program.info().unwrap();
        eprintln!("{name}: {:?} {:?}", info.verified_instruction_count(), info.size_jitted());
    }
    let program: &mut RawTracePoint = object.program_mut("sft_transmitted").unwrap().try_into().unwrap();
    report("sft_transmitted", program.load());
}

fn report(name: &str, result: Result<(), ProgramError>) {
    if let Err(error) = result {
        panic!("{name}: {error}");
    }
}
