//! The course of a run: everybody joins, every slot changes hands once, the measuring window, leaving.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout_at},
};

use crate::{
    arguments::Arguments,
    conference::Conference,
    dtls::{Security, SecurityError},
    http::Endpoint,
    leg::{self, LegError},
    marker::LegId,
    offer::Slots,
    plan::{Plan, Round},
    verdict::Outcome,
};

/// Longest wait until everybody has joined, once nobody joins any more.
const JOIN: Duration = Duration::from_secs(20);
/// Time in which all must know all others, and everything selected must begin to arrive.
const SELECTION: Duration = Duration::from_secs(30);
/// Shortest time for the speakers to be settled: a server may leave a slot to a leg that fell silent for a
/// second or more.
const SETTLING: Duration = Duration::from_millis(2500);
/// Longest time until a leg that has moved to another address has its media there.
const FOLLOWED: Duration = Duration::from_secs(2);
/// Time for the last measured packets to arrive.
const DRAINING: Duration = Duration::from_secs(1);

/// What all legs do at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Joining,
    Selecting(Round),
    /// Each leg goes on under this address.
    Moving(IpAddr),
    Measuring,
    /// Sending goes on, so that nothing measured is the last of its kind.
    Draining,
    Leaving,
}

/// What a leg reports on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The participant list names it.
    Joined(LegId),
    /// Everything it expects in this round has begun to arrive.
    Ready(LegId, Round),
    /// Media arrives under its new address.
    Moved(LegId),
}

/// What all legs share.
pub(crate) struct Run {
    pub(crate) server: Endpoint,
    pub(crate) security: Security,
    pub(crate) plan: Plan,
    pub(crate) slots: Slots,
    /// Where media sockets are bound.
    pub(crate) bind: IpAddr,
    /// Where the legs move to before the measuring window.
    move_to: Option<IpAddr>,
    /// Legs that may be joining at the same time.
    joining: usize,
    /// Random; tells our packets from others.
    pub(crate) number: u32,
    pub(crate) began: Instant,
    conferences: Vec<Arc<Conference>>,
}

/// What a run yields.
pub(crate) struct Results {
    /// Legs that stayed to the end, by conference and index.
    pub(crate) outcomes: Vec<Outcome>,
    /// Of the run as a whole and of the legs that did not stay.
    pub(crate) failures: Vec<String>,
}

/// The run cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Security(#[from] SecurityError),
    #[error("cannot find a local address for media (--bind): {0}")]
    Address(#[source] LegError),
}

impl Run {
    pub(crate) async fn new(arguments: &Arguments) -> Result<Self, RunError> {
        let mut random = StdRng::from_os_rng();
        let plan = arguments.plan();
        let bind = match arguments.bind {
            Some(address) => address,
            None => leg::local_address(&arguments.url).await.map_err(RunError::Address)?,
        };
        let conference = |_| Arc::new(Conference::random(plan.legs, &mut random));
        let conferences = (0..arguments.conferences).map(conference).collect();
        Ok(Run {
            server: arguments.url.clone(),
            security: Security::new(arguments.profile.only())?,
            plan,
            slots: arguments.slots(),
            bind,
            move_to: arguments.move_to,
            joining: arguments.joining.into(),
            number: random.random(),
            began: Instant::now(),
            conferences,
        })
    }

    /// # Panics
    /// If the leg is of no conference of this run.
    pub(crate) fn conference(&self, leg: LegId) -> &Arc<Conference> {
        &self.conferences[usize::from(leg.conference)]
    }

    /// Legs of all conferences.
    pub(crate) fn legs(&self) -> usize {
        self.conferences.len() * usize::from(self.plan.legs)
    }
}

/// Runs everything; `window` is the length of the measuring window.
pub(crate) async fn run(run: Arc<Run>, window: Duration) -> Results {
    let (phase, _) = watch::channel(Phase::Joining);
    let (reports, progress) = mpsc::unbounded_channel();
    let mut course = Course {
        run,
        tasks: JoinSet::new(),
        phase,
        reports,
        progress,
        joined: HashSet::new(),
        ready: HashSet::new(),
        results: Results { outcomes: Vec::new(), failures: Vec::new() },
    };
    course.join().await;
    if !course.joined.is_empty() {
        course.select(Round::First).await;
        course.select(Round::Final).await;
        if let Some(address) = course.run.move_to {
            course.move_to(address).await;
        }
        course.measure(window).await;
    }
    course.leave().await
}

struct Course {
    run: Arc<Run>,
    tasks: JoinSet<(LegId, Result<Outcome, LegError>)>,
    phase: watch::Sender<Phase>,
    reports: mpsc::UnboundedSender<Progress>,
    progress: mpsc::UnboundedReceiver<Progress>,
    joined: HashSet<LegId>,
    /// In the current round.
    ready: HashSet<LegId>,
    results: Results,
}

