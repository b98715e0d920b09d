//! The chain: a pair of devices through which a packet with many receivers goes to its next stage
//! (`sft_common::flight`). It carries nothing else, and nobody gives it an address.
//!
//! Its names follow from the pin directory, so whoever removes that removes the chain, too.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use sft_common::maps::{MAX_PAYLOAD, MAX_RTP_HEADER};

use crate::netlink::{NetlinkError, Veth};

/// Largest IP packet: that of the longest RTP packet that a lane takes in.
const MTU: u32 = (40 + 8 + MAX_RTP_HEADER + MAX_PAYLOAD + 16) as u32;

/// The two ends.
pub(super) struct Chain {
    /// Index of the device that a stage sends to.
    pub(super) near: u32,
    /// Name of the device that the next stage comes from.
    pub(super) far: String,
}

/// Makes the pair of a pin directory anew.
pub(super) fn make(directory: &Path) -> Result<Chain, NetlinkError> {
    remove(directory)?;
    let [near, far] = names(directory);
    let near = Veth { near: &near, far: &far, mtu: MTU }.create()?;
    Ok(Chain { near, far })
}

/// Removes the pair of a pin directory, if there is one.
pub(super) fn remove(directory: &Path) -> Result<(), NetlinkError> {
    let [near, _] = names(directory);
    Veth::remove(&near)
}

/// At most 15 bytes.
fn names(directory: &Path) -> [String; 2] {
    let digest = digest(&SHA256, directory.as_os_str().as_encoded_bytes());
    let [a, b, c, d] = *digest.as_ref().first_chunk().unwrap_or(&[0; 4]);
    let name = u32::from_be_bytes([a, b, c, d]);
    ["out", "in"].map(|end| format!("sft{name:08x}-{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_fit() {
        let [near, far] = names(Path::new("/sys/fs/bpf/sft/1-8586"));
        assert_ne!(near, far);
        assert!(near.len() < libc::IFNAMSIZ && far.len() < libc::IFNAMSIZ, "{near} {far}");
        assert_ne!(names(Path::new("/sys/fs/bpf/sft/1-8587")), [near, far]);
    }
}
