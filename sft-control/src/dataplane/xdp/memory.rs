//! Arrays of the programs, mapped into our memory: references are switched by one store, statistics read
//! without a system call.

use std::{
    io, ptr,
    sync::atomic::{AtomicU64, Ordering},
};

use aya::{Pod, maps::Map};

use super::LoadError;

/// An array whose values are `T`. Both sides access it as 64-bit words.
pub(super) struct Shared<T> {
    start: *mut T,
    len: usize,
    /// Of the mapping, in bytes.
    size: usize,
}

// SAFETY: the mapping belongs to this value alone, and it is unmapped once, by whoever drops it.
unsafe impl<T> Send for Shared<T> {}

impl<T: Pod> Shared<T> {
    /// Maps an array that was created with `BPF_F_MMAPABLE`.
    pub(super) fn of(map: &Map, len: usize) -> Result<Self, LoadError> {
        const { assert!(size_of::<T>().is_multiple_of(8) && align_of::<T>() <= 8) };
        let Map::Array(data) = map else { return Err(LoadError::Object("a shared map is no array".into())) };
        let size = (len * size_of::<T>()).next_multiple_of(page_size());
        // SAFETY: a new mapping of a file that we own; no memory of ours is touched.
        let start = unsafe {
            use std::os::fd::{AsFd, AsRawFd};
            let descriptor = data.fd().as_fd().as_raw_fd();
            libc::mmap(
                ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                descriptor,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(LoadError::Memory(io::Error::last_os_error()));
        }
        Ok(Shared { start: start.cast(), len, size })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Element `at`, for whoever knows how to share it.
    pub(super) fn pointer(&self, at: u32) -> *mut T {
        assert!((at as usize) < self.len);
        // SAFETY: an element of the mapping.
        unsafe { self.start.add(at as usize) }
    }

    /// A copy of element `at`, word by word: each word is whole, not all of the same instant.
    pub(super) fn read(&self, at: u32) -> T {
        assert!((at as usize) < self.len);
        // SAFETY: an element of the mapping; any bits are a value of plain data.
        unsafe { self.start.add(at as usize).read_volatile() }
    }

    /// Overwrites an element that nobody reads yet.
    pub(super) fn write(&self, at: u32, value: T) {
        assert!((at as usize) < self.len);
        // SAFETY: an element of the mapping.
        unsafe { self.start.add(at as usize).write_volatile(value) };
    }

    /// Word `word` of element `at`.
    pub(super) fn word(&self, at: u32, word: usize) -> &AtomicU64 {
        assert!((at as usize) < self.len && word < size_of::<T>() / 8);
        // SAFETY: an aligned word of the mapping, which lives as long as the borrow; the programs access it
        // as a whole, too.
        unsafe { AtomicU64::from_ptr(self.start.add(at as usize).cast::<u64>().add(word)) }
    }

    /// Stores a reference: everything written before is seen by whoever sees it.
    pub(super) fn store(&self, at: u32, word: usize, value: u64) {
        self.word(at, word).store(value, Ordering::Release);
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: our mapping, of this size.
        unsafe { libc::munmap(self.start.cast(), self.size) };
    }
}

fn page_size() -> usize {
    // SAFETY: no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}
