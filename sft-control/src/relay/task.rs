//! The life of an allocation: one server after the other until one gives an address, then datagrams both ways until
//! the leg ends.

use std::{io, time::Duration};

use tokio::time::{Instant, sleep_until, timeout_at};

use super::{
    Allowed, Ends, Event, EventKind, Outgoing, Server, allocation::Allocation, connection::Connection,
};
use crate::core::table::LegId;

/// For all servers together: the client waits for its offer meanwhile.
const PATIENCE: Duration = Duration::from_secs(3);
/// For each of them.
const PATIENCE_EACH: Duration = Duration::from_millis(1500);
/// For giving the address back.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it refuses an allocation")]
    Refused,
    #[error("it does not answer in time")]
    Timeout(#[from] tokio::time::error::Elapsed),
}

/// Starts the task of a leg. It ends with the sender of what it is to send.
pub fn start(leg: LegId, servers: Vec<Server>, allowed: Allowed, ends: Ends) {
    tokio::spawn(run(leg, servers, allowed, ends));
}

async fn run(leg: LegId, servers: Vec<Server>, allowed: Allowed, mut ends: Ends) {
    let Some(mut relay) = first(leg, &servers, &allowed).await else {
        // The engine may have ended.
        drop(ends.events.send(Event { leg, kind: EventKind::Failed }).await);
        return;
    };
    if let Some(address) = relay.allocation.relayed() {
        tracing::debug!(leg = leg.0, %address, "relayed address");
        drop(ends.events.send(Event { leg, kind: EventKind::Ready(address) }).await);
    }
    if let Err(error) = relay.carry(leg, &mut ends).await {
        tracing::debug!(leg = leg.0, %error, "allocation over");
    }
    drop(ends.events.send(Event { leg, kind: EventKind::Ended }).await);
    relay.allocation.delete(Instant::now().into_std());
    drop(timeout_at(Instant::now() + FAREWELL, relay.turn()).await);
}

/// The first server that gives an address.
async fn first(leg: LegId, servers: &[Server], allowed: &Allowed) -> Option<Relay> {
    let end = Instant::now() + PATIENCE;
    for server in servers {
        let until = end.min(Instant::now() + PATIENCE_EACH);
        let relay = timeout_at(until, Relay::open(server, allowed)).await;
        match relay.map_err(Problem::from).flatten() {
            Ok(relay) => return Some(relay),
            Err(error) => tracing::debug!(leg = leg.0, ?server, %error, "no relayed address"),
        }
    }
    None
}

/// An allocation and the way to its server.
struct Relay {
    connection: Connection,
    allocation: Allocation,
}

impl Relay {
    async fn open(server: &Server, allowed: &Allowed) -> Result<Self, Problem> {
        let connection = Connection::open(server, allowed).await?;
        let (local, remote) = (connection.local, connection.remote);
        let allocation = Allocation::ask(local, remote, server, Instant::now().into_std());
        let mut relay = Relay { connection, allocation };
        let mut due = relay.turn().await?;
        while relay.allocation.relayed().is_none() {
            if relay.allocation.is_over() {
                return Err(Problem::Refused);
            }
            relay.wait(due, std::future::pending()).await?;
            due = relay.turn().await?;
        }
        Ok(relay)
    }

    /// Carries datagrams until the leg ends.
    async fn carry(&mut self, leg: LegId, ends: &mut Ends) -> Result<(), Problem> {
        let mut due = self.turn().await?;
        while !self.allocation.is_over() {
            for (peer, datagram) in self.allocation.take_datagrams() {
                let kind = EventKind::Datagram(peer, datagram);
                if ends.events.send(Event { leg, kind }).await.is_err() {
                    return Ok(());
                }
            }
            match self.wait(due, ends.outgoing.recv()).await? {
                Some(None) => return Ok(()),
                Some(Some((peer, datagram))) => {
                    self.allocation.send(peer, &datagram, Instant::now().into_std());
                }
                None => {}
            }
            due = self.turn().await?;
        }
        Err(Problem::Refused)
    }

    /// Until the server sends something, something is due, or `other` is there, which is returned.
    async fn wait(
        &mut self,
        due: Instant,
        other: impl Future<Output = Option<Outgoing>>,
    ) -> Result<Option<Option<Outgoing>>, Problem> {
        let is_stream = self.connection.is_stream();
        tokio::select! {
            received = self.connection.receive() => match received {
                Ok([]) if is_stream => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(data) => self.allocation.receive(data, Instant::now().into_std()),
                Err(error) => return Err(error.into()),
            },
            other = other => return Ok(Some(other)),
            () = sleep_until(due) => {}
        }
        Ok(None)
    }

    /// Does what is due and sends it; when to come back.
    async fn turn(&mut self) -> Result<Instant, Problem> {
        let due = self.allocation.poll(Instant::now().into_std());
        for request in self.allocation.take_requests() {
            self.connection.send(&request).await?;
        }
        Ok(due.into())
    }
}
