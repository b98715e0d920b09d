//! Which protocol a datagram on the media port belongs to (RFC 7983, RFC 5761 section 4).

/// The protocols that share the media port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
    /// Nothing we speak (ZRTP, TURN channel data, garbage).
    Other,
}

/// Classifies a datagram by its first two bytes.
#[inline(always)]
pub const fn classify(first: u8, second: u8) -> Packet {
    match first {
        0..=3 => Packet::Stun,
        20..=63 => Packet::Dtls,
        // RTCP packet types 192..=223 are RTP payload types 64..=95 with the marker bit.
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
    fn every_first_byte_has_its_protocol() {
        let count = |packet| (0..=255).filter(|b| classify(*b, 0) == packet).count();
        assert_eq!(count(Packet::Stun), 4);
        assert_eq!(count(Packet::Dtls), 44);
        assert_eq!(count(Packet::Rtp), 64);
        assert_eq!(count(Packet::Rtcp), 0);
        assert_eq!(count(Packet::Other), 256 - 112);
    }

    #[test]
    fn rtcp_is_told_from_rtp_by_the_second_byte() {
        for second in 0..=255 {
            let expected = if (192..=223).contains(&second) { Packet::Rtcp } else { Packet::Rtp };
            assert_eq!(classify(0x80, second), expected, "second byte {second}");
        }
    }
}
