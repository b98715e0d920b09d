//! Pinned maps decoded into what people ask, for `sft maps`; works without the control plane.
//!
//! Reads only. Keys are shown by number and profile, never their bytes.

use std::{
    fmt::Display,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use aya::{
    Pod,
    maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray},
};
use serde::Serialize;
use sft_common::{
    drops::DropReason,
    keystream::{Class, Ring, RingControl},
    list::List,
    maps::{
        AUDIO_SLOTS, Config, Counter, ENTRY_FROM_KEYFRAME, KeyRecord, Kind, LAYOUT, LEG_PASS, LegControl,
        LegRecord, ListEntry, LocalKey, NO_EGRESS, PathRecord, Profile, SourceControl, SourceKey,
        SourceRecord, SpeakerCells, TupleKey, name,
    },
    slot::LockedSlot,
    source::SourceStats,
    speaker,
};

use super::tables::LOCKED;

/// Pins cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error("{path}: {reason}: no pinned maps there, or root is needed")]
    Open { path: String, reason: MapError },
    #[error(
        "the pinned maps have layout {found}, this program reads {LAYOUT}: use the version that pinned them"
    )]
    Layout { found: u32 },
    #[error("no map {name}; there are {known}")]
    Unknown { name: String, known: String },
    #[error("reading {map}: {reason}")]
    Read { map: &'static str, reason: MapError },
}

/// A map as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MapTable {
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

/// The maps that have a table, with what they hold.
const TABLES: [(&str, &str); 17] = [
    (name::CONFIG, "lease, media port, process"),
    (name::LOCAL, "own media addresses and their VLANs"),
    (name::TUPLES, "validated address pairs and their legs"),
    (name::LEGS, "legs: receive key, conference"),
    (name::LEG_CONTROL, "legs: path and transmit key, learning"),
    (name::KEYS, "keys: profile"),
    (name::SOURCE_IDS, "SSRCs of legs and their source numbers"),
    (name::SOURCES, "sources: kind, CSRC, receivers"),
    (name::SOURCE_STATS, "sources: packets, bytes, level"),
    (name::SPEAKERS, "who holds the audio slots"),
    (name::ENTRIES, "lists: receiving leg, slot, run"),
    (name::PATHS, "paths: addresses, interface, VLAN, MTU"),
    (name::SLOTS, "slots: run, packets, drops"),
    (name::SLOT_RINGS, "slots: ring of prepared key stream"),
    (name::SOURCE_RINGS, "sources: ring of prepared key stream"),
    (name::DROPS, "packets and copies dropped, by reason"),
    (name::COUNTERS, "packets and copies"),
];

/// The pin directory of one server.
pub struct PinnedMaps(PathBuf);

impl PinnedMaps {
    /// # Errors
    /// `Open` and `Layout`.
    pub fn open(directory: &Path) -> Result<Self, DumpError> {
        let pinned = PinnedMaps(directory.to_owned());
        let config = pinned.config()?;
        if config.layout != LAYOUT {
            return Err(DumpError::Layout { found: config.layout });
        }
        Ok(pinned)
    }

    /// All maps, what they hold, and how many records are in use.
    ///
    /// # Errors
    /// `Open` and `Read`.
    pub fn inventory(&self) -> Result<MapTable, DumpError> {
        let row = |(name, what): &(&'static str, &str)| {
            Ok(vec![(*name).to_owned(), self.table(name)?.rows.len().to_string(), (*what).to_owned()])
        };
        let rows = TABLES.iter().map(row).collect::<Result<_, DumpError>>()?;
        Ok(MapTable { columns: vec!["map", "records", "holds"], rows })
    }

    /// The records of a map that are in use.
    ///
    /// # Errors
    /// [`DumpError`].
    pub fn table(&self, name: &str) -> Result<MapTable, DumpError> {
        let name = name.to_ascii_uppercase();
        let (columns, rows) = match name.as_str() {
            name::CONFIG => self.config_table()?,
            name::LOCAL => self.local_table()?,
            name::TUPLES => self.tuples_table()?,
            name::LEGS => self.legs_table()?,
            name::LEG_CONTROL => self.leg_control_table()?,
            name::KEYS => self.keys_table()?,
            name::SOURCE_IDS => self.source_ids_table()?,
            name::SOURCES => self.sources_table()?,
            name::SOURCE_STATS => self.source_stats_table()?,
            name::SPEAKERS => self.speakers_table()?,
            name::ENTRIES => self.entries_table()?,
            name::PATHS => self.paths_table()?,
            name::SLOTS => self.slots_table()?,
            name::SLOT_RINGS => self.rings_table(name::SLOT_RINGS, "slot")?,
            name::SOURCE_RINGS => self.rings_table(name::SOURCE_RINGS, "source")?,
            name::DROPS => self.drops_table()?,
            name::COUNTERS => self.counters_table()?,
            _ => {
                let known: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
                return Err(DumpError::Unknown { name, known: known.join(", ") });
            }
        };
        Ok(MapTable { columns, rows })
    }

