//! How other threads talk to the engine.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{mpsc, oneshot, watch};

use super::snapshot::Snapshot;
use crate::{
    core::{
        Secret,
        event::{Reply, RequestId},
    },
    dataplane::lanes::LaneStatus,
};

/// Commands that wait for the engine at most; whoever comes later is refused at once.
const QUEUE: usize = 4096;

/// A question or an order to the engine.
pub(super) enum Command {
    Request { id: RequestId, group: String, body: Vec<u8>, reply: oneshot::Sender<Reply> },
    RequestGone(RequestId),
    Snapshot(oneshot::Sender<Snapshot>),
    TokenSecret(Secret),
    IsDraining(oneshot::Sender<bool>),
    Lane { group: String, answer: oneshot::Sender<Option<LaneStatus>> },
    Drain,
    Stop(oneshot::Sender<()>),
}

/// The engine does not take commands: it is overloaded, or it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server is too busy, or it is stopping")]
pub struct Unavailable;

/// The engine, seen from another thread.
#[derive(Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    next_request: Arc<AtomicU64>,
    conferences: watch::Receiver<usize>,
}

/// A request whose reply is still to come. Dropped early, it tells the engine that nobody waits any more.
pub struct Pending {
    id: RequestId,
    commands: mpsc::Sender<Command>,
    reply: Option<oneshot::Receiver<Reply>>,
}

pub(super) fn channel(conferences: watch::Receiver<usize>) -> (Handle, mpsc::Receiver<Command>) {
    let (commands, queue) = mpsc::channel(QUEUE);
    (Handle { commands, next_request: Arc::default(), conferences }, queue)
}

impl Handle {
    /// Hands in the body of a POST to `/sft/<group>`.
    ///
    /// # Errors
    /// [`Unavailable`] if the queue is full.
    pub fn request(&self, group: String, body: Vec<u8>) -> Result<Pending, Unavailable> {
        let id = RequestId(self.next_request.fetch_add(1, Ordering::Relaxed));
        let (reply, receiver) = oneshot::channel();
        let command = Command::Request { id, group, body, reply };
        self.commands.try_send(command).map_err(|_| Unavailable)?;
        Ok(Pending { id, commands: self.commands.clone(), reply: Some(receiver) })
    }

    /// The state of everything, for the CLI and metrics.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine does not answer.
    pub async fn snapshot(&self) -> Result<Snapshot, Unavailable> {
        let (answer, receiver) = oneshot::channel();
        self.commands.send(Command::Snapshot(answer)).await.map_err(|_| Unavailable)?;
        receiver.await.map_err(|_| Unavailable)
    }

    /// Check tokens with this secret from now on.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine has ended.
    pub async fn set_token_secret(&self, secret: Secret) -> Result<(), Unavailable> {
        self.commands.send(Command::TokenSecret(secret)).await.map_err(|_| Unavailable)
    }

    /// The lane that carries a conference, and why; `None` if there is no conference of this group.
    ///
    /// # Errors
    /// [`Unavailable`] if the queue is full or the engine does not answer.
    pub async fn lane(&self, group: String) -> Result<Option<LaneStatus>, Unavailable> {
        let (answer, receiver) = oneshot::channel();
        // Anybody may ask, so that nobody may wait for room in the queue.
        self.commands.try_send(Command::Lane { group, answer }).map_err(|_| Unavailable)?;
        receiver.await.map_err(|_| Unavailable)
    }

    /// Refuse new conferences from now on.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine has ended.
    pub async fn drain(&self) -> Result<(), Unavailable> {
        self.commands.send(Command::Drain).await.map_err(|_| Unavailable)
    }

    /// Whether new conferences are refused. An answer also says that the engine is alive.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine has ended.
    pub async fn is_draining(&self) -> Result<bool, Unavailable> {
        let (answer, receiver) = oneshot::channel();
        self.commands.send(Command::IsDraining(answer)).await.map_err(|_| Unavailable)?;
        receiver.await.map_err(|_| Unavailable)
    }

    /// Returns when there is no conference.
    pub async fn empty(&self) {
        // An engine that has ended has no conference.
        drop(self.conferences.clone().wait_for(|number| *number == 0).await);
    }

    /// End all conferences and release the kernel's resources. Returns when that is done.
    pub async fn stop(&self) {
        let (done, receiver) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            // An engine that ended before it could answer has stopped, too.
            drop(receiver.await);
        }
    }
}

impl Pending {
    /// Waits for the reply.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine ended.
    pub async fn reply(mut self) -> Result<Reply, Unavailable> {
        let Some(receiver) = self.reply.as_mut() else { return Err(Unavailable) };
        let reply = receiver.await.map_err(|_| Unavailable);
        self.reply = None;
        reply
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.reply.is_some() {
            // A full queue loses this notice; the leg then ends by its setup timer.
            drop(self.commands.try_send(Command::RequestGone(self.id)));
        }
    }
}
