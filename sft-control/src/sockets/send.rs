//! Datagrams collected per socket and sent 64 at a time. Nothing waits: what the system does not take now is
//! counted, not kept.

use std::{io, net::SocketAddr, os::fd::AsRawFd, ptr};

use socket2::SockAddr;

use super::{BATCH, MediaSocket, MediaSockets};
use crate::dataplane::{Tuple, user::Outbox};

/// Datagrams on their way out. Keeps its memory from flush to flush.
#[derive(Default)]
pub struct SendBatch {
    queues: Vec<Queue>,
}

/// What became of a flush, in datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendReport {
    pub sent: usize,
    /// The socket's or the interface's buffer was full.
    pub full: usize,
    /// There is no socket of that local address, or the system refused: no route, too long, filtered.
    pub refused: usize,
}

/// What goes out of one socket.
struct Queue {
    local: SocketAddr,
    /// The datagrams, one behind the other.
    bytes: Vec<u8>,
    datagrams: Vec<Datagram>,
}

struct Datagram {
    remote: SockAddr,
    start: usize,
    length: usize,
}

impl Outbox for SendBatch {
    fn push(&mut self, tuple: Tuple, datagram: &[u8]) {
        let place = self.queues.iter().position(|queue| queue.local == tuple.local);
        let place = place.unwrap_or_else(|| {
            self.queues.push(Queue { local: tuple.local, bytes: Vec::new(), datagrams: Vec::new() });
            self.queues.len() - 1
        });
        let Some(queue) = self.queues.get_mut(place) else { return };
        let (start, length) = (queue.bytes.len(), datagram.len());
        queue.bytes.extend_from_slice(datagram);
        queue.datagrams.push(Datagram { remote: tuple.remote.into(), start, length });
    }
}

impl SendBatch {
    /// Bytes that wait for a flush.
    pub fn waiting(&self) -> usize {
        self.queues.iter().map(|queue| queue.bytes.len()).sum()
    }

    /// Sends everything; afterwards the batch is empty.
    pub fn flush(&mut self, sockets: &MediaSockets) -> SendReport {
        let mut report = SendReport::default();
        for queue in &mut self.queues {
            match sockets.iter().find(|socket| socket.local() == queue.local) {
                Some(socket) => queue.send(socket, &mut report),
                None => report.refused += queue.datagrams.len(),
            }
            queue.bytes.clear();
            queue.datagrams.clear();
        }
        report
    }
}

impl Queue {
    fn send(&self, socket: &MediaSocket, report: &mut SendReport) {
        let mut rest = self.datagrams.as_slice();
        while !rest.is_empty() {
            match self.send_some(socket, rest) {
                Ok(sent) => {
                    report.sent += sent;
                    rest = rest.get(sent..).unwrap_or_default();
                }
                Err(error) => rest = rest.get(give_up(&error, rest.len(), report)..).unwrap_or_default(),
            }
        }
    }

    /// One system call; at least one datagram was sent if it succeeds.
    fn send_some(&self, socket: &MediaSocket, datagrams: &[Datagram]) -> io::Result<usize> {
        let mut vectors = [libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }; BATCH];
        // SAFETY: a header of zeros is an empty one.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        for ((header, vector), datagram) in headers.iter_mut().zip(&mut vectors).zip(datagrams) {
            let bytes = self.bytes.get(datagram.start..).unwrap_or_default();
            vector.iov_base = bytes.as_ptr().cast_mut().cast();
            vector.iov_len = datagram.length.min(bytes.len());
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = datagram.remote.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = datagram.remote.len();
        }
        let count = datagrams.len().min(BATCH) as u32;
        // SAFETY: the first `count` headers point to one vector, datagram and address of ours each, which live
        // through the call and are only read.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, 0) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// How many of `rest` datagrams are given up for an error of the first one; 0 = try again.
fn give_up(error: &io::Error, rest: usize, report: &mut SendReport) -> usize {
    let (given_up, count) = match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::Interrupted, _) => return 0,
        // The socket's buffer: there is no room for the others either.
        (io::ErrorKind::WouldBlock, _) => (rest, &mut report.full),
        // The interface's: the next one may go over another.
        (_, Some(libc::ENOBUFS)) => (1, &mut report.full),
        _ => (1, &mut report.refused),
    };
    *count += given_up;
    given_up
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_ends_as_much_as_it_concerns() {
        let cases = [
            (libc::EINTR, 0, SendReport::default()),
            (libc::EAGAIN, 9, SendReport { full: 9, ..SendReport::default() }),
            (libc::ENOBUFS, 1, SendReport { full: 1, ..SendReport::default() }),
            (libc::ENETUNREACH, 1, SendReport { refused: 1, ..SendReport::default() }),
            (libc::EMSGSIZE, 1, SendReport { refused: 1, ..SendReport::default() }),
            (libc::EPERM, 1, SendReport { refused: 1, ..SendReport::default() }),
        ];
        for (number, given_up, expected) in cases {
            let mut report = SendReport::default();
            assert_eq!(give_up(&io::Error::from_raw_os_error(number), 9, &mut report), given_up);
            assert_eq!(report, expected, "error {number}");
        }
    }
}
