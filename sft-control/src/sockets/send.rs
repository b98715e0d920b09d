//! Datagrams collected per socket and receiver, and sent 64 messages at a time. Nothing waits: what the system
//! does not take now is counted, not kept. What one receiver gets keeps its order; that of different receivers
//! may change.

use std::{collections::HashMap, io, net::SocketAddr, ops::Range, os::fd::AsRawFd, ptr};

use socket2::SockAddr;

use super::{BATCH, MediaSocket, MediaSockets, segments};
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

impl Outbox for SendBatch {
    fn push(&mut self, tuple: Tuple, datagram: &[u8]) {
        let place = self.queues.iter().position(|queue| queue.local == tuple.local);
        let place = place.unwrap_or_else(|| {
            self.queues.push(Queue::new(tuple.local));
            self.queues.len() - 1
        });
        if let Some(queue) = self.queues.get_mut(place) {
            queue.push(tuple.remote, datagram);
        }
    }
}

impl SendBatch {
    /// Bytes that wait for a flush.
    pub fn waiting(&self) -> usize {
        self.queues.iter().map(|queue| queue.bytes.len()).sum()
    }

    /// Sends everything; afterwards the batch is empty. What does not leave from one of the sockets goes to
    /// `elsewhere`, which says whether it takes it.
    pub fn flush(
        &mut self,
        sockets: &MediaSockets,
        mut elsewhere: impl FnMut(Tuple, &[u8]) -> bool,
    ) -> SendReport {
        let mut report = SendReport::default();
        for queue in &mut self.queues {
            match sockets.iter().find(|socket| socket.local() == queue.local) {
                Some(socket) => queue.send(socket, &mut report),
                None => queue.hand_over(&mut elsewhere, &mut report),
            }
            queue.clear();
        }
        report
    }
}

/// What goes out of one socket.
struct Queue {
    local: SocketAddr,
    /// The datagrams, one behind the other.
    bytes: Vec<u8>,
    /// The first `used` have datagrams; the others keep their memory.
    receivers: Vec<Receiver>,
    used: usize,
    /// Place in `receivers`.
    places: HashMap<SocketAddr, usize>,
    /// The socket's interface cannot cut messages.
    whole: bool,
}

struct Receiver {
    remote: SockAddr,
    /// Where in the queue's bytes each datagram starts.
    starts: Vec<usize>,
    lengths: Vec<usize>,
}

/// Datagrams that go to one receiver as one message.
#[derive(Clone)]
struct Message {
    /// Place of the receiver.
    receiver: usize,
    /// Places among its datagrams.
    datagrams: Range<usize>,
}

impl Queue {
    fn new(local: SocketAddr) -> Self {
        let (bytes, receivers, places) = (Vec::new(), Vec::new(), HashMap::new());
        Queue { local, bytes, receivers, used: 0, places, whole: false }
    }

    fn push(&mut self, remote: SocketAddr, datagram: &[u8]) {
        let place = *self.places.entry(remote).or_insert(self.used);
        if place == self.used {
            self.used += 1;
            match self.receivers.get_mut(place) {
                Some(receiver) => receiver.remote = remote.into(),
                None => {
                    let (starts, lengths) = (Vec::new(), Vec::new());
                    self.receivers.push(Receiver { remote: remote.into(), starts, lengths });
                }
            }
        }
        let Some(receiver) = self.receivers.get_mut(place) else { return };
        receiver.starts.push(self.bytes.len());
        receiver.lengths.push(datagram.len());
        self.bytes.extend_from_slice(datagram);
    }

    fn hand_over(&self, to: &mut impl FnMut(Tuple, &[u8]) -> bool, report: &mut SendReport) {
        for receiver in &self.receivers {
            let places = receiver.starts.iter().zip(&receiver.lengths);
            for (start, length) in places {
                let datagram = self.bytes.get(*start..start + length);
                let remote = receiver.remote.as_socket();
                let taken = remote
                    .zip(datagram)
                    .is_some_and(|(remote, datagram)| to(Tuple { local: self.local, remote }, datagram));
                *(if taken { &mut report.sent } else { &mut report.refused }) += 1;
            }
        }
    }

    fn clear(&mut self) {
        for receiver in &mut self.receivers {
            receiver.starts.clear();
            receiver.lengths.clear();
        }
        self.bytes.clear();
        self.places.clear();
        self.used = 0;
    }

    fn messages(&self) -> Vec<Message> {
        let receivers = self.receivers.iter().take(self.used).enumerate();
        let messages = receivers.flat_map(|(receiver, datagrams)| {
            let runs = if self.whole { datagrams.one_by_one() } else { segments::runs(&datagrams.lengths) };
            runs.into_iter().map(move |datagrams| Message { receiver, datagrams })
        });
        messages.collect()
    }

    fn send(&mut self, socket: &MediaSocket, report: &mut SendReport) {
        let messages = self.messages();
        let mut rest = messages.as_slice();
        while let Some(first) = rest.first() {
            let done = match self.send_some(socket, rest) {
                Ok(sent) => {
                    report.sent += datagrams(rest.get(..sent).unwrap_or_default());
                    sent
                }
                Err(error) if first.datagrams.len() > 1 && is_about_cutting(&error) => {
                    self.whole |= error.raw_os_error() != Some(libc::EMSGSIZE);
                    self.send_one_by_one(socket, first, report);
                    1
                }
                Err(error) => give_up(&error, rest, report),
            };
            rest = rest.get(done..).unwrap_or_default();
        }
    }

