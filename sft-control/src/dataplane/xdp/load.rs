//! Loading the programs, attaching them, and pinning everything.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
};

use aya::{
    Ebpf, EbpfLoader, Pod, VerifierLogLevel,
    maps::{Array, ArrayOfMaps, DevMap, HashMap, Map, MapData, MapError, PerCpuArray},
    programs::{ProgramError, ProgramFd, RawTracePoint, Xdp, XdpMode, links::FdLink},
};
use sft_common::{
    flight::REPLICATE_AND_GO_ON,
    maps::{Config, LAYOUT, LocalKey, MAX_REPLICATION, name},
};

use super::{
    batch, chain,
    keystream::{self, Entries},
    memory::Shared,
    pins::{self, PinError},
    ports::{self, Ports},
    slots::Slots,
};
use crate::netlink::{Interface, Interfaces, NetlinkError, strips_vlan_tags};

/// Map type and sizes of a device map (linux/bpf.h).
const DEVMAP: (u32, u32, u32) = (14, 4, 8);

/// What the lane is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Interfaces to attach to; the first one also sends. None = those that have the media addresses. A VLAN
    /// interface stands for its parent.
    pub interfaces: Vec<String>,
    /// Our sockets' addresses, all with the same port.
    pub media: Vec<SocketAddr>,
    /// `None` = the default one for this network namespace and port.
    pub pin_dir: Option<PathBuf>,
    /// Legs at a time; sizes the maps.
    pub legs: u32,
    /// Memory for prepared key stream in bytes; 0 = the programs compute all.
    pub keystream: u64,
}

