//! Behind the seal: the headers in front of RTP with their checksums, and the count
//! (steps 15 and 16).

use aya_ebpf::bindings::xdp_md;
use sft_common::{
    drops::DropReason,
    frame::{Family, IPV4_PAYLOAD, IPV6_PAYLOAD},
    maps::{Counter, Kind},
    rewrite,
};

use crate::{
    count,
    maps::PATHS,
    scratch::{End, Scratch, stage},
};

stage!(
    /// The frame is ready to leave.
    sft_finish,
    finish
);

#[inline(always)]
unsafe fn finish(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the context, this CPU's scratch, and a frame whose bounds are checked before each access.
    unsafe {
        let (copy, work) = (&raw const (*scratch).copy, &raw const (*scratch).work);
        let path = PATHS.get((*copy).path).ok_or(DropReason::NoPath)?;
        let udp_payload = (*copy).udp_payload as usize;
        let checksum = rewrite::udp_checksum(path, udp_payload, (*work).sum);
        let (data, end) = ((*ctx).data as usize, (*ctx).data_end as usize);
        match path.ip_family() {
            Family::V4 if data + IPV4_PAYLOAD <= end => {
                *(data as *mut [u8; IPV4_PAYLOAD]) = rewrite::ipv4(path, udp_payload, checksum);
            }
            Family::V6 if data + IPV6_PAYLOAD <= end => {
                *(data as *mut [u8; IPV6_PAYLOAD]) = rewrite::ipv6(path, udp_payload, checksum);
            }
            _ => return Err(DropReason::NoRoom.into()),
        }
        count_copy(Kind::from_number((*copy).kind), udp_payload as u64);
        Ok(())
    }
}

#[inline(always)]
fn count_copy(kind: Kind, bytes: u64) {
    let (copies, payload) = match kind {
        Kind::Audio => (Counter::AudioCopies, Counter::AudioBytes),
        Kind::Video => (Counter::VideoCopies, Counter::VideoBytes),
    };
    count::add(copies, 1);
    count::add(payload, bytes);
    count::add(Counter::Sealed, 1);
}
