//! The copies of a packet: steps 11 to 16 of docs/architecture.md.

use sft_common::{
    decision,
    drops::DropReason,
    flight::Flight,
    list,
    maps::{Kind, ListEntry},
    rewrite::{self, RTP_LEN},
    rtp::FIXED_HEADER,
};

use super::{Outbox, UserLane, forward::Accepted};
use crate::core::table::LegId;

impl UserLane {
    pub(super) fn send_copies(&mut self, accepted: &Accepted, packet: &[u8], out: &mut impl Outbox) {
        let Some(Some(source)) = self.sources.get(accepted.source as usize) else { return };
        let &[first, second, ..] = packet else { return };
        let flight = flight(accepted, source.kind, source.csrc, [first, second]);
        let entries = source.entries.clone();
        let kind = source.kind;
        let copies = 0..accepted.route.list.copies();
        for entry in copies.filter_map(|copy| entries.get(flight.entry_of(copy) as usize)) {
            match self.send_copy(entry, &flight, packet, out) {
                Ok(bytes) => self.count_copy(kind, bytes as u64),
                Err(reason) => self.count_drop(reason),
            }
        }
    }

    /// Sends one copy; returns the length of its datagram.
    fn send_copy(
        &mut self,
        entry: &ListEntry,
        flight: &Flight,
        packet: &[u8],
        out: &mut impl Outbox,
    ) -> Result<usize, DropReason> {
        let leg = self.legs.get_mut(&LegId(entry.leg)).ok_or(DropReason::StaleReference)?;
        let tuple = leg.egress.ok_or(DropReason::NoPath)?;
        let slot = decision::slot_of(entry, flight) as usize;
        let slot = leg.slots.get_mut(slot).ok_or(DropReason::StaleReference)?;
        let outgoing = slot.commit(&decision::incoming(entry, flight))?;
        let extension = FIXED_HEADER + 4 * usize::from(flight.csrc_count)..usize::from(flight.header_len);
        let header_len = RTP_LEN + extension.len();
        let end = usize::from(flight.header_len) + usize::from(flight.payload_len);
        let copy = &mut self.copy;
        copy.clear();
        copy.extend_from_slice(&rewrite::rtp(flight.first, flight.second, outgoing, slot.ssrc, flight.csrc));
        copy.extend_from_slice(packet.get(extension.start..end).ok_or(DropReason::NoRoom)?);
        if let Some(id) = outgoing.frame_id {
            let bytes = copy.get_mut(rewrite::frame_id_offset(flight)..).and_then(<[u8]>::first_chunk_mut);
            *bytes.ok_or(DropReason::NoRoom)? = id.to_le_bytes();
        }
        leg.transmit.seal(copy, header_len, slot.ssrc, outgoing.index)?;
        out.push(tuple, copy);
        Ok(copy.len())
    }

    fn count_copy(&mut self, kind: Kind, bytes: u64) {
        let (copies, sum) = match kind {
            Kind::Audio => (&mut self.counters.audio_copies, &mut self.counters.audio_bytes),
            Kind::Video => (&mut self.counters.video_copies, &mut self.counters.video_bytes),
        };
        *copies += 1;
        *sum += bytes;
    }
}

/// The packet as the shared code describes one to its copies. Every length fits: a datagram is below 64 KiB.
fn flight(accepted: &Accepted, kind: Kind, csrc: u32, [first, second]: [u8; 2]) -> Flight {
    let Accepted { header, route, admitted, .. } = accepted;
    Flight {
        effective: admitted.effective,
        arrival: accepted.arrival,
        list: route.list.to_word(),
        first_receiver: list::first_receiver(header.timestamp, route.list.copies()),
        source_leg: accepted.leg.0,
        csrc,
        kind: kind as u32,
        slot_offset: route.slot_offset,
        run_high: route.run_high,
        gate_run: admitted.gate_run,
        mark: accepted.extensions.keyframe as u32,
        timestamp: header.timestamp,
        header_len: header.header_len as u16,
        payload_len: accepted.payload_len as u16,
        frame_id: accepted.extensions.frame.id,
        frame_id_offset: accepted.extensions.frame.offset,
        first,
        second,
        csrc_count: header.csrc_count,
        ..Flight::default()
    }
}