/// Why there is no kernel lane.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("this build has no BPF object")]
    NoObject,
    #[error("root is needed, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON")]
    Privilege,
    #[error("interface {0} does not exist")]
    NoInterface(String),
    #[error("no interface has a media address")]
    NoAddress,
    #[error("interface {interface} has no native XDP: {reason}")]
    NotNative { interface: String, reason: String },
    #[error(
        "interface {0} takes VLAN tags off before the programs see them: its VLANs are left to the userspace lane; \
         `ethtool -K {0} rxvlan off` gives them to the kernel lane"
    )]
    TagsStripped(String),
    #[error("the kernel refused the programs: {0}")]
    Refused(String),
    #[error("the BPF object is not what this server expects: {0}")]
    Object(String),
    #[error("mapping a BPF array: {0}")]
    Memory(io::Error),
    #[error("starting the thread that prepares key stream: {0}")]
    Thread(io::Error),
    #[error(transparent)]
    Pins(#[from] PinError),
    #[error(transparent)]
    Network(#[from] NetlinkError),
    #[error("map {map}: {reason}")]
    Map { map: &'static str, reason: MapError },
}

/// Sizes of the maps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) legs: u32,
    pub(super) keys: u32,
    pub(super) tuples: u32,
    pub(super) sources: u32,
    pub(super) conferences: u32,
    pub(super) slots: u32,
    pub(super) entries: u32,
    pub(super) paths: u32,
    pub(super) keystream: keystream::Sizes,
}

impl Sizes {
    /// For so many legs at a time, and a quarter more whose numbers rest after they left.
    fn of(settings: &Settings) -> Self {
        let legs = settings.legs;
        let legs = legs + legs / 4 + 16;
        Sizes {
            legs,
            keys: 2 * legs,
            tuples: 4 * legs,
            sources: 3 * legs,
            conferences: legs,
            slots: 16 * legs,
            // Lists that were replaced rest for a while: many, when everybody changes what is watched.
            entries: 256 * legs,
            paths: 2 * legs,
            keystream: keystream::Sizes::of(settings.keystream),
        }
    }

    fn of_maps(self) -> [(&'static str, u32); 19] {
        [
            (name::LOCAL, 64),
            (name::TUPLES, self.tuples),
            (name::LEGS, self.legs),
            (name::LEG_CONTROL, self.legs),
            (name::KEYS, self.keys),
            (name::SOURCE_IDS, self.sources),
            (name::SOURCES, self.sources),
            (name::SOURCE_CONTROL, self.sources),
            (name::SOURCE_STATE, self.sources),
            (name::SOURCE_STATS, self.sources),
            (name::SPEAKERS, self.conferences),
            (name::ENTRIES, self.entries),
            (name::PATHS, self.paths),
            (name::SLOTS, self.slots),
            (name::ARRIVALS, self.legs),
            (name::SLOT_RINGS, self.slots),
            (name::SOURCE_RINGS, self.sources),
            // A map has one element at least.
            (name::KEYSTREAM_SHORT, self.keystream.short.max(1)),
            (name::KEYSTREAM_LONG, self.keystream.long.max(1)),
        ]
    }
}

/// All maps, open.
pub(super) struct Maps {
    pub(super) config: Shared<Config>,
    pub(super) tuples: HashMap<MapData, sft_common::maps::TupleKey, u32>,
    pub(super) legs: Array<MapData, sft_common::maps::LegRecord>,
    pub(super) leg_control: Shared<sft_common::maps::LegControl>,
    pub(super) keys: Array<MapData, sft_common::maps::KeyRecord>,
    pub(super) source_ids: HashMap<MapData, sft_common::maps::SourceKey, u32>,
    pub(super) sources: Array<MapData, sft_common::maps::SourceRecord>,
    pub(super) source_control: Shared<sft_common::maps::SourceControl>,
    pub(super) source_state: Array<MapData, sft_common::source::LockedSource>,
    pub(super) source_stats: Shared<sft_common::source::SourceStats>,
    pub(super) speakers: Shared<sft_common::maps::SpeakerCells>,
    pub(super) entries: Array<MapData, sft_common::maps::ListEntry>,
    pub(super) replicators: ArrayOfMaps<MapData, DevMap<MapData>>,
    pub(super) paths: Array<MapData, sft_common::maps::PathRecord>,
    pub(super) slots: Slots,
    pub(super) arrivals: Shared<sft_common::maps::ArrivalRing>,
    pub(super) drops: PerCpuArray<MapData, u64>,
    pub(super) counters: PerCpuArray<MapData, u64>,
    pub(super) keystream: keystream::Handle,
}

/// What loading leaves.
pub(super) struct Loaded {
    pub(super) maps: Maps,
    pub(super) sizes: Sizes,
    pub(super) directory: PathBuf,
    /// Interface that sends.
    pub(super) egress: Interface,
    /// Name of the chain's far end.
    pub(super) chain: String,
    /// What `LOCAL` holds.
    pub(super) local: Vec<LocalKey>,
    /// Keeps the programs loaded.
    pub(super) _programs: Ebpf,
}

/// Loads, fills the maps that do not change, pins, and attaches, in this order.
pub(super) fn load(object: &[u8], settings: &Settings) -> Result<Loaded, LoadError> {
    let port = settings.media.first().map(SocketAddr::port).ok_or(LoadError::NoAddress)?;
    let ports = ports::choose(settings, &Interfaces::list()?, strips_vlan_tags)?;
    let egress = ports.interfaces.first().cloned().ok_or(LoadError::NoAddress)?;
    let directory = match &settings.pin_dir {
        Some(directory) => directory.clone(),
        None => pins::default_directory(port)?,
    };
    let sizes = Sizes::of(settings);
    let mut programs = create(object, sizes)?;
    pins::prepare(&directory)?;
    let result = start(&mut programs, settings, sizes, &ports, &directory);
    match result {
        Ok((maps, chain)) => {
            let local = ports.local;
            Ok(Loaded { maps, sizes, directory, egress, chain, local, _programs: programs })
        }
        Err(error) => {
            // Nothing is attached that could need what is removed here.
            drop(pins::remove(&directory));
            Err(error)
        }
    }
}

fn start(
    programs: &mut Ebpf,
    settings: &Settings,
    sizes: Sizes,
    ports: &Ports,
    directory: &std::path::Path,
) -> Result<(Maps, String), LoadError> {
    let egress = ports.interfaces.first().ok_or(LoadError::NoAddress)?;
    load_programs(programs)?;
    for (name, map) in programs.maps() {
        // Names of the compiler's own sections are none that a file may have.
        if !name.starts_with('.') {
            map.pin(directory.join(name)).map_err(|error| LoadError::Refused(error.to_string()))?;
        }
    }
    let chain = chain::make(directory)?;
    make_replicators(programs, egress.index, chain.near)?;
    let mut maps = open(programs, sizes)?;
    fill(programs, &mut maps, settings, &ports.local)?;
    attach(programs, &ports.interfaces, directory)?;
    attach_xdp(programs, "sft_stage", &chain.far, directory)?;
    Ok((maps, chain.far))
}

fn create(object: &[u8], sizes: Sizes) -> Result<Ebpf, LoadError> {
    let mut loader = EbpfLoader::new();
    for (name, size) in sizes.of_maps() {
        loader.map_max_entries(name, size);
    }
    loader.verifier_log_level(VerifierLogLevel::STATS).load(object).map_err(|error| {
        if is_denied(&error) { LoadError::Privilege } else { LoadError::Refused(causes(&error)) }
    })
}

/// Whether some cause of the error is the kernel's EPERM.
fn is_denied(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        {
            return true;
        }
        cause = error.source();
    }
    // Not every error of the loader keeps its cause.
    error.to_string().contains("Operation not permitted")
}

/// The error with its causes, on one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.lines().next().unwrap_or_default().to_owned()
}