impl Course {
    /// The first leg of each conference comes first: it is to be the key generator.
    async fn join(&mut self) {
        let total = self.run.legs();
        say(format_args!("joining {total} legs"));
        let conferences = self.run.conferences.len() as u16;
        let plan = self.run.plan;
        let all = |indices: std::ops::Range<u16>| {
            indices.flat_map(move |index| (0..conferences).map(move |conference| LegId { conference, index }))
        };
        for (indices, until) in [(0..1, usize::from(conferences)), (1..plan.legs, total)] {
            // Without a first leg the plan does not hold.
            if !self.results.failures.is_empty() {
                break;
            }
            for leg in all(indices) {
                while self.joining() >= self.run.joining && self.wait(JOIN).await {}
                self.spawn(leg);
            }
            while self.joining() > 0 && self.joined.len() < until && self.wait(JOIN).await {}
        }
        say(format_args!("{} of {total} legs have joined", self.joined.len()));
    }

    fn joining(&self) -> usize {
        self.tasks.len().saturating_sub(self.joined.len())
    }

    fn spawn(&mut self, leg: LegId) {
        let (run, reports, phases) = (self.run.clone(), self.reports.clone(), self.phase.subscribe());
        self.tasks.spawn(async move { (leg, leg::run(run, leg, reports, phases).await) });
    }

    /// Takes the next report, or the end of a leg. `false` if none came within `patience`.
    async fn wait(&mut self, patience: Duration) -> bool {
        let deadline = tokio::time::Instant::now() + patience;
        let next = async {
            tokio::select! {
                Some(report) = self.progress.recv() => Ok(report),
                Some(ended) = self.tasks.join_next() => Err(ended),
            }
        };
        match timeout_at(deadline, next).await {
            Err(_) => return false,
            Ok(Ok(Progress::Joined(leg))) => {
                self.joined.insert(leg);
            }
            Ok(Ok(Progress::Ready(leg, round))) => {
                if *self.phase.borrow() == Phase::Selecting(round) {
                    self.ready.insert(leg);
                }
            }
            Ok(Ok(Progress::Moved(leg))) => {
                self.ready.insert(leg);
            }
            Ok(Err(ended)) => self.end(ended),
        }
        true
    }

    fn end(&mut self, ended: Result<(LegId, Result<Outcome, LegError>), tokio::task::JoinError>) {
        match ended {
            Ok((leg, Ok(outcome))) => {
                self.joined.remove(&leg);
                self.results.outcomes.push(outcome);
            }
            Ok((leg, Err(error))) => {
                self.joined.remove(&leg);
                let LegId { conference, index } = leg;
                self.fail(format!("conference {conference}: leg {index} failed {error}"));
            }
            Err(error) => self.fail(format!("a leg crashed: {error}")),
        }
    }

    fn fail(&mut self, failure: String) {
        say(format_args!("{failure}"));
        self.results.failures.push(failure);
    }

    /// Waits until all legs get what they selected.
    async fn select(&mut self, round: Round) {
        say(format_args!("{} selection", if round == Round::First { "first" } else { "final" }));
        self.ready.clear();
        self.phase.send_replace(Phase::Selecting(round));
        let began = Instant::now();
        while self.ready.len() < self.joined.len() {
            let left = SELECTION.saturating_sub(began.elapsed());
            if !self.wait(left).await {
                let seconds = SELECTION.as_secs();
                self.fail_late(format_args!(
                    "did not get all they expect within {seconds} s of the {round:?} selection"
                ));
                break;
            }
        }
        self.stay(SETTLING.saturating_sub(began.elapsed())).await;
    }

    /// Names the legs that are not ready.
    fn fail_late(&mut self, what: std::fmt::Arguments<'_>) {
        let mut late: Vec<LegId> = self.joined.difference(&self.ready).copied().collect();
        late.sort_unstable();
        let shown: Vec<String> =
            late.iter().take(10).map(|leg| format!("{}/{}", leg.conference, leg.index)).collect();
        self.fail(format!("{} legs {what}: {}", late.len(), shown.join(" ")));
    }

    /// Moves all legs at once, and waits until the server has followed them.
    async fn move_to(&mut self, address: IpAddr) {
        say(format_args!("moving to {address}"));
        self.ready.clear();
        self.phase.send_replace(Phase::Moving(address));
        let began = Instant::now();
        while self.ready.len() < self.joined.len() {
            if !self.wait(FOLLOWED.saturating_sub(began.elapsed())).await {
                let seconds = FOLLOWED.as_secs();
                self.fail_late(format_args!("had no media within {seconds} s of moving to {address}"));
                return;
            }
        }
        let milliseconds = began.elapsed().as_millis();
        say(format_args!("the server followed all {} legs after {milliseconds} ms", self.ready.len()));
    }

    async fn measure(&mut self, window: Duration) {
        say(format_args!("measuring for {} s", window.as_secs()));
        self.phase.send_replace(Phase::Measuring);
        self.stay(window).await;
        self.phase.send_replace(Phase::Draining);
        self.stay(DRAINING).await;
    }

    /// Lets time pass, and notices legs that end.
    async fn stay(&mut self, time: Duration) {
        let pause = sleep(time);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return,
                Some(ended) = self.tasks.join_next() => self.end(ended),
            }
        }
    }

    async fn leave(mut self) -> Results {
        say(format_args!("leaving"));
        self.phase.send_replace(Phase::Leaving);
        while let Some(ended) = self.tasks.join_next().await {
            self.end(ended);
        }
        self.results.outcomes.sort_by_key(|outcome| outcome.leg);
        self.results
    }
}

/// A line for who waits at the terminal.
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    eprintln!("sft-load: {line}");
}
