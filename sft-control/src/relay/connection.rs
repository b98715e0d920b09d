//! The way to a TURN server: a UDP socket or a TCP stream.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket, lookup_host},
};

use super::{
    Allowed,
    server::{Server, Transport},
};

/// Longest datagram of media or ICE with what TURN puts around it, and the piece of a stream that is read at once.
const BUFFER: usize = 4096;

pub(super) struct Connection {
    way: Way,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    buffer: Box<[u8; BUFFER]>,
}

enum Way {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Connection {
    /// Connects to the first address of the server that is allowed.
    ///
    /// # Errors
    /// The system's; `PermissionDenied` if no address is allowed.
    pub(super) async fn open(server: &Server, allowed: &Allowed) -> io::Result<Self> {
        let mut found = lookup_host((server.host.as_str(), server.port)).await?;
        let remote = found.find(|address| allowed.has(address.ip())).ok_or_else(|| {
            io::Error::new(io::ErrorKind::PermissionDenied, "its address is neither public nor allowed")
        })?;
        let (way, local) = match server.transport {
            Transport::Udp => {
                let any: SocketAddr = if remote.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
                let socket = UdpSocket::bind(any).await?;
                socket.connect(remote).await?;
                let local = socket.local_addr()?;
                (Way::Udp(socket), local)
            }
            Transport::Tcp => {
                let stream = TcpStream::connect(remote).await?;
                stream.set_nodelay(true)?;
                let local = stream.local_addr()?;
                (Way::Tcp(stream), local)
            }
        };
        Ok(Connection { way, local, remote, buffer: Box::new([0; BUFFER]) })
    }

    /// The next datagram or piece of the stream; empty at its end. Nothing is lost if it is not awaited to its end.
    pub(super) async fn receive(&mut self) -> io::Result<&[u8]> {
        let length = match &mut self.way {
            Way::Udp(socket) => socket.recv(&mut self.buffer[..]).await?,
            Way::Tcp(stream) => stream.read(&mut self.buffer[..]).await?,
        };
        Ok(&self.buffer[..length])
    }

    pub(super) fn is_stream(&self) -> bool {
        matches!(self.way, Way::Tcp(_))
    }

    pub(super) async fn send(&mut self, data: &[u8]) -> io::Result<()> {
        match &mut self.way {
            // A datagram that the system does not take is one that was lost.
            Way::Udp(socket) => drop(socket.send(data).await),
            Way::Tcp(stream) => stream.write_all(data).await?,
        }
        Ok(())
    }
}
