//! One packet on its way in: steps 3 to 9 of docs/architecture.md.

use sft_common::{
    decision::{self, Route},
    drops::DropReason,
    extension::{self, Extensions},
    maps::{MAX_PAYLOAD, SourceControl},
    rtp::{self, RtpHeader},
    source::{Admitted, PacketFacts},
};

use super::{ARRIVALS, Leg, Outbox, UserLane, Verdict};
use crate::{
    core::table::LegId,
    dataplane::{Arrival, Tuple},
};

/// Why a packet is not forwarded.
enum End {
    Unknown(LegId),
    Drop(DropReason),
}

impl From<DropReason> for End {
    fn from(reason: DropReason) -> Self {
        End::Drop(reason)
    }
}

/// A genuine packet, decrypted, and who receives it.
pub(super) struct Accepted {
    /// CLOCK_MONOTONIC in ns.
    pub(super) arrival: u64,
    pub(super) leg: LegId,
    pub(super) source: u32,
    pub(super) header: RtpHeader,
    pub(super) extensions: Extensions,
    /// RTP payload without tag, in bytes.
    pub(super) payload_len: usize,
    pub(super) admitted: Admitted,
    pub(super) route: Route,
}

impl UserLane {
    /// Takes in one SRTP packet. It is decrypted in place.
    pub fn forward(
        &mut self,
        tuple: Tuple,
        packet: &mut [u8],
        now_ns: u64,
        out: &mut impl Outbox,
    ) -> Verdict {
        self.counters.rtp_received += 1;
        match self.accept(tuple, packet, now_ns) {
            Ok(accepted) => {
                self.send_copies(&accepted, packet, out);
                Verdict::Finished
            }
            Err(End::Unknown(leg)) => Verdict::Unknown { leg },
            Err(End::Drop(reason)) => {
                self.count_drop(reason);
                Verdict::Dropped(reason)
            }
        }
    }

    fn accept(&mut self, tuple: Tuple, packet: &mut [u8], now_ns: u64) -> Result<Accepted, End> {
        let leg = *self.tuples.get(&tuple).ok_or(DropReason::UnknownTuple)?;
        let state = self.legs.get_mut(&leg).ok_or(DropReason::StaleReference)?;
        if self.handed_over.contains(&state.conference) {
            return Err(DropReason::WrongLane.into());
        }
        let mut buffer = rtp::header_buffer(packet);
        let header = rtp::parse(&buffer, packet.len())?;
        let extensions = extension::walk(&mut buffer, &header);
        let Some(&source) = self.source_ids.get(&(leg, header.ssrc)) else {
            return Err(unknown_ssrc(leg, state));
        };
        let known = self.sources.get_mut(source as usize).and_then(Option::as_mut);
        let known = known.ok_or(DropReason::StaleReference)?;
        let index =
            known.state.admit(header.sequence).inspect_err(|&reason| known.state.count_refused(reason))?;
        let payload_len = open(state, packet, &header, index).inspect_err(|&reason| {
            if reason == DropReason::AuthFailed {
                known.state.count_auth_failure();
            }
        })?;
        if let (true, Some(to)) = (extensions.blanked, packet.get_mut(..header.header_len)) {
            to.copy_from_slice(&buffer[..header.header_len]);
        }
        state.note_arrival(&extensions, now_ns);
        let control = SourceControl { list: known.list.to_word() };
        let facts = PacketFacts {
            kind: known.kind,
            timestamp: header.timestamp,
            bytes: packet.len() as u32,
            level: extensions.audio_level,
            padding_only: last_byte(packet, &header, payload_len)
                .is_some_and(|last| header.is_padding_only(payload_len, last)),
            keyframe: extensions.keyframe,
        };
        let admitted = known.state.commit(index, &facts, now_ns)?;
        let conference = self.conferences.get(&known.conference).ok_or(DropReason::StaleReference)?;
        let route = decision::route(known.kind, source, &control, &conference.cells)?;
        let arrival = now_ns;
        Ok(Accepted { arrival, leg, source, header, extensions, payload_len, admitted, route })
    }
}

fn unknown_ssrc(leg: LegId, state: &mut Leg) -> End {
    if state.learning == 0 {
        return End::Drop(DropReason::UnknownSsrc);
    }
    state.learning -= 1;
    End::Unknown(leg)
}

/// Verifies and decrypts; returns the length of the payload.
fn open(leg: &Leg, packet: &mut [u8], header: &RtpHeader, index: u64) -> Result<usize, DropReason> {
    let behind_header = packet.len() - header.header_len;
    let payload = behind_header.checked_sub(leg.receive.tag_len()).ok_or(DropReason::AuthFailed)?;
    if payload > MAX_PAYLOAD {
        return Err(DropReason::PayloadTooLong);
    }
    leg.receive.open(packet, header.header_len, header.ssrc, index)
}

fn last_byte(packet: &[u8], header: &RtpHeader, payload_len: usize) -> Option<u8> {
    let last = payload_len.checked_sub(1)?;
    packet.get(header.header_len + last).copied()
}

impl Leg {
    fn note_arrival(&mut self, extensions: &Extensions, now_ns: u64) {
        if let Some(sequence) = extensions.transport_sequence
            && self.arrivals.len() < ARRIVALS
        {
            self.arrivals.push(Arrival { sequence, micros: now_ns / 1000 });
        }
    }
}
