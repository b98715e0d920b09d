//! The kernel lane under the measurement.

use std::{path::PathBuf, thread::sleep, time::Duration};

use sft_control::dataplane::{
    Lane,
    object::OBJECT,
    xdp::{KernelLane, Settings},
};

use crate::{
    Failure,
    bursts::{Case, Figures, Work, poll},
    cpu::Poller,
    lanes::{self, SENDER, copies, lost, monotonic_ns},
    rig::{PINS, Rig, SERVER_INTERFACE, poll_in_thread},
};

struct Kernel<'a> {
    rig: &'a Rig,
    lane: KernelLane,
    /// Polls the far end of the chain.
    stages: Poller,
}

impl Work for Kernel<'_> {
    fn until(&mut self, wanted: u64) -> Result<(), Failure> {
        self.lane.renew_lease(monotonic_ns());
        let lane = &self.lane;
        poll(
            || {
                sleep(Duration::from_micros(50));
                Ok(copies(&lane.counters()) >= wanted)
            },
            || lost(&lane.counters()),
        )
    }

    fn time(&self) -> Result<Duration, Failure> {
        Ok(self.rig.server.time()? + self.stages.time()?)
    }
}

pub(crate) fn measure(rig: &Rig, case: Case) -> Result<Figures, Failure> {
    let object = OBJECT.ok_or("this build has no BPF object")?;
    let settings = Settings {
        interfaces: vec![SERVER_INTERFACE.into()],
        media: vec![lanes::tuple(SENDER).local],
        pin_dir: Some(PathBuf::from(PINS).join("bench")),
        legs: case.receivers as u32 + 1,
        keystream: 64 << 20,
    };
    let mut lane = KernelLane::load(object, &settings)?;
    let stages = poll_in_thread(lane.chain())?;
    lane.renew_lease(monotonic_ns());
    lanes::set_up(&mut lane, case.profile.profile(), case.receivers, lanes::media(case.bytes))?;
    let mut work = Kernel { rig, lane, stages };
    let (spent, (keystream, counters)) =
        case.run(rig, &mut work, |work| (work.lane.keystream(), work.lane.counters()))?;
    let producer = Duration::from_nanos(work.lane.keystream().cpu_ns - keystream.cpu_ns);
    let now = work.lane.counters();
    let computed = now.keystream_computed - counters.keystream_computed;
    let all = computed + now.keystream_prepared - counters.keystream_prepared;
    Ok(Figures { spent, producer, copies: case.copies(), computed: computed as f64 / all as f64 })
}
