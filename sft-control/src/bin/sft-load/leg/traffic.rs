//! What goes over the socket: datagrams in and out of str0m, and what str0m makes of them.

use std::{
    io::ErrorKind,
    net::SocketAddr,
    time::{Instant, UNIX_EPOCH},
};

use str0m::{
    Event, IceConnectionState, Input, Output,
    net::{Protocol, Receive, Transmit},
    rtp::{ExtensionValues, RtpPacket, rtcp::SenderInfo},
};

use super::{Leg, LegError};
use crate::{
    checker::{Copy, Report},
    descriptor::Descriptor,
    fault::Fault,
};

/// Of the data channel that the server opens (sft-protocol.md 8).
const LABEL: &str = "calling-3.0";
/// Datagrams taken in a row before timers get their turn.
const BATCH: usize = 64;
const LARGEST_DATAGRAM: usize = 2048;

impl Leg {
    /// Takes what has arrived.
    pub(super) async fn receive(&mut self) -> Result<(), LegError> {
        let mut buffer = [0; LARGEST_DATAGRAM];
        for _ in 0..BATCH {
            let (length, from) = match self.socket.try_recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // An ICMP message for an earlier datagram; whether it matters, ICE finds out.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error.into()),
            };
            self.datagram(from, &buffer[..length]).await?;
        }
        Ok(())
    }

    async fn datagram(&mut self, from: SocketAddr, data: &[u8]) -> Result<(), LegError> {
        let accepted = self.accepted;
        if let Ok(receive) = Receive::new(Protocol::Udp, from, self.address, data) {
            self.rtc.handle_input(Input::Receive(Instant::now(), receive))?;
            self.drain().await?;
        }
        if is_rtp(data) && self.accepted == accepted && !self.is_over() {
            let header = &data[..data.len().min(12)];
            self.checker.faults.add(Fault::Refused, format_args!("RTP header {header:02x?}"));
        }
        Ok(())
    }

    /// Lets str0m do what it wants, and the channel take what it can.
    pub(super) async fn drain(&mut self) -> Result<(), LegError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Transmit(transmit) => self.transmit(transmit).await?,
                Output::Event(event) => self.event(event)?,
                Output::Timeout(timeout) => {
                    self.timeout = timeout;
                    if !self.flush()? {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn transmit(&self, transmit: Transmit) -> Result<(), LegError> {
        let mut data: Vec<u8> = transmit.contents.into();
        self.run.security.outgoing(&mut data);
        match self.socket.send_to(&data, transmit.destination).await {
            Err(error) if error.kind() != ErrorKind::ConnectionRefused => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Returns whether a message was written.
    fn flush(&mut self) -> Result<bool, LegError> {
        let Some(mut channel) = self.channel.and_then(|channel| self.rtc.channel(channel)) else {
            return Ok(false);
        };
        let mut written = false;
        while let Some(text) = self.outbox.front() {
            if !channel.write(false, text.as_bytes())? {
                break;
            }
            self.outbox.pop_front();
            written = true;
        }
        Ok(written)
    }

    fn event(&mut self, event: Event) -> Result<(), LegError> {
        match event {
            Event::RtpPacket(packet) => self.packet(&packet),
            Event::KeyframeRequest(request) => {
                self.key_frames_requested += 1;
                self.media.request_key_frame(request.rid.as_deref());
            }
            Event::ChannelOpen(channel, label) => {
                if label != LABEL {
                    self.checker.faults.add(Fault::Signalling, format_args!("channel {label:?} opened"));
                }
                self.channel = Some(channel);
                self.outbox.push_front(self.signalling.opened());
            }
            Event::ChannelData(data) => self.message(&data.data)?,
            Event::ChannelClose(_) | Event::Closed => self.closed(LegError::Closed)?,
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.closed(LegError::Disconnected)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The end of the connection; an error unless we are leaving.
    pub(super) fn closed(&mut self, error: LegError) -> Result<(), LegError> {
        self.left = self.leaving.is_some();
        if self.left { Ok(()) } else { Err(error) }
    }

    fn packet(&mut self, packet: &RtpPacket) {
        self.accepted += 1;
        self.media_after.get_or_insert_with(|| self.started.elapsed());
        self.followed();
        if self.is_over() {
            return;
        }
        let header = &packet.header;
        let level = header.ext_vals.audio_level.zip(header.ext_vals.voice_activity);
        let level = level.map(|(level, voice)| level.unsigned_abs() | if voice { 0x80 } else { 0 });
        let descriptor = header.ext_vals.user_values.get::<Descriptor>();
        let copy = Copy {
            ssrc: *header.ssrc,
            sequence: *packet.seq_no,
            timestamp: header.timestamp,
            csrc: &header.csrc[..header.csrc_count.min(header.csrc.len())],
            extension: level.or(descriptor.map(Descriptor::first_byte)),
            frame: descriptor.and_then(Descriptor::frame),
            leaks: has_private(&header.ext_vals),
            report: packet.last_sender_info.map(report),
            payload: &packet.payload,
        };
        self.checker.receive(&copy, packet.timestamp.saturating_duration_since(self.run.began));
    }
}

/// Whether there are extensions that say something to the server alone: send time, transport-wide sequence number,
/// RIDs.
fn has_private(values: &ExtensionValues) -> bool {
    values.abs_send_time.is_some()
        || values.transport_cc.is_some()
        || values.rid.is_some()
        || values.rid_repair.is_some()
}

fn report(info: SenderInfo) -> Report {
    Report {
        at: info.ntp_time.duration_since(UNIX_EPOCH).unwrap_or_default(),
        timestamp: info.rtp_time.numer() as u32,
    }
}

/// RFC 7983 section 7, and RFC 5761 section 4 for what is RTCP.
fn is_rtp(data: &[u8]) -> bool {
    let [first, second, ..] = data else { return false };
    (128..192).contains(first) && !(192..224).contains(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rtp_is_taken_for_rtp() {
        assert!(is_rtp(&[0x90, 111, 0]));
        assert!(is_rtp(&[0x90, 0x80 | 100, 0]));
        for other in [&[0x80, 200][..], &[22, 254], &[0, 1], &[0x80], &[]] {
            assert!(!is_rtp(other), "{other:?}");
        }
    }
}