    fn pinned(&self, name: &str) -> Result<MapData, DumpError> {
        let path = self.0.join(name);
        MapData::from_pin(&path)
            .map_err(|reason| DumpError::Open { path: path.display().to_string(), reason })
    }

    fn array<T: Pod>(&self, map: &'static str) -> Result<Array<MapData, T>, DumpError> {
        let data = Map::Array(self.pinned(map)?);
        data.try_into().map_err(|reason| DumpError::Read { map, reason })
    }

    fn hash<K: Pod, V: Pod>(&self, map: &'static str) -> Result<Vec<(K, V)>, DumpError> {
        let data = Map::HashMap(self.pinned(map)?);
        let map_of: HashMap<MapData, K, V> =
            data.try_into().map_err(|reason| DumpError::Read { map, reason })?;
        map_of.iter().collect::<Result<_, _>>().map_err(|reason| DumpError::Read { map, reason })
    }

    /// Sums over the CPUs.
    fn sums(&self, map: &'static str) -> Result<Vec<u64>, DumpError> {
        let data = Map::PerCpuArray(self.pinned(map)?);
        let read = |reason| DumpError::Read { map, reason };
        let values: PerCpuArray<MapData, u64> = data.try_into().map_err(read)?;
        values.iter().map(|value| Ok(value.map_err(read)?.iter().sum())).collect()
    }

    fn config(&self) -> Result<Config, DumpError> {
        let array = self.array::<Config>(name::CONFIG)?;
        array.get(&0, 0).map_err(|reason| DumpError::Read { map: name::CONFIG, reason })
    }

    fn config_table(&self) -> Result<Table, DumpError> {
        let config = self.config()?;
        let port = u16::from_be_bytes((config.media_port as u16).to_ne_bytes());
        let row = row([
            &port as &dyn Display,
            &config.pid,
            &config.layout,
            &format_args!("{} s of uptime", config.lease_until / 1_000_000_000),
        ]);
        Ok((vec!["port", "process", "layout", "lease until"], vec![row]))
    }

    fn local_table(&self) -> Result<Table, DumpError> {
        let found = self.hash::<LocalKey, u32>(name::LOCAL)?;
        let rows = found
            .iter()
            .map(|(key, _)| row([&address(key.address, key.port) as &dyn Display, &vlan(key.vlan.into())]));
        Ok((vec!["address", "vlan"], rows.collect()))
    }

    fn tuples_table(&self) -> Result<Table, DumpError> {
        let mut found = self.hash::<TupleKey, u32>(name::TUPLES)?;
        found.sort_by_key(|(_, leg)| *leg);
        let rows = found.iter().map(|(key, leg)| {
            row([
                leg as &dyn Display,
                &address(key.remote, key.remote_port),
                &address(key.local, key.local_port),
            ])
        });
        Ok((vec!["leg", "remote", "local"], rows.collect()))
    }

    /// Numbers of the legs that have an address pair.
    fn live_legs(&self) -> Result<Vec<u32>, DumpError> {
        let mut legs: Vec<u32> =
            self.hash::<TupleKey, u32>(name::TUPLES)?.iter().map(|(_, leg)| *leg).collect();
        legs.sort_unstable();
        legs.dedup();
        Ok(legs)
    }

    fn legs_table(&self) -> Result<Table, DumpError> {
        let records = self.array::<LegRecord>(name::LEGS)?;
        let rows = self.live_legs()?.into_iter().filter_map(|leg| Some((leg, records.get(&leg, 0).ok()?)));
        let rows =
            rows.map(|(leg, record)| row([&leg as &dyn Display, &record.conference, &record.receive_key]));
        Ok((vec!["leg", "conference", "receive key"], rows.collect()))
    }

    fn leg_control_table(&self) -> Result<Table, DumpError> {
        let records = self.array::<LegControl>(name::LEG_CONTROL)?;
        let rows = self.live_legs()?.into_iter().filter_map(|leg| Some((leg, records.get(&leg, 0).ok()?)));
        let rows = rows.map(|(leg, record)| {
            let (path, key) = match record.egress {
                NO_EGRESS => ("none".into(), "none".into()),
                egress => ((egress >> 32).to_string(), (egress as u32).to_string()),
            };
            let passes = if record.flags & LEG_PASS != 0 { "yes" } else { "no" };
            row([&leg as &dyn Display, &path, &key, &passes, &record.learning])
        });
        Ok((vec!["leg", "path", "transmit key", "passed up", "learning"], rows.collect()))
    }

