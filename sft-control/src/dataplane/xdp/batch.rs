//! Changing or reading many elements of a map in one system call, which the loader library does not offer.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd},
};

use aya::Pod;

/// `BPF_MAP_LOOKUP_BATCH` and `BPF_MAP_UPDATE_BATCH` of linux/bpf.h.
const LOOKUP: libc::c_long = 24;
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
    let mut attributes = Attributes {
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
    unsafe { call(UPDATE, &mut attributes) }
}

/// `count` values of an array from number `first` on. `flags`: of an element, as for reading it alone.
///
/// # Errors
/// The system's: the array ends before, or does not take the flags.
pub(super) fn lookup<T: Pod + Default>(
    map: BorrowedFd<'_>,
    first: u32,
    count: u32,
    flags: u64,
) -> io::Result<Vec<T>> {
    let (mut keys, mut values) = (vec![0_u32; count as usize], vec![T::default(); count as usize]);
    // The key before the first one to read; none for the start of the array.
    let before = first.wrapping_sub(1);
    let mut last = 0_u32;
    let mut attributes = Attributes {
        in_batch: if first == 0 { 0 } else { &raw const before as u64 },
        out_batch: &raw mut last as u64,
        keys: keys.as_mut_ptr() as u64,
        values: values.as_mut_ptr() as u64,
        count,
        map: map.as_raw_fd() as u32,
        element_flags: flags,
        flags: 0,
    };
    // SAFETY: everything lives through the call, which writes at most `count` keys and values; any bits are a
    // value of plain data.
    unsafe { call(LOOKUP, &mut attributes)? };
    values.truncate(attributes.count as usize);
    Ok(values)
}

/// # Safety
/// The addresses in the attributes are those of memory that the command may use.
unsafe fn call(command: libc::c_long, attributes: &mut Attributes) -> io::Result<()> {
    // SAFETY: the caller's promise, and attributes of this size, which the kernel also writes to.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attributes, size_of::<Attributes>()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
