//! What a datagram on the media port is: RFC 7983 by its first byte, RFC 5761 to tell RTCP from RTP.

/// Protocols that share the media port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packet {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    /// ZRTP, TURN channels and everything without a meaning here.
    Other,
}

/// Classifies a datagram by the first two bytes of its UDP payload.
///
/// RTP payload types 64 to 95 are RTCP (RFC 5761 section 4): with the marker bit, a second byte from
/// 192 to 223.
#[inline(always)]
pub const fn classify(first: u8, second: u8) -> Packet {
    match first {
        0..=3 => Packet::Stun,
        20..=63 => Packet::Dtls,
        128..=191 => match second {
            192..=223 => Packet::Rtcp,
            _ => Packet::Rtp,
        },
        _ => Packet::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Packet, classify};

    #[test]
    fn every_pair_of_bytes_has_its_protocol() {
        // RFC 7983 section 7 as a list of ranges, in the order of the figure there.
        let ranges = [
            (0..=3, Packet::Stun),
            (4..=15, Packet::Other),
            (16..=19, Packet::Other),
            (20..=63, Packet::Dtls),
            (64..=79, Packet::Other),
            (80..=127, Packet::Other),
            (128..=191, Packet::Rtp),
            (192..=255, Packet::Other),
        ];
        let mut seen = 0;
        for (range, protocol) in ranges {
            for first in range {
                for second in 0..=255_u8 {
                    let payload_type = second & 0x7f;
                    let rtcp = second >= 128 && (64..=95).contains(&payload_type);
                    let expected = if protocol == Packet::Rtp && rtcp { Packet::Rtcp } else { protocol };
                    assert_eq!(classify(first, second), expected, "{first} {second}");
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, 65536);
    }
}
