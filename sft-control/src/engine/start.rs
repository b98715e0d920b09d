//! Starting the engine on a thread of its own.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    io, thread,
};

use rand::{SeedableRng, rngs::StdRng};
use tokio::{
    runtime,
    sync::{oneshot, watch},
};

use super::{
    Engine, Settings,
    clock::{Time, WallClock},
    command::{self, Handle},
    datagrams::Sockets,
    periodic::Schedule,
};
use crate::{
    core::{Core, deadlines::Deadlines},
    dataplane::{
        lanes::{Lanes, NoKernelLane},
        object,
        user::UserLane,
        xdp::{self, KernelLane},
    },
    netlink::{NetlinkError, Watch},
    sockets::{MediaSockets, ReceiveBatch, SendBatch},
    transport::{Demux, Identity, IdentityError},
};

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("no thread or runtime for the engine: {0}")]
    Thread(#[from] io::Error),
    #[error("media sockets: {0}; is another server running, or the address not on this machine?")]
    Sockets(io::Error),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Kernel(#[from] NoKernelLane),
    #[error("the kernel's notices of routes and neighbours: {0}")]
    Network(#[from] NetlinkError),
    #[error("the engine ended while it started")]
    Ended,
}

impl Engine {
    /// Starts the engine. The receiver resolves when it ends.
    ///
    /// # Errors
    /// What keeps the server from starting; nothing is left behind.
    pub async fn start(settings: Settings) -> Result<(Handle, oneshot::Receiver<()>), StartError> {
        let (conferences, number) = watch::channel(0);
        let (handle, commands) = command::channel(number);
        let (report, started) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        thread::Builder::new().name("engine".into()).spawn(move || {
            let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(report.send(Err(error.into()))),
            };
            runtime.block_on(async move {
                match Engine::new(settings, conferences) {
                    Ok(engine) => {
                        drop(report.send(Ok(())));
                        engine.run(commands).await;
                    }
                    Err(error) => drop(report.send(Err(error))),
                }
            });
            // Nobody may be interested in the end.
            let _ = end.send(());
        })?;
        started.await.map_err(|_| StartError::Ended)??;
        Ok((handle, ended))
    }

    fn new(settings: Settings, conferences: watch::Sender<usize>) -> Result<Self, StartError> {
        let time = Time::now();
        // One address may be advertised under several public ones.
        let addresses: BTreeSet<_> = settings.media.iter().map(|media| media.local).collect();
        let addresses: Vec<_> = addresses.into_iter().collect();
        let sockets = MediaSockets::bind(&addresses).map_err(StartError::Sockets)?;
        let lanes = Lanes::start(settings.mode, UserLane::new(), || {
            let object = object::OBJECT.ok_or(xdp::LoadError::NoObject)?;
            let kernel = xdp::Settings {
                interfaces: settings.interfaces.clone(),
                media: addresses.clone(),
                pin_dir: settings.pin_dir.clone(),
                legs: settings.core.max_legs.try_into().unwrap_or(u32::MAX / 64),
                keystream: settings.keystream,
            };
            KernelLane::load(object, &kernel)
        })?;
        tracing::info!(dataplane = settings.mode.name(), lane = %lanes.initial(), "new conferences");
        Ok(Engine {
            core: Core::new(settings.core.clone(), StdRng::from_os_rng()),
            started: time.instant,
            lanes,
            identity: Identity::generate()?,
            demux: Demux::default(),
            peers: HashMap::new(),
            timers: Deadlines::default(),
            sockets: Sockets::new(sockets)?,
            received: ReceiveBatch::default(),
            outgoing: SendBatch::default(),
            network: Watch::open()?,
            relays: super::relays::Relays::new(settings.relay.clone()),
            unpublished: super::publication::Waiting::default(),
            schedule: Schedule::starting(time.instant),
            wall_clock: WallClock::starting(time),
            sender_reports: super::sender_reports::Turns::default(),
            waiting: HashMap::new(),
            inputs: VecDeque::new(),
            outputs: Vec::new(),
            events: Vec::new(),
            draining: false,
            conferences,
            settings,
        })
    }
}
