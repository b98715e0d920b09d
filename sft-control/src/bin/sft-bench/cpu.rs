//! CPU time of threads.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{Failure, rig::run};

/// CPU time of the calling thread so far, system calls included.
pub(crate) fn own_thread() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// CPU time so far of the task with this directory below `/proc`.
pub(crate) fn of_task(directory: &Path) -> Result<Duration, Failure> {
    let account = fs::read_to_string(directory.join("schedstat"))?;
    Ok(Duration::from_nanos(account.split_whitespace().next().unwrap_or_default().parse()?))
}

/// A thread of the kernel that polls one interface (threaded NAPI).
#[derive(Debug)]
pub(crate) struct Poller(Vec<u32>);

impl Poller {
    /// The threads that poll this interface.
    pub(crate) fn of(interface: &str) -> Result<Self, Failure> {
        let prefix = format!("napi/{interface}-");
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // A process that ended meanwhile has no name.
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            if name.starts_with(&prefix) {
                found.push(pid);
            }
        }
        if found.is_empty() {
            return Err(format!("no kernel thread polls {interface}: threaded NAPI is not available").into());
        }
        Ok(Poller(found))
    }

    /// Lets them run before everything else, on one CPU. A veth interface holds 256 frames, which are lost while
    /// clients keep its thread from running; a network card would hold several times as many.
    pub(crate) fn prefer(&self, cpu: usize) -> Result<(), Failure> {
        let cpu = cpu % std::thread::available_parallelism()?.get();
        for pid in self.0.iter().map(u32::to_string) {
            run(Command::new("taskset").args(["-p", "-c", &cpu.to_string(), &pid]))?;
            run(Command::new("chrt").args(["-f", "-p", "1", &pid]))?;
        }
        Ok(())
    }

    /// Their CPU time so far.
    pub(crate) fn time(&self) -> Result<Duration, Failure> {
        let mut sum = Duration::ZERO;
        for pid in &self.0 {
            sum += of_task(&PathBuf::from(format!("/proc/{pid}")))?;
        }
        Ok(sum)
    }
}