    /// A message that the kernel does not cut.
    fn send_one_by_one(&self, socket: &MediaSocket, message: &Message, report: &mut SendReport) {
        let single = |place| Message { receiver: message.receiver, datagrams: place..place + 1 };
        let messages: Vec<Message> = message.datagrams.clone().map(single).collect();
        let mut rest = messages.as_slice();
        while !rest.is_empty() {
            let done = match self.send_some(socket, rest) {
                Ok(sent) => {
                    report.sent += sent;
                    sent
                }
                Err(error) => give_up(&error, rest, report),
            };
            rest = rest.get(done..).unwrap_or_default();
        }
    }

    /// One system call; at least one message was sent if it succeeds.
    fn send_some(&self, socket: &MediaSocket, messages: &[Message]) -> io::Result<usize> {
        let messages = messages.get(..BATCH).unwrap_or(messages);
        let vectors: Vec<libc::iovec> = messages.iter().flat_map(|message| self.vectors(message)).collect();
        let mut vectors = vectors.as_slice();
        // SAFETY: a header of zeros is an empty one.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        let mut pieces = [Piece::of(0); BATCH];
        for ((header, piece), message) in headers.iter_mut().zip(&mut pieces).zip(messages) {
            let Some(receiver) = self.receivers.get(message.receiver) else { continue };
            let (own, others) = vectors.split_at(message.datagrams.len().min(vectors.len()));
            vectors = others;
            header.msg_hdr.msg_name = receiver.remote.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = receiver.remote.len();
            header.msg_hdr.msg_iov = own.as_ptr().cast_mut();
            header.msg_hdr.msg_iovlen = own.len();
            if let [first, _, ..] = own {
                *piece = Piece::of(first.iov_len);
                header.msg_hdr.msg_control = ptr::from_mut(piece).cast();
                header.msg_hdr.msg_controllen = size_of::<Piece>();
            }
        }
        // SAFETY: the headers of the messages point to vectors, datagrams, addresses and control messages of
        // ours, which live through the call and are only read.
        let sent =
            unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), messages.len() as u32, 0) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    fn vectors(&self, message: &Message) -> impl Iterator<Item = libc::iovec> {
        let receiver = self.receivers.get(message.receiver);
        message.datagrams.clone().filter_map(move |place| {
            let (start, length) = (*receiver?.starts.get(place)?, *receiver?.lengths.get(place)?);
            let bytes = self.bytes.get(start..start + length)?;
            Some(libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: length })
        })
    }
}

impl Receiver {
    fn one_by_one(&self) -> Vec<Range<usize>> {
        (0..self.lengths.len()).map(|place| place..place + 1).collect()
    }
}

/// Control message with the length of the pieces.
#[repr(C)]
#[derive(Clone, Copy)]
struct Piece {
    header: libc::cmsghdr,
    length: u16,
    pad: [u16; 3],
}

impl Piece {
    /// A datagram is shorter than 64 KiB.
    fn of(length: usize) -> Piece {
        let header = libc::cmsghdr {
            cmsg_len: size_of::<libc::cmsghdr>() + size_of::<u16>(),
            cmsg_level: libc::SOL_UDP,
            cmsg_type: libc::UDP_SEGMENT,
        };
        Piece { header, length: length as u16, pad: [0; 3] }
    }
}

fn datagrams(messages: &[Message]) -> usize {
    messages.iter().map(|message| message.datagrams.len()).sum()
}

/// Whether the kernel refuses to cut the message: the pieces are too long (`EMSGSIZE`), the interface computes no
/// checksums (`EIO`), or the kernel or a policy knows no pieces (`EINVAL`).
fn is_about_cutting(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMSGSIZE | libc::EIO | libc::EINVAL))
}

/// How many messages are given up for an error of the first one; 0 = try again.
fn give_up(error: &io::Error, messages: &[Message], report: &mut SendReport) -> usize {
    let (given_up, count) = match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::Interrupted, _) => return 0,
        // The socket's buffer: there is no room for the others either.
        (io::ErrorKind::WouldBlock, _) => (messages.len(), &mut report.full),
        // The interface's: the next one may go over another.
        (_, Some(libc::ENOBUFS)) => (1, &mut report.full),
        _ => (1, &mut report.refused),
    };
    *count += datagrams(messages.get(..given_up).unwrap_or(messages));
    given_up
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_ends_as_much_as_it_concerns() {
        let cases = [
            (libc::EINTR, 0, SendReport::default()),
            (libc::EAGAIN, 9, SendReport { full: 18, ..SendReport::default() }),
            (libc::ENOBUFS, 1, SendReport { full: 2, ..SendReport::default() }),
            (libc::ENETUNREACH, 1, SendReport { refused: 2, ..SendReport::default() }),
            (libc::EMSGSIZE, 1, SendReport { refused: 2, ..SendReport::default() }),
            (libc::EPERM, 1, SendReport { refused: 2, ..SendReport::default() }),
        ];
        let messages = vec![Message { receiver: 0, datagrams: 3..5 }; 9];
        for (number, given_up, expected) in cases {
            let mut report = SendReport::default();
            assert_eq!(give_up(&io::Error::from_raw_os_error(number), &messages, &mut report), given_up);
            assert_eq!(report, expected, "error {number}");
        }
    }
}
