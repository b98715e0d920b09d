//! Up to the packet index: is it ours, which leg and source is it from, may it come in (steps 1 to 6)?

use aya_ebpf::{
    bindings::xdp_md,
    helpers::generated::{
        bpf_ktime_get_ns, bpf_spin_lock, bpf_spin_unlock, bpf_xdp_adjust_tail, bpf_xdp_get_buff_len,
        bpf_xdp_load_bytes,
    },
};
use sft_common::{
    demux::{self, Packet as Protocol},
    drops::DropReason,
    frame::{self, Family, IPV4_PAYLOAD, IPV6_PAYLOAD, Udp},
    maps::{Counter, LEG_PASS, LocalKey, MAX_PAYLOAD, SourceKey},
    packet::Bytes,
    rtp::HEADER_BUFFER,
    srtp::TAG_ROOM,
};

use crate::{
    atomic, count, crypto,
    frame::Bounds,
    header::sft_read_header,
    maps::{CONFIG, KEYS, LEG_CONTROL, LEGS, LOCAL, SOURCE_IDS, SOURCE_STATE, SOURCES, TUPLES},
    scratch::{CONTINUE, End, Scratch, stage},
};

stage!(
    /// Leaves the packet in `Scratch::packet` and everything for opening it in `Scratch::work`.
    sft_accept,
    accept
);

#[inline(always)]
unsafe fn accept(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the context, this CPU's scratch, and records of the maps.
    unsafe {
        let udp = own_datagram(ctx)?;
        let packet = &raw mut (*scratch).packet;
        (*packet).udp_payload = udp.payload_len as u32;
        (*packet).payload_offset = udp.payload_offset as u32;
        (*packet).now = bpf_ktime_get_ns();
        (*packet).leg = leg_of(&udp, (*packet).now)?;
        find_source(ctx, scratch)?;
        let state = SOURCE_STATE.get_ptr_mut((*packet).source).ok_or(DropReason::StaleReference)?;
        let (lock, sequence) = ((&raw mut (*state).lock).cast(), (*scratch).parsed.sequence);
        bpf_spin_lock(lock);
        let index = (*state).state.admit(sequence);
        if let Err(reason) = index {
            (*state).state.count_refused(reason);
        }
        bpf_spin_unlock(lock);
        (*packet).index = index?;
        prepare_to_open(ctx, scratch)
    }
}

/// Steps 1 and 2: an RTP packet to one of our addresses; everything else is passed on.
#[inline(always)]
unsafe fn own_datagram(ctx: *mut xdp_md) -> Result<Udp, End> {
    // SAFETY: the context.
    let bounds = unsafe { Bounds::of(ctx) };
    let frame::Frame::Udp(udp) = frame::classify_frame(&bounds) else { return Err(End::Aside) };
    let config = CONFIG.get(0).ok_or(End::Aside)?;
    if u16::from_ne_bytes(udp.tuple.local_port) as u32 != config.media_port || udp.payload_len < 2 {
        return Err(End::Aside);
    }
    let local = LocalKey { address: udp.tuple.local, port: udp.tuple.local_port, pad: [0; 2] };
    if LOCAL.get_ptr(&local).is_none() {
        return Err(End::Aside);
    }
    let start = match udp.family {
        Family::V4 => bounds.load::<2>(IPV4_PAYLOAD),
        Family::V6 => bounds.load::<2>(IPV6_PAYLOAD),
    };
    let [first, second] = start.ok_or(End::Aside)?;
    match demux::classify(first, second) {
        Protocol::Rtp => {
            count::add(Counter::RtpReceived, 1);
            Ok(udp)
        }
        Protocol::Stun | Protocol::Dtls | Protocol::Rtcp => {
            count::add(Counter::ControlPassed, 1);
            Err(End::Aside)
        }
        Protocol::Other => Err(End::Aside),
    }
}

/// Step 3: the leg that this address pair belongs to.
#[inline(always)]
unsafe fn leg_of(udp: &Udp, now: u64) -> Result<u32, End> {
    let config = CONFIG.get(0).ok_or(End::Aside)?;
    if now > config.lease_until {
        return Err(DropReason::LeaseExpired.into());
    }
    // SAFETY: the number is copied at once; the map is preallocated, so that a recycled element holds some
    // leg's number, under whose key the packet then does not verify.
    let leg = unsafe { TUPLES.get(&udp.tuple) }.copied().ok_or(DropReason::UnknownTuple)?;
    let control = LEG_CONTROL.get(leg).ok_or(DropReason::StaleReference)?;
    if control.flags & LEG_PASS != 0 {
        count::add(Counter::RtpPassed, 1);
        return Err(End::Aside);
    }
    Ok(leg)
}

