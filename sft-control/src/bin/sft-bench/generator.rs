//! Sends packets of one source into the clients' end of the pair, as a sender's network card would.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    sync::mpsc,
    thread,
};

use crate::{Failure, rig::CLIENT_INTERFACE};

/// A thread with all frames ready.
pub(crate) struct Generator {
    orders: mpsc::Sender<usize>,
}

impl Generator {
    /// Takes complete Ethernet frames, sent in this order.
    pub(crate) fn start(frames: Vec<Vec<u8>>) -> Result<Self, Failure> {
        let socket = packet_socket()?;
        let (orders, queue) = mpsc::channel::<usize>();
        thread::Builder::new().name("generator".into()).spawn(move || {
            let mut frames = frames.iter();
            for order in queue {
                for frame in frames.by_ref().take(order) {
                    send(&socket, frame);
                }
            }
        })?;
        Ok(Generator { orders })
    }

    /// Lets the thread send the next frames.
    pub(crate) fn send(&self, frames: usize) -> Result<(), Failure> {
        Ok(self.orders.send(frames)?)
    }
}

/// A frame that the interface does not take shows as a copy that never comes.
fn send(socket: &OwnedFd, frame: &[u8]) {
    // SAFETY: the frame lives through the call.
    unsafe { libc::send(socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
}

fn packet_socket() -> Result<OwnedFd, Failure> {
    // SAFETY: no pointers; the descriptor is owned from here on.
    let socket = unsafe {
        let descriptor = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0);
        if descriptor < 0 {
            return Err(io::Error::last_os_error().into());
        }
        OwnedFd::from_raw_fd(descriptor)
    };
    let name = std::ffi::CString::new(CLIENT_INTERFACE)?;
    // SAFETY: a string that lives through the call, then a zeroed address that is filled in.
    let bound = unsafe {
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = libc::if_nametoindex(name.as_ptr()) as i32;
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length)
    };
    if bound != 0 {
        return Err(io::Error::last_os_error().into());
    }
    Ok(socket)
}
