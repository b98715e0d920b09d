//! What a network card does to frames before programs see them.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use super::NetlinkError;

/// Commands and a flag of linux/sockios.h and linux/ethtool.h.
const SIOCETHTOOL: libc::Ioctl = 0x8946;
const GET_FLAGS: u32 = 0x25;
const RECEIVE_VLAN: u32 = 1 << 8;

/// `struct ethtool_value`.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// Whether the interface takes VLAN tags off received frames (`rx-vlan-offload`): the stack gets them beside the
/// frame, XDP programs not at all.
///
/// # Errors
/// `Refused`: there is no such interface.
pub fn strips_vlan_tags(interface: &str) -> Result<bool, NetlinkError> {
    flags(interface).map(|flags| flags & RECEIVE_VLAN != 0).map_err(|reason| NetlinkError::Refused {
        question: format!("offloads of interface {interface}"),
        reason,
    })
}

fn flags(interface: &str) -> io::Result<u32> {
    let mut value = Value { command: GET_FLAGS, data: 0 };
    // SAFETY: a new descriptor that nobody else owns, and a request of the size and with the data that the
    // command takes, which live through the call.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        let socket = OwnedFd::from_raw_fd(socket);
        let mut request: libc::ifreq = std::mem::zeroed();
        let (last, room) = (request.ifr_name.len() - 1, &mut request.ifr_name);
        for (to, from) in room.iter_mut().take(last).zip(interface.bytes()) {
            *to = from as libc::c_char;
        }
        request.ifr_ifru.ifru_data = (&raw mut value).cast();
        match libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) {
            0 => Ok(value.data),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::strips_vlan_tags;

    #[test]
    fn loopback_touches_no_tags_and_what_is_not_there_is_an_error() {
        assert!(!strips_vlan_tags("lo").unwrap());
        assert!(strips_vlan_tags("no such link").is_err());
    }
}