    fn keys_table(&self) -> Result<Table, DumpError> {
        let records = self.array::<KeyRecord>(name::KEYS)?;
        let used = (0..).zip(records.iter().filter_map(Result::ok));
        let used = used.filter(|(_, record)| record.round_keys.iter().any(|word| *word != 0));
        let rows = used.map(|(number, record): (u32, KeyRecord)| {
            let profile = match record.profile {
                0 => Profile::AeadAes128Gcm,
                1 => Profile::AeadAes256Gcm,
                _ => Profile::Aes128CmHmacSha1_80,
            };
            row([&number as &dyn Display, &profile.name()])
        });
        Ok((vec!["key", "profile"], rows.collect()))
    }

    fn source_ids_table(&self) -> Result<Table, DumpError> {
        let mut found = self.hash::<SourceKey, u32>(name::SOURCE_IDS)?;
        found.sort_by_key(|(_, number)| *number);
        let rows = found.iter().map(|(key, number)| row([number as &dyn Display, &key.leg, &key.ssrc]));
        Ok((vec!["source", "leg", "ssrc"], rows.collect()))
    }

    /// Numbers of the sources that packets find.
    fn live_sources(&self) -> Result<Vec<u32>, DumpError> {
        let mut sources: Vec<u32> =
            self.hash::<SourceKey, u32>(name::SOURCE_IDS)?.iter().map(|(_, number)| *number).collect();
        sources.sort_unstable();
        Ok(sources)
    }

    fn sources_table(&self) -> Result<Table, DumpError> {
        let records = self.array::<SourceRecord>(name::SOURCES)?;
        let controls = self.array::<SourceControl>(name::SOURCE_CONTROL)?;
        let live = self.live_sources()?.into_iter();
        let rows = live.filter_map(|number| {
            let (record, control) = (records.get(&number, 0).ok()?, controls.get(&number, 0).ok()?);
            let kind = Kind::from_number(record.kind).name();
            let list = List::from_word(control.list);
            Some(row([
                &number as &dyn Display,
                &record.leg,
                &record.conference,
                &kind,
                &record.ssrc,
                &record.csrc,
                &list.copies(),
                &list.first,
            ]))
        });
        let columns = vec!["source", "leg", "conference", "kind", "ssrc", "csrc", "receivers", "first entry"];
        Ok((columns, rows.collect()))
    }

    fn source_stats_table(&self) -> Result<Table, DumpError> {
        let records = self.array::<SourceStats>(name::SOURCE_STATS)?;
        let live = self.live_sources()?.into_iter();
        let rows = live.filter_map(|number| {
            let stats = records.get(&number, 0).ok()?;
            Some(row([
                &number as &dyn Display,
                &stats.packets,
                &stats.bytes,
                &stats.highest_index,
                &stats.level,
                &stats.keyframes,
                &stats.auth_failures,
                &stats.replays,
            ]))
        });
        let columns =
            vec!["source", "packets", "bytes", "index", "level", "key frames", "forged", "replayed"];
        Ok((columns, rows.collect()))
    }

    fn speakers_table(&self) -> Result<Table, DumpError> {
        let records = self.array::<SpeakerCells>(name::SPEAKERS)?;
        let mut rows = Vec::new();
        for (conference, cells) in (0_u32..).zip(records.iter().filter_map(Result::ok)) {
            for (slot, cell) in cells.cells.iter().enumerate().take(AUDIO_SLOTS) {
                if let Some(source) = speaker::holder_source(*cell) {
                    rows.push(row([&conference as &dyn Display, &slot, &source, &speaker::run(*cell)]));
                }
            }
        }
        Ok((vec!["conference", "slot", "source", "run"], rows))
    }

    fn entries_table(&self) -> Result<Table, DumpError> {
        let entries = self.array::<ListEntry>(name::ENTRIES)?;
        let controls = self.array::<SourceControl>(name::SOURCE_CONTROL)?;
        let mut rows = Vec::new();
        for source in self.live_sources()? {
            let Ok(control) = controls.get(&source, 0) else { continue };
            let list = List::from_word(control.list);
            for place in (0..list.len).filter(|place| *place != list.own) {
                let number = list.first.saturating_add(place);
                let Ok(entry) = entries.get(&number, 0) else { break };
                let waits = if entry.flags & ENTRY_FROM_KEYFRAME != 0 { "yes" } else { "" };
                rows.push(row([
                    &number as &dyn Display,
                    &source,
                    &entry.leg,
                    &entry.slot,
                    &entry.run,
                    &waits,
                ]));
            }
        }
        Ok((vec!["entry", "source", "to leg", "slot", "run", "from key frame"], rows))
    }