fn load_programs(programs: &mut Ebpf) -> Result<(), LoadError> {
    for name in ["sft_ingress", "sft_egress", "sft_onward", "sft_stage"] {
        let program = xdp(programs, name)?;
        insist(|| program.load())?;
    }
    let program = tracepoint(programs)?;
    insist(|| program.load())
}

/// The verifier gives up when the thread has a signal to handle.
fn insist(mut load: impl FnMut() -> Result<(), ProgramError>) -> Result<(), LoadError> {
    const ATTEMPTS: usize = 5;
    let mut result = load();
    for _ in 1..ATTEMPTS {
        match &result {
            Err(ProgramError::LoadError { io_error, .. }) if io_error.kind() == io::ErrorKind::WouldBlock => {
                result = load();
            }
            _ => break,
        }
    }
    result.map_err(|error| LoadError::Refused(causes(&error)))
}

fn xdp<'a>(programs: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp, LoadError> {
    let program = programs.program_mut(name).and_then(|program| <&mut Xdp>::try_from(program).ok());
    program.ok_or_else(|| LoadError::Object(format!("no program {name}")))
}

fn tracepoint(programs: &mut Ebpf) -> Result<&mut RawTracePoint, LoadError> {
    let program = programs.program_mut("sft_transmitted");
    let program = program.and_then(|program| <&mut RawTracePoint>::try_from(program).ok());
    program.ok_or_else(|| LoadError::Object("no program sft_transmitted".into()))
}

fn attach(
    programs: &mut Ebpf,
    interfaces: &[Interface],
    directory: &std::path::Path,
) -> Result<(), LoadError> {
    let refused = |error: &dyn std::error::Error| LoadError::Refused(causes(error));
    let program = tracepoint(programs)?;
    let link = program.attach("xdp_devmap_xmit").and_then(|id| program.take_link(id));
    let link = FdLink::from(link.map_err(|error| refused(&error))?);
    link.pin(directory.join(pins::link_name("transmitted"))).map_err(|error| refused(&error))?;
    interfaces
        .iter()
        .try_for_each(|interface| attach_xdp(programs, "sft_ingress", &interface.name, directory))
}

fn attach_xdp(
    programs: &mut Ebpf,
    program: &str,
    interface: &str,
    directory: &std::path::Path,
) -> Result<(), LoadError> {
    let refused = |error: &dyn std::error::Error| LoadError::Refused(causes(error));
    let not_native =
        |error: ProgramError| LoadError::NotNative { interface: interface.into(), reason: causes(&error) };
    let program = xdp(programs, program)?;
    let id = program.attach(interface, XdpMode::Driver).map_err(not_native)?;
    let link = program.take_link(id).map_err(|error| refused(&error))?;
    let link = FdLink::try_from(link).map_err(|error| refused(&error))?;
    link.pin(directory.join(pins::link_name(interface))).map_err(|error| refused(&error))?;
    Ok(())
}

fn take(programs: &mut Ebpf, name: &'static str) -> Result<Map, LoadError> {
    programs.take_map(name).ok_or_else(|| LoadError::Object(format!("no map {name}")))
}

fn shared<T: Pod>(programs: &mut Ebpf, name: &'static str, len: u32) -> Result<Shared<T>, LoadError> {
    Shared::of(&take(programs, name)?, len as usize)
}

