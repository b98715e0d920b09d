//! Detaching programs at once, which the loader library does not offer: when the last reference to a pinned
//! link goes, the kernel detaches its program some time later, and until then nobody else can attach one.

use std::{
    ffi::CString,
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    path::Path,
};

/// Commands of linux/bpf.h.
const OBJ_GET: libc::c_long = 7;
const LINK_DETACH: libc::c_long = 34;

/// The part of `union bpf_attr` that `BPF_OBJ_GET` uses.
#[repr(C)]
struct Pinned {
    path: u64,
    descriptor: u32,
    flags: u32,
}

/// Detaches the program of a pinned link. The pin stays.
///
/// # Errors
/// The system's; `Unsupported` for links of tracepoints, which cannot be detached but keep nobody from
/// attaching another.
pub(super) fn detach(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    let pinned = Pinned { path: path.as_ptr() as u64, descriptor: 0, flags: 0 };
    let link = call(OBJ_GET, &pinned)?;
    // SAFETY: a new descriptor that nobody else owns.
    let link = unsafe { OwnedFd::from_raw_fd(link) };
    call(LINK_DETACH, &link.as_raw_fd()).map(drop)
}

fn call<T>(command: libc::c_long, attributes: &T) -> io::Result<i32> {
    // SAFETY: attributes of the command, with what they refer to, live through the call.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    if result >= 0 { Ok(result as i32) } else { Err(io::Error::last_os_error()) }
}
