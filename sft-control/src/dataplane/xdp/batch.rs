//! Changing many elements of a map in one system call, which the loader library does not offer.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd},
};

/// `BPF_MAP_UPDATE_BATCH` of linux/bpf.h.
const UPDATE: libc::c_long = 26;

/// The part of `union bpf_attr` that batches use.
#[repr(C)]
struct Attributes {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: u32,
    element_flags: u64,
    flags: u64,
}

/// Puts these maps into a map of maps, at these numbers.
///
/// # Errors
/// The system's; `InvalidInput` if there are not as many maps as numbers.
pub(super) fn update(map: BorrowedFd<'_>, numbers: &[u32], maps: &[OwnedFd]) -> io::Result<()> {
    let values: Vec<RawFd> = maps.iter().map(AsRawFd::as_raw_fd).collect();
    if values.len() != numbers.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let attributes = Attributes {
        in_batch: 0,
        out_batch: 0,
        keys: numbers.as_ptr() as u64,
        values: values.as_ptr() as u64,
        count: numbers.len() as u32,
        map: map.as_raw_fd() as u32,
        element_flags: 0,
        flags: 0,
    };
    // SAFETY: keys and values live through the call, which reads `count` of each.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, UPDATE, &raw const attributes, size_of::<Attributes>()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