fn open(programs: &mut Ebpf, sizes: Sizes) -> Result<Maps, LoadError> {
    macro_rules! typed {
        ($name:ident) => {
            take(programs, name::$name)?
                .try_into()
                .map_err(|reason| LoadError::Map { map: name::$name, reason })?
        };
    }
    let keystream = keystream::Memory {
        slots: shared(programs, name::SLOT_RINGS, sizes.slots)?,
        sources: shared(programs, name::SOURCE_RINGS, sizes.sources)?,
        short: Entries::of(&take(programs, name::KEYSTREAM_SHORT)?, sizes.keystream.short)?,
        long: Entries::of(&take(programs, name::KEYSTREAM_LONG)?, sizes.keystream.long)?,
    };
    Ok(Maps {
        config: shared(programs, name::CONFIG, 1)?,
        tuples: typed!(TUPLES),
        legs: typed!(LEGS),
        leg_control: shared(programs, name::LEG_CONTROL, sizes.legs)?,
        keys: typed!(KEYS),
        source_ids: typed!(SOURCE_IDS),
        sources: typed!(SOURCES),
        source_control: shared(programs, name::SOURCE_CONTROL, sizes.sources)?,
        source_state: typed!(SOURCE_STATE),
        source_stats: shared(programs, name::SOURCE_STATS, sizes.sources)?,
        speakers: shared(programs, name::SPEAKERS, sizes.conferences)?,
        entries: typed!(ENTRIES),
        replicators: typed!(REPLICATORS),
        paths: typed!(PATHS),
        slots: Slots::of(take(programs, name::SLOTS)?)?,
        arrivals: shared(programs, name::ARRIVALS, sizes.legs)?,
        drops: typed!(DROPS),
        counters: typed!(COUNTERS),
        keystream: keystream::Handle::start(keystream, sizes.keystream).map_err(LoadError::Thread)?,
    })
}

/// One device map for each number of copies, and one for a stage that is not the last. They go into their map in
/// one call: the kernel waits for running programs after each call that changes a map of maps, and one wait is
/// enough.
fn make_replicators(programs: &mut Ebpf, egress: u32, chain: u32) -> Result<(), LoadError> {
    let copy = (egress, descriptor(programs, "sft_egress")?);
    let onward = (chain, descriptor(programs, "sft_onward")?);
    let (mut numbers, mut replicators) = (Vec::new(), Vec::new());
    for copies in 1..=MAX_REPLICATION {
        numbers.push(copies as u32);
        replicators.push(replicator(&vec![&copy; copies])?);
    }
    // The frame for the next stage comes first, while there is memory.
    let mut entries = vec![&copy; MAX_REPLICATION + 1];
    entries[0] = &onward;
    numbers.push(REPLICATE_AND_GO_ON);
    replicators.push(replicator(&entries)?);
    let Some(Map::ArrayOfMaps(outer)) = programs.map(name::REPLICATORS) else {
        return Err(LoadError::Object(format!("no map {}", name::REPLICATORS)));
    };
    batch::update(outer.fd().as_fd(), &numbers, &replicators).map_err(LoadError::Memory)
}

fn descriptor(programs: &mut Ebpf, program: &str) -> Result<ProgramFd, LoadError> {
    let program = xdp(programs, program)?.fd();
    program.map_err(|error| LoadError::Refused(causes(&error)))?.try_clone().map_err(LoadError::Memory)
}

/// A device map of these interfaces, each with the program for frames that leave by it.
fn replicator(entries: &[&(u32, ProgramFd)]) -> Result<OwnedFd, LoadError> {
    let failed = |reason| LoadError::Map { map: name::REPLICATORS, reason };
    let (kind, key, value) = DEVMAP;
    let map = aya_obj::Map::new_from_params(kind, key, value, entries.len() as u32, 0);
    let data = MapData::create(map, "replicator", None).map_err(failed)?;
    let descriptor = data.fd().as_fd().try_clone_to_owned().map_err(LoadError::Memory)?;
    let mut replicator = DevMap::try_from(Map::DevMap(data)).map_err(failed)?;
    for (number, (interface, program)) in (0..).zip(entries) {
        let set = replicator.set(number, *interface, Some(program), 0);
        set.map_err(|error| LoadError::Refused(causes(&error)))?;
    }
    Ok(descriptor)
}

/// Our addresses and the configuration. The lease is not open yet: nothing is forwarded.
fn fill(
    programs: &mut Ebpf,
    maps: &mut Maps,
    settings: &Settings,
    own: &[LocalKey],
) -> Result<(), LoadError> {
    let failed = |map| move |reason| LoadError::Map { map, reason };
    let mut local: HashMap<MapData, LocalKey, u32> =
        take(programs, name::LOCAL)?.try_into().map_err(failed(name::LOCAL))?;
    for key in own {
        local.insert(key, 1, 0).map_err(failed(name::LOCAL))?;
    }
    let port = settings.media.first().map_or(0, SocketAddr::port);
    maps.config.write(
        0,
        Config {
            lease_until: 0,
            one: 1,
            media_port: u16::from_ne_bytes(port.to_be_bytes()).into(),
            layout: LAYOUT,
            pid: std::process::id(),
            pad: 0,
        },
    );
    Ok(())
}
