//! CPU time of threads.

use std::{fs, time::Duration};

use crate::Failure;

/// CPU time of the calling thread so far, system calls included.
pub(crate) fn own_thread() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours; the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
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

    /// Their CPU time so far.
    pub(crate) fn time(&self) -> Result<Duration, Failure> {
        let mut sum = Duration::ZERO;
        for pid in &self.0 {
            let account = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
            let nanoseconds = account.split_whitespace().next().unwrap_or_default().parse()?;
            sum += Duration::from_nanos(nanoseconds);
        }
        Ok(sum)
    }
}
