//! Up to 64 datagrams by one system call.

use std::{io, net::SocketAddr, os::fd::AsRawFd, ptr};

use socket2::{SockAddr, SockAddrStorage};

use super::{BATCH, MediaSocket};

/// Longest datagram that is taken whole, in bytes; the longest RTP packet that a lane takes in is shorter, and
/// of a longer datagram only so much is read.
const DATAGRAM: usize = 2048;

const _: () = assert!(DATAGRAM > sft_common::maps::MAX_RTP_HEADER + sft_common::maps::MAX_PAYLOAD + 16);

/// The datagrams of one call. An empty one holds no memory; it is used again and again.
#[derive(Default)]
pub struct ReceiveBatch {
    buffers: Vec<[u8; DATAGRAM]>,
    /// Remote address and length of what the first buffers hold.
    received: Vec<(Option<SocketAddr>, usize)>,
}

impl ReceiveBatch {
    /// Remote address and bytes of every datagram of the last [`MediaSocket::receive`].
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        let datagrams = self.received.iter().zip(&mut self.buffers);
        datagrams.filter_map(|(&(remote, length), buffer)| Some((remote?, buffer.get_mut(..length)?)))
    }
}

impl MediaSocket {
    /// Takes what has arrived, at most 64 datagrams, in place of what `batch` held; returns their number.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing, else the system's.
    pub fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<usize> {
        batch.received.clear();
        batch.buffers.resize(BATCH, [0; DATAGRAM]);
        let mut remotes: [SockAddrStorage; BATCH] = std::array::from_fn(|_| SockAddrStorage::zeroed());
        let mut vectors = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; BATCH];
        // SAFETY: a header of zeros is an empty one.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        for (((header, vector), remote), buffer) in
            headers.iter_mut().zip(&mut vectors).zip(&mut remotes).zip(&mut batch.buffers)
        {
            *vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: DATAGRAM };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = ptr::from_mut(remote).cast();
            header.msg_hdr.msg_namelen = remote.size_of();
        }
        // SAFETY: every header points to one vector, buffer and address of ours, which live through the call.
        let count = unsafe {
            libc::recvmmsg(self.as_raw_fd(), headers.as_mut_ptr(), BATCH as u32, 0, ptr::null_mut())
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (header, remote) in headers.iter().zip(remotes).take(count) {
            // SAFETY: the kernel has written an address of this length.
            let remote = unsafe { SockAddr::new(remote, header.msg_hdr.msg_namelen) };
            batch.received.push((remote.as_socket().map(without_flow), header.msg_len as usize));
        }
        Ok(count)
    }
}

/// The flow label is no part of an address pair: a peer may change it from datagram to datagram.
fn without_flow(mut address: SocketAddr) -> SocketAddr {
    if let SocketAddr::V6(address) = &mut address {
        address.set_flowinfo(0);
    }
    address
}
