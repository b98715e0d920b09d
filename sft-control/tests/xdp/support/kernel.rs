//! The programs in the kernel, and their maps.

use std::{collections::BTreeMap, io::Write as _, path::PathBuf};

use aya::{
    Ebpf, EbpfLoader, Pod, VerifierLogLevel,
    maps::{Array, ArrayOfMaps, DevMap, HashMap, Map, MapData, PerCpuArray},
    programs::{Program, RawTracePoint, TestRun, TestRunAttrs, TestRunOptions, Xdp},
};
use sft_common::{
    drops::DropReason,
    flight::{Metadata, REPLICATE_AND_GO_ON},
    maps::{Counter, MAX_REPLICATION, name},
};

/// Records in every map whose size the loader sets.
pub(crate) const RECORDS: u32 = 512;
/// Actions of XDP programs.
pub(crate) const DROP: u32 = 1;
pub(crate) const PASS: u32 = 2;
pub(crate) const REDIRECT: u32 = 4;
/// Longest frame that a test run gives back.
const LONGEST: usize = 2048;

const SIZED: [&str; 17] = [
    name::LOCAL,
    name::TUPLES,
    name::LEGS,
    name::LEG_CONTROL,
    name::KEYS,
    name::SOURCE_IDS,
    name::SOURCES,
    name::SOURCE_CONTROL,
    name::SOURCE_STATE,
    name::SOURCE_STATS,
    name::SPEAKERS,
    name::ENTRIES,
    name::PATHS,
    name::SLOTS,
    name::SLOT_RINGS,
    name::SOURCE_RINGS,
    name::ARRIVALS,
];

/// Says that the calling test cannot run here: `cargo xtask test` counts it as skipped.
pub(crate) fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    // Past the test harness, which hides what a passing test prints.
    writeln!(std::io::stdout(), "skipped: {name}: {reason}").unwrap();
}

/// The object that `cargo xtask build-ebpf` makes.
pub(crate) fn object() -> Vec<u8> {
    let path = std::env::var_os("SFT_BPF_OBJECT").map(PathBuf::from).unwrap_or_else(|| {
        [env!("CARGO_MANIFEST_DIR"), "../target/bpf/bpfel-unknown-none/release/sft-ebpf"].iter().collect()
    });
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: cargo xtask build-ebpf", path.display()))
}

/// The programs' clock.
pub(crate) fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is ours.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) }, 0);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// What ingress made of a frame.
pub(crate) struct Outcome {
    pub(crate) action: u32,
    pub(crate) frame: Vec<u8>,
}

/// What the kernel says of a program that it has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProgramSize {
    /// Instructions that the verifier walked.
    pub(crate) verified: u32,
    /// Bytes of instructions after the verifier's changes.
    pub(crate) translated: u32,
    /// Bytes of machine code.
    pub(crate) jitted: u32,
}

/// The programs, loaded.
pub(crate) struct Kernel {
    object: Ebpf,
}

