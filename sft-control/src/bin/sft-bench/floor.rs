//! The least that a forwarder in userspace can do: recvmmsg, open, seal for each receiver, sendmmsg. No look-up,
//! no replay window, no slots, no extensions; every cipher and address is ready. With `gso` the packets of a
//! batch for one receiver are one message that the kernel cuts (UDP_SEGMENT).

use std::{io, net::SocketAddr, os::fd::AsRawFd, ptr, time::Duration};

use sft_control::{
    core::table::LegId,
    sockets::{MediaSocket, MediaSockets, ReceiveBatch},
    srtp::RtpCipher,
};
use socket2::SockAddr;

use crate::{
    Failure,
    bursts::{Case, FIRST, Figures, Work, poll},
    cpu,
    lanes::{self, RECEIVE, SENDER, SSRC, TRANSMIT},
    rig::Rig,
};

/// Fixed part of an RTP header.
const HEADER: usize = 12;
/// Messages in one system call.
const MESSAGES: usize = 64;
/// Packets that one system call receives.
const PACKETS: usize = 64;

struct Floor<'a> {
    rig: &'a Rig,
    gso: bool,
    sockets: MediaSockets,
    receive: RtpCipher,
    receivers: Vec<Receiver>,
    received: ReceiveBatch,
    copies: u64,
}

struct Receiver {
    cipher: RtpCipher,
    remote: SockAddr,
    ssrc: u32,
    /// Copies of the packets of a batch, in order.
    copies: Vec<Vec<u8>>,
}

impl Work for Floor<'_> {
    fn until(&mut self, wanted: u64) -> Result<(), Failure> {
        poll(
            || {
                self.turn()?;
                Ok(self.copies >= wanted)
            },
            || "packets got lost".into(),
        )
    }

    fn time(&self) -> Result<Duration, Failure> {
        Ok(self.rig.server.time()? + cpu::own_thread())
    }
}

impl Floor<'_> {
    fn turn(&mut self) -> Result<(), Failure> {
        let socket = self.sockets.get(0).ok_or("no socket")?;
        lanes::wait_readable(socket)?;
        while let Ok(packets) = socket.receive(&mut self.received) {
            for (place, (_, packet)) in self.received.iter_mut().enumerate() {
                let &[_, _, high, low, ..] = &*packet else { continue };
                let sequence = u16::from_be_bytes([high, low]);
                let payload = self.receive.open(packet, HEADER, SSRC, sequence.into());
                let payload = payload.map_err(|reason| reason.name())?;
                let plain = packet.get(..HEADER + payload).unwrap_or_default();
                for receiver in &mut self.receivers {
                    receiver.copy(place, plain, sequence)?;
                }
            }
            let messages = if self.gso { self.by_receiver(packets) } else { self.by_packet(packets) };
            send(socket, &messages)?;
            self.copies += (packets * self.receivers.len()) as u64;
        }
        Ok(())
    }

    fn by_packet(&self, packets: usize) -> Vec<(&SockAddr, &[Vec<u8>])> {
        let copies = |place| {
            self.receivers.iter().map(move |receiver| (&receiver.remote, &receiver.copies[place..=place]))
        };
        (0..packets).flat_map(copies).collect()
    }

    fn by_receiver(&self, packets: usize) -> Vec<(&SockAddr, &[Vec<u8>])> {
        self.receivers.iter().map(|receiver| (&receiver.remote, &receiver.copies[..packets])).collect()
    }
}

impl Receiver {
    fn copy(&mut self, place: usize, plain: &[u8], sequence: u16) -> Result<(), Failure> {
        let Some(copy) = self.copies.get_mut(place) else { return Ok(()) };
        copy.clear();
        copy.extend_from_slice(plain);
        copy[8..HEADER].copy_from_slice(&self.ssrc.to_be_bytes());
        Ok(self.cipher.seal(copy, HEADER, self.ssrc, sequence.into()).map_err(|reason| reason.name())?)
    }
}

/// Each message to its address; several packets are cut by the kernel.
fn send(socket: &MediaSocket, messages: &[(&SockAddr, &[Vec<u8>])]) -> Result<(), Failure> {
    for messages in messages.chunks(MESSAGES) {
        let packets = messages.iter().flat_map(|(_, packets)| packets.iter());
        let vectors: Vec<libc::iovec> = packets
            .map(|packet| libc::iovec { iov_base: packet.as_ptr().cast_mut().cast(), iov_len: packet.len() })
            .collect();
        // SAFETY: headers of zeros are empty ones.
        let mut headers: [libc::mmsghdr; MESSAGES] = unsafe { std::mem::zeroed() };
        let mut controls = [Segment::of(0); MESSAGES];
        let mut first = 0;
        for ((header, control), (remote, packets)) in headers.iter_mut().zip(&mut controls).zip(messages) {
            header.msg_hdr.msg_name = remote.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = remote.len();
            header.msg_hdr.msg_iov = vectors[first..].as_ptr().cast_mut();
            header.msg_hdr.msg_iovlen = packets.len();
            first += packets.len();
            if let [packet, _, ..] = packets {
                *control = Segment::of(packet.len());
                header.msg_hdr.msg_control = ptr::from_mut(control).cast();
                header.msg_hdr.msg_controllen = size_of::<Segment>();
            }
        }
        // SAFETY: every header points to vectors, packets, an address and a control message that live through
        // the call.
        let sent =
            unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), messages.len() as u32, 0) };
        if sent != messages.len() as i32 {
            return Err(format!("sent {sent} of {}: {}", messages.len(), io::Error::last_os_error()).into());
        }
    }
    Ok(())
}

/// A control message: length of the pieces.
#[repr(C)]
#[derive(Clone, Copy)]
struct Segment {
    header: libc::cmsghdr,
    length: u16,
    pad: [u16; 3],
}

impl Segment {
    fn of(length: usize) -> Segment {
        let header = libc::cmsghdr {
            cmsg_len: size_of::<libc::cmsghdr>() + size_of::<u16>(),
            cmsg_level: libc::SOL_UDP,
            cmsg_type: libc::UDP_SEGMENT,
        };
        Segment { header, length: length as u16, pad: [0; 3] }
    }
}

pub(crate) fn measure(rig: &Rig, case: Case, gso: bool) -> Result<Figures, Failure> {
    let profile = case.profile.profile();
    let receivers = (1..=case.receivers as u32).map(|leg| {
        let remote: SocketAddr = lanes::tuple(LegId(leg)).remote;
        let cipher = RtpCipher::new(&lanes::key(profile, LegId(leg), TRANSMIT))?;
        Ok(Receiver { cipher, remote: remote.into(), ssrc: leg, copies: vec![Vec::new(); PACKETS] })
    });
    let mut work = Floor {
        rig,
        gso,
        sockets: MediaSockets::bind(&[lanes::tuple(SENDER).local])?,
        receive: RtpCipher::new(&lanes::key(profile, SENDER, RECEIVE))?,
        receivers: receivers.collect::<Result<_, Failure>>()?,
        received: ReceiveBatch::default(),
        copies: 0,
    };
    // Its index is the sequence number.
    assert!(FIRST + (case.packets as u64) < u16::MAX.into());
    let (spent, ()) = case.run(rig, &mut work, |_| ())?;
    Ok(Figures { spent, producer: Duration::ZERO, copies: case.copies(), computed: 0.0 })
}
