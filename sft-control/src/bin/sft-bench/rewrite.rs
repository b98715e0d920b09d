//! The least that XDP programs can do for a fan-out: a broadcast whose copies get other addresses
//! (`sft-ebpf/src/rewrite.rs`). Nothing is opened or sealed.

use std::{path::Path, thread::sleep, time::Duration};

use aya::{
    Ebpf,
    maps::{Array, DevMap, PerCpuArray},
    programs::{Xdp, XdpMode},
};

use crate::{
    Failure,
    bursts::{Case, Figures, Work, poll},
    lanes::{self, SENDER},
    rig::{Rig, SERVER_INTERFACE},
};

struct Rewrite<'a> {
    rig: &'a Rig,
    programs: Ebpf,
}

impl Rewrite<'_> {
    fn made(&self) -> Result<u64, Failure> {
        let made = PerCpuArray::<_, u64>::try_from(self.programs.map("MADE").ok_or("no map MADE")?)?;
        Ok(made.get(&0, 0)?.iter().sum())
    }
}

impl Work for Rewrite<'_> {
    fn until(&mut self, wanted: u64) -> Result<(), Failure> {
        poll(
            || {
                sleep(Duration::from_micros(50));
                Ok(self.made()? >= wanted)
            },
            || "copies got lost".into(),
        )
    }

    fn time(&self) -> Result<Duration, Failure> {
        self.rig.server.time()
    }
}

pub(crate) fn measure(rig: &Rig, case: Case) -> Result<Figures, Failure> {
    // Both objects are made by one command.
    let object = Path::new(option_env!("SFT_BPF_OBJECT").ok_or("this build has no BPF object")?);
    let mut programs = Ebpf::load_file(object.with_file_name("sft-rewrite"))?;
    let tuple = lanes::tuple(SENDER);
    let network = |port: u16| u32::from(port.to_be());
    let plan = [network(tuple.local.port()), network(tuple.remote.port() + 1), case.receivers as u32];
    Array::<_, [u32; 3]>::try_from(programs.map_mut("PLAN").ok_or("no map PLAN")?)?.set(0, plan, 0)?;
    let copy: &mut Xdp = programs.program_mut("rewrite_copy").ok_or("no program")?.try_into()?;
    copy.load()?;
    let copy = copy.fd()?.try_clone()?;
    let mut copies = DevMap::try_from(programs.map_mut("COPIES").ok_or("no map COPIES")?)?;
    for receiver in 0..case.receivers as u32 {
        copies.set(receiver, rig.interface, Some(&copy), 0)?;
    }
    let ingress: &mut Xdp = programs.program_mut("rewrite_ingress").ok_or("no program")?.try_into()?;
    ingress.load()?;
    ingress.attach(SERVER_INTERFACE, XdpMode::Driver)?;
    let mut work = Rewrite { rig, programs };
    let (spent, ()) = case.run(rig, &mut work, |_| ())?;
    Ok(Figures { spent, producer: Duration::ZERO, copies: case.copies(), computed: 0.0 })
}