impl Kernel {
    pub(crate) fn load() -> Kernel {
        let mut loader = EbpfLoader::new();
        for name in SIZED {
            loader.map_max_entries(name, RECORDS);
        }
        loader.verifier_log_level(VerifierLogLevel::STATS);
        let mut object = loader.load(&object()).unwrap();
        for (name, program) in object.programs_mut() {
            let mut load = || match &mut *program {
                Program::Xdp(program) => program.load(),
                Program::RawTracePoint(program) => program.load(),
                other => panic!("{name} is of an unexpected type: {other:?}"),
            };
            // The verifier gives up when the thread has a signal to handle.
            load().or_else(|_| load()).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        Kernel { object }
    }

    /// All programs by name.
    pub(crate) fn programs(&self) -> BTreeMap<String, ProgramSize> {
        let sizes = self.object.programs().map(|(name, program)| {
            let info = program.info().unwrap();
            let size = ProgramSize {
                verified: info.verified_instruction_count().unwrap(),
                translated: info.size_translated().unwrap(),
                jitted: info.size_jitted(),
            };
            (name.to_owned(), size)
        });
        sizes.collect()
    }

    fn xdp(&mut self, name: &str) -> &mut Xdp {
        self.object.program_mut(name).unwrap().try_into().unwrap()
    }

    /// Attaches ingress to an interface and the report of transmissions to its tracepoint.
    pub(crate) fn attach(&mut self, interface: &str) {
        let flags = aya::programs::xdp::XdpMode::Driver;
        self.xdp("sft_ingress").attach(interface, flags).unwrap();
        self.report_transmissions();
    }

    pub(crate) fn report_transmissions(&mut self) {
        let program: &mut RawTracePoint =
            self.object.program_mut("sft_transmitted").unwrap().try_into().unwrap();
        program.attach("xdp_devmap_xmit").unwrap();
    }

    /// Runs ingress on a frame; nothing is redirected in truth.
    pub(crate) fn receive(&self, frame: &[u8]) -> Outcome {
        let mut after = vec![0; LONGEST];
        let mut options = TestRunOptions::new();
        options.data_in = Some(frame);
        options.data_out = Some(&mut after);
        let ingress: &Xdp = self.object.program("sft_ingress").unwrap().try_into().unwrap();
        let result = ingress.test_run(options).unwrap();
        after.truncate(result.data_size_out as usize);
        let action = result.return_value;
        // The kernel gives back the metadata in front of the frame, too.
        let metadata = if action == REDIRECT { size_of::<Metadata>() } else { 0 };
        Outcome { action, frame: after.split_off(metadata) }
    }

    /// Runs the program at the far end of the chain on a frame with this in front of it; returns the action.
    pub(crate) fn continue_with(&self, metadata: &[u8], frame: &[u8]) -> u32 {
        let data = [metadata, frame].concat();
        // `struct xdp_md`: data, data_end, data_meta, and three more.
        let context = [metadata.len() as u32, data.len() as u32, 0, 0, 0, 0].map(u32::to_ne_bytes);
        let mut options = TestRunOptions::new();
        options.data_in = Some(&data);
        options.ctx_in = Some(context.as_flattened());
        let stage: &Xdp = self.object.program("sft_stage").unwrap().try_into().unwrap();
        stage.test_run(options).unwrap().return_value
    }

    /// Runs ingress on a frame and lets the kernel do what it says.
    pub(crate) fn receive_live(&mut self, frame: &[u8]) {
        let mut options = TestRunOptions::new();
        options.data_in = Some(frame);
        options.attrs = TestRunAttrs::new().xdp_live_frames(1);
        self.xdp("sft_ingress").test_run(options).unwrap();
    }

    fn map(&self, name: &str) -> &Map {
        self.object.map(name).unwrap_or_else(|| panic!("no map {name}"))
    }

    fn map_mut(&mut self, name: &str) -> &mut Map {
        self.object.map_mut(name).unwrap_or_else(|| panic!("no map {name}"))
    }

    pub(crate) fn get<T: Pod>(&self, name: &str, index: u32) -> T {
        Array::try_from(self.map(name)).unwrap().get(&index, 0).unwrap()
    }

    pub(crate) fn set<T: Pod>(&mut self, name: &str, index: u32, value: T) {
        Array::try_from(self.map_mut(name)).unwrap().set(index, value, 0).unwrap();
    }

    /// Changes a record where it stands.
    pub(crate) fn edit<T: Pod>(&mut self, name: &str, index: u32, change: impl FnOnce(&mut T)) {
        let mut value = self.get(name, index);
        change(&mut value);
        self.set(name, index, value);
    }

    pub(crate) fn insert<K: Pod, V: Pod>(&mut self, name: &str, key: K, value: V) {
        HashMap::try_from(self.map_mut(name)).unwrap().insert(key, value, 0).unwrap();
    }

    pub(crate) fn remove<K: Pod>(&mut self, name: &str, key: &K) {
        HashMap::<_, K, u32>::try_from(self.map_mut(name)).unwrap().remove(key).unwrap();
    }

    /// The programs' clock.
    pub(crate) fn monotonic_ns(&self) -> u64 {
        monotonic_ns()
    }

    /// The values of all CPUs.
    pub(crate) fn per_cpu<T: Pod>(&self, name: &str, index: u32) -> Vec<T> {
        PerCpuArray::try_from(self.map(name)).unwrap().get(&index, 0).unwrap().to_vec()
    }

    pub(crate) fn counter(&self, counter: Counter) -> u64 {
        self.per_cpu::<u64>(name::COUNTERS, counter as u32).iter().sum()
    }

    pub(crate) fn drops(&self, reason: DropReason) -> u64 {
        self.per_cpu::<u64>(name::DROPS, reason as u32).iter().sum()
    }

    /// Every reason that was counted.
    pub(crate) fn all_drops(&self) -> Vec<(DropReason, u64)> {
        let counts = DropReason::ALL.map(|reason| (reason, self.drops(reason)));
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// Makes the replicator number `number` hold `entries` entries for an interface.
    pub(crate) fn set_replicator(&mut self, number: u32, entries: u32, interface: u32) {
        self.replicate_to(number, &vec![("sft_egress", interface); entries as usize]);
    }

    /// Makes the replicator for a stage that is not the last, and attaches the next stage to `far`.
    pub(crate) fn set_chain(&mut self, interface: u32, near: u32, far: &str) {
        self.xdp("sft_stage").attach(far, aya::programs::xdp::XdpMode::Driver).unwrap();
        let mut entries = vec![("sft_onward", near)];
        entries.extend([("sft_egress", interface); MAX_REPLICATION]);
        self.replicate_to(REPLICATE_AND_GO_ON, &entries);
    }

    fn replicate_to(&mut self, number: u32, entries: &[(&str, u32)]) {
        const DEVMAP: u32 = 14;
        let map = aya_obj::Map::new_from_params(DEVMAP, 4, 8, entries.len() as u32, 0);
        let data = MapData::create(map, "replicator", None).unwrap();
        let mut replicator = DevMap::try_from(Map::DevMap(data)).unwrap();
        for (entry, (program, interface)) in (0..).zip(entries) {
            let program = self.xdp(program).fd().unwrap().try_clone().unwrap();
            replicator.set(entry, *interface, Some(&program), 0).unwrap();
        }
        let mut replicators: ArrayOfMaps<_, DevMap<MapData>> =
            self.map_mut(name::REPLICATORS).try_into().unwrap();
        replicators.set(number, &replicator, 0).unwrap();
    }
}
