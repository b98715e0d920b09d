//! The directory on a BPF file system where programs and maps outlive a crash, until their lease ends.

use std::{
    ffi::CString,
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::{chain, links};
use crate::netlink::NetlinkError;

/// Where the kernel's BPF file system belongs.
const FILE_SYSTEM: &str = "/sys/fs/bpf";
/// Below it, one directory per network namespace and port.
const OURS: &str = "/sys/fs/bpf/sft";
/// `BPF_FS_MAGIC` of linux/magic.h.
const MAGIC: i64 = 0xcafe_4a11;

/// A pin directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    #[error("{path}: {reason}")]
    Directory { path: String, reason: io::Error },
    #[error("{0} is not on a BPF file system: mount one, or use another --pin-dir")]
    NotBpf(String),
    #[error(transparent)]
    Network(#[from] NetlinkError),
    #[error("no server has left anything pinned below {OURS}")]
    Nothing,
    #[error("several servers have pinned maps: choose one with --pin-dir: {0}")]
    Several(String),
}

/// The directory for a server with this media port in this network namespace.
pub(super) fn default_directory(port: u16) -> Result<PathBuf, PinError> {
    let path = "/proc/self/ns/net";
    let namespace = fs::metadata(path).map_err(|reason| failed(Path::new(path), reason))?.ino();
    Ok(Path::new(OURS).join(format!("{namespace}-{port}")))
}

/// The only pin directory there is.
///
/// # Errors
/// `Nothing` and `Several`.
pub fn only_pin_dir() -> Result<PathBuf, PinError> {
    let entries = fs::read_dir(OURS).map_err(|_| PinError::Nothing)?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    match found.len() {
        0 => Err(PinError::Nothing),
        1 => Ok(found.remove(0)),
        _ => {
            let names: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
            Err(PinError::Several(names.join(", ")))
        }
    }
}

/// Makes the directory, for root's eyes only, after removing what an earlier server left in it.
pub(super) fn prepare(directory: &Path) -> Result<(), PinError> {
    if directory.starts_with(FILE_SYSTEM) && !is_bpf(Path::new(FILE_SYSTEM)) {
        mount()?;
    }
    if directory.exists() {
        remove(directory)?;
    }
    fs::create_dir_all(directory).map_err(|reason| failed(directory, reason))?;
    if !is_bpf(directory) {
        // The directory was made by us and is empty.
        drop(fs::remove_dir(directory));
        return Err(not_bpf(directory));
    }
    let private = fs::Permissions::from_mode(0o700);
    fs::set_permissions(directory, private).map_err(|reason| failed(directory, reason))
}

/// Detaches the programs, and removes the pins and the chain.
///
/// # Errors
/// `NotBpf`: nothing there is ours, and nothing is removed. `Directory`. `Network`.
pub fn remove(directory: &Path) -> Result<(), PinError> {
    let entries = fs::read_dir(directory).map_err(|reason| failed(directory, reason))?;
    if !is_bpf(directory) {
        return Err(not_bpf(directory));
    }
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort_by_key(|path| !is_link(path));
    for path in paths {
        if is_link(&path) {
            // If it cannot be detached at once, removing the pin does it in a while.
            drop(links::detach(&path));
        }
        fs::remove_file(&path).map_err(|reason| failed(&path, reason))?;
    }
    fs::remove_dir(directory).map_err(|reason| failed(directory, reason))?;
    Ok(chain::remove(directory)?)
}

/// Name of a pinned link.
pub(super) fn link_name(target: &str) -> String {
    format!("link-{target}")
}

fn is_link(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("link-"))
}

fn is_bpf(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_encoded_bytes()) else { return false };
    // SAFETY: a string that lives through the call, and a structure of ours to fill in.
    unsafe {
        let mut found: libc::statfs = std::mem::zeroed();
        libc::statfs(path.as_ptr(), &raw mut found) == 0 && found.f_type as i64 == MAGIC
    }
}

fn mount() -> Result<(), PinError> {
    // SAFETY: constant strings.
    let result = unsafe {
        libc::mount(c"bpf".as_ptr(), c"/sys/fs/bpf".as_ptr(), c"bpf".as_ptr(), 0, std::ptr::null())
    };
    match result {
        0 => Ok(()),
        _ => Err(failed(Path::new(FILE_SYSTEM), io::Error::last_os_error())),
    }
}

fn not_bpf(directory: &Path) -> PinError {
    PinError::NotBpf(directory.display().to_string())
}

fn failed(path: &Path, reason: io::Error) -> PinError {
    PinError::Directory { path: path.display().to_string(), reason }
}
