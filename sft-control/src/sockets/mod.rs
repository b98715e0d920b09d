//! The UDP media sockets: batched receive and send.
//!
//! Knows datagrams and addresses, not what is in them. One socket per local media address, so that the
//! address a datagram came to is its socket's own.

mod receive;
mod segments;
mod send;

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use socket2::{Domain, Protocol, Socket, Type};

pub use receive::ReceiveBatch;
pub use send::{SendBatch, SendReport};

/// Datagrams that one system call takes or sends at most.
const BATCH: usize = 64;
/// Asked of the kernel for each direction, in bytes: a burst of key frames to many receivers.
const BUFFER: usize = 4 << 20;

/// Addresses that cannot be media addresses; inside an [`io::Error`] of the kind `InvalidInput`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("{0} is a wildcard: media needs the machine's own address, which every forwarding path names")]
    Wildcard(SocketAddr),
    #[error("there is no media address: name at least one")]
    Missing,
}

impl From<AddressError> for io::Error {
    fn from(error: AddressError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

/// One socket.
#[derive(Debug)]
pub struct MediaSocket {
    socket: Socket,
    local: SocketAddr,
}

impl MediaSocket {
    fn bind(address: SocketAddr) -> io::Result<MediaSocket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        enlarge(&socket, libc::SO_RCVBUFFORCE, || socket.set_recv_buffer_size(BUFFER))?;
        enlarge(&socket, libc::SO_SNDBUFFORCE, || socket.set_send_buffer_size(BUFFER))?;
        socket.bind(&address.into())?;
        let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(MediaSocket { socket, local })
    }

    /// The address it is bound to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }
}

/// Sets a buffer's size beyond the system's limit where that is allowed (CAP_NET_ADMIN), else up to it.
fn enlarge(socket: &Socket, option: i32, otherwise: impl Fn() -> io::Result<()>) -> io::Result<()> {
    let size = BUFFER as libc::c_int;
    // SAFETY: the descriptor is open, and the option takes an integer that lives through the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw const size).cast(),
            size_of_val(&size) as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { otherwise() }
}

impl AsFd for MediaSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for MediaSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// All media sockets, in the order of their addresses.
#[derive(Debug)]
pub struct MediaSockets(Vec<MediaSocket>);

impl MediaSockets {
    /// Binds one non-blocking socket per address. With port 0 in the first address the kernel chooses;
    /// port 0 in another means the port of the first.
    ///
    /// # Errors
    /// [`AddressError`] for no address or a wildcard, else the system's error with the address in its text.
    pub fn bind(addresses: &[SocketAddr]) -> io::Result<MediaSockets> {
        let mut sockets: Vec<MediaSocket> = Vec::with_capacity(addresses.len());
        for &(mut address) in addresses {
            if address.ip().is_unspecified() {
                return Err(AddressError::Wildcard(address).into());
            }
            if let (0, Some(first)) = (address.port(), sockets.first()) {
                address.set_port(first.local.port());
            }
            let socket = MediaSocket::bind(address)
                .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
            sockets.push(socket);
        }
        if sockets.is_empty() { Err(AddressError::Missing.into()) } else { Ok(MediaSockets(sockets)) }
    }

    pub fn iter(&self) -> impl Iterator<Item = &MediaSocket> {
        self.0.iter()
    }

    /// Socket of the address with this number.
    pub fn get(&self, number: usize) -> Option<&MediaSocket> {
        self.0.get(number)
    }
}

#[cfg(test)]
mod tests;