    fn paths_table(&self) -> Result<Table, DumpError> {
        let paths = self.array::<PathRecord>(name::PATHS)?;
        let controls = self.array::<LegControl>(name::LEG_CONTROL)?;
        let rows = self.live_legs()?.into_iter().filter_map(|leg| {
            let egress = controls.get(&leg, 0).ok()?.egress;
            let number = (egress >> 32) as u32;
            let path = paths.get(&number, 0).ok().filter(|_| egress != NO_EGRESS)?;
            Some(row([
                &number as &dyn Display,
                &leg,
                &address(path.local, path.local_port),
                &address(path.remote, path.remote_port),
                &mac(path.destination_mac),
                &path.interface,
                &vlan(path.vlan),
                &path.mtu,
            ]))
        });
        let columns = vec!["path", "leg", "local", "remote", "next hop", "interface", "vlan", "mtu"];
        Ok((columns, rows.collect()))
    }

    fn slots_table(&self) -> Result<Table, DumpError> {
        let slots = self.array::<LockedSlot>(name::SLOTS)?;
        let mut rows = Vec::new();
        for number in 0..slots.len() {
            let Ok(slot) = slots.get(&number, LOCKED) else { continue };
            let state = slot.state;
            if state.started != 0 {
                let run = format!("{}.{}", state.run >> 32, state.run as u32);
                rows.push(row([
                    &number as &dyn Display,
                    &state.ssrc,
                    &run,
                    &state.out_max,
                    &state.packets,
                    &state.bytes,
                    &state.dropped(),
                ]));
            }
        }
        Ok((vec!["slot", "ssrc", "run", "index", "packets", "bytes", "dropped"], rows))
    }

    fn rings_table(&self, map: &'static str, stream: &'static str) -> Result<Table, DumpError> {
        let controls = self.array::<RingControl>(map)?;
        let mut rows = Vec::new();
        for number in 0..controls.len() {
            let control = controls.get(&number, 0).map_err(|reason| DumpError::Read { map, reason })?;
            if let Some(ring) = Ring::from_word(control.ring) {
                let class = match ring.class {
                    Class::Short => name::KEYSTREAM_SHORT,
                    Class::Long => name::KEYSTREAM_LONG,
                };
                let newest = control.position.saturating_sub(1);
                rows.push(row([&number as &dyn Display, &newest, &class, &ring.first, &ring.entries]));
            }
        }
        Ok((vec![stream, "newest index", "map", "first entry", "entries"], rows))
    }

    fn drops_table(&self) -> Result<Table, DumpError> {
        let sums = self.sums(name::DROPS)?;
        let rows = DropReason::ALL.iter().zip(sums).filter(|(_, count)| *count > 0);
        let rows = rows.map(|(reason, count)| row([&reason.name() as &dyn Display, &count]));
        Ok((vec!["reason", "count"], rows.collect()))
    }

    fn counters_table(&self) -> Result<Table, DumpError> {
        const NAMES: [(Counter, &str); 9] = [
            (Counter::RtpReceived, "rtp received"),
            (Counter::RtpPassed, "rtp passed up"),
            (Counter::AudioCopies, "audio copies"),
            (Counter::VideoCopies, "video copies"),
            (Counter::AudioBytes, "audio bytes"),
            (Counter::VideoBytes, "video bytes"),
            (Counter::ControlPassed, "control passed up"),
            (Counter::KeystreamPrepared, "key stream prepared"),
            (Counter::KeystreamComputed, "key stream computed"),
        ];
        let sums = self.sums(name::COUNTERS)?;
        let rows = NAMES.iter().map(|(counter, what)| {
            let count = sums.get(*counter as usize).copied().unwrap_or(0);
            row([what as &dyn Display, &count])
        });
        Ok((vec!["counter", "count"], rows.collect()))
    }
}

type Table = (Vec<&'static str>, Vec<Vec<String>>);

fn row<const N: usize>(cells: [&dyn Display; N]) -> Vec<String> {
    cells.map(ToString::to_string).to_vec()
}

fn address(octets: [u8; 16], port: [u8; 2]) -> SocketAddr {
    let address = Ipv6Addr::from(octets);
    let ip = address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4);
    SocketAddr::new(ip, u16::from_be_bytes(port))
}

fn vlan(id: u32) -> String {
    if id == 0 { "untagged".into() } else { id.to_string() }
}

fn mac(bytes: [u8; 6]) -> String {
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}