/// Steps 4 and 5: header and source.
#[inline(always)]
unsafe fn find_source(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the context, this CPU's scratch, and records of the maps.
    unsafe {
        let packet = &raw mut (*scratch).packet;
        // At least 2, as was checked; the verifier has to see that it is not 0.
        let length = ((*packet).udp_payload as usize).clamp(1, HEADER_BUFFER) as u32;
        let header = (&raw mut (*scratch).header).cast();
        if bpf_xdp_load_bytes(ctx, (*packet).payload_offset, header, length) != 0 {
            return Err(DropReason::Runt.into());
        }
        match sft_read_header(scratch, (*packet).udp_payload) {
            CONTINUE => {}
            reason => return Err(End::Drop(refusal(reason as u32))),
        }
        let (leg, ssrc) = ((*packet).leg, (*scratch).parsed.ssrc);
        let Some(&source) = SOURCE_IDS.get(&SourceKey { leg, ssrc }) else {
            return Err(unknown_ssrc(leg));
        };
        let record = SOURCES.get(source).ok_or(DropReason::StaleReference)?;
        if record.leg != leg || record.ssrc != ssrc {
            return Err(DropReason::StaleReference.into());
        }
        (*packet).source = source;
        (*packet).kind = record.kind;
        (*packet).csrc = record.csrc;
        (*packet).conference = record.conference;
        Ok(())
    }
}

/// The reasons for which a header is refused.
#[inline(always)]
fn refusal(number: u32) -> DropReason {
    const BAD: u32 = DropReason::BadRtpHeader as u32;
    const LONG: u32 = DropReason::HeaderTooLong as u32;
    match number {
        BAD => DropReason::BadRtpHeader,
        LONG => DropReason::HeaderTooLong,
        _ => DropReason::Runt,
    }
}

/// Packets of unknown SSRCs reach the control plane while it has something to learn from them.
#[inline(always)]
unsafe fn unknown_ssrc(leg: u32) -> End {
    let Some(control) = LEG_CONTROL.get_ptr_mut(leg) else { return End::Drop(DropReason::StaleReference) };
    // SAFETY: the record; the control plane stores to it, too, hence the exchange.
    let taken = unsafe {
        let learning = &raw mut (*control).learning;
        let left = learning.read_volatile();
        left > 0 && atomic::exchange(learning, left, left - 1)
    };
    if taken {
        count::add(Counter::RtpPassed, 1);
        End::Aside
    } else {
        End::Drop(DropReason::UnknownSsrc)
    }
}

/// Lengths and room for opening the packet in place.
#[inline(always)]
unsafe fn prepare_to_open(ctx: *mut xdp_md, scratch: *mut Scratch) -> Result<(), End> {
    // SAFETY: the context, this CPU's scratch, and records of the maps.
    unsafe {
        let (packet, parsed) = (&raw mut (*scratch).packet, &raw const (*scratch).parsed);
        let leg = LEGS.get((*packet).leg).ok_or(DropReason::StaleReference)?;
        (*packet).receive_key = leg.receive_key;
        let key = KEYS.get_ptr(leg.receive_key).ok_or(DropReason::NoKey)?;
        let tag = crypto::tag_len(key) as u32;
        let behind_header = (*packet).udp_payload - (*parsed).header_len;
        if behind_header < tag {
            return Err(DropReason::AuthFailed.into());
        }
        (*packet).payload = behind_header - tag;
        if (*packet).payload > MAX_PAYLOAD as u32 {
            return Err(DropReason::PayloadTooLong.into());
        }
        let used = (*packet).payload_offset + (*packet).udp_payload - tag + TAG_ROOM as u32;
        let missing = used as i32 - bpf_xdp_get_buff_len(ctx) as i32;
        if missing > 0 && bpf_xdp_adjust_tail(ctx, missing) != 0 {
            return Err(DropReason::NoRoom.into());
        }
        let work = &raw mut (*scratch).work;
        (*work).rtp = (*packet).payload_offset;
        (*work).header = (*parsed).header_len;
        (*work).payload = (*packet).payload;
        (*work).ssrc = (*parsed).ssrc.swap_bytes();
        (*work).index = (*packet).index;
        Ok(())
    }
}
