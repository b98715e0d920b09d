//! The 48-bit packet index: rollover counter and sequence number (RFC 3711 section 3.3.1).

use crate::drops::DropReason;

/// One more than the largest index.
pub const INDEX_END: u64 = 1 << 48;

/// The index of a packet with this sequence number, given the highest index received so far (RFC 3711
/// appendix A), or `None` before the first packet, whose rollover counter is 0.
///
/// There is no index below 0: early in the first round every sequence number is of that round.
///
/// # Errors
/// `IndexExhausted` if the index does not fit into 48 bits.
#[inline(always)]
pub const fn estimate(highest: Option<u64>, sequence: u16) -> Result<u64, DropReason> {
    let Some(highest) = highest else { return Ok(sequence as u64) };
    let last = highest as u16;
    let round = highest & !0xffff;
    let guess = round | sequence as u64;
    let index = if last < 0x8000 && sequence > last && sequence - last > 0x8000 && round != 0 {
        guess - 0x1_0000
    } else if last >= 0x8000 && sequence < last - 0x8000 {
        guess + 0x1_0000
    } else {
        guess
    };
    if index < INDEX_END { Ok(index) } else { Err(DropReason::IndexExhausted) }
}
