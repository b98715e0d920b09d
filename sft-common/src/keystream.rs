//! Key stream that the control plane prepares ahead of its use: entries, rings of entries, and the check that
//! comes before every use.
//!
//! An entry is the key stream of one packet: AES in counter mode over zeros, which the programs exclusive-or
//! with a payload. It may be used for the packet of exactly its key, SSRC and index, and while nobody
//! rewrites it. The writer empties the tag before it touches the blocks and fills it when they are
//! complete; the reader compares the tag before and after. Without an entry the programs compute the same
//! bytes, so a miss costs time and nothing else.
//!
//! The order of loads is relied on, which x86-64 keeps; elsewhere the control plane prepares nothing.

use crate::maps::Profile;

/// Blocks of 16 bytes in an entry of `KEYSTREAM_SHORT`.
pub const SHORT_BLOCKS: usize = 18;
/// Blocks of 16 bytes in an entry of `KEYSTREAM_LONG`.
pub const LONG_BLOCKS: usize = 78;

/// Which packet an entry belongs to.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeystreamTag {
    /// 48-bit packet index with [`READY`] set; 0 while the entry is empty or being written.
    pub index: u64,
    /// [`crate::maps::KeyRecord::epoch`].
    pub epoch: u64,
    /// As the four bytes lie in the RTP header.
    pub ssrc: u32,
    /// Always 0.
    pub pad: [u32; 3],
}

/// In [`KeystreamTag::index`]: the blocks are complete.
pub const READY: u64 = 1 << 63;

impl KeystreamTag {
    pub const fn new(epoch: u64, ssrc: u32, index: u64) -> KeystreamTag {
        KeystreamTag { index: index | READY, epoch, ssrc, pad: [0; 3] }
    }

    /// Whether this is the entry of that packet.
    #[inline(always)]
    pub const fn is_for(&self, epoch: u64, ssrc: u32, index: u64) -> bool {
        self.index == index | READY && self.epoch == epoch && self.ssrc == ssrc
    }
}

/// Value of `KEYSTREAM_SHORT` and `KEYSTREAM_LONG`: key stream of one packet. Never shown by the CLI.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct KeystreamEntry<const BLOCKS: usize> {
    /// The packet that the blocks are for.
    pub tag: KeystreamTag,
    /// Block n is for counter value n + 1 in GCM, n in counter mode ([`first_counter`]).
    pub blocks: [[u64; 2]; BLOCKS],
}

/// Lowest counter value that a profile uses: that of the tag in GCM (NIST SP 800-38D section 7.1), of the
/// payload in counter mode (RFC 3711 section 4.1.1).
pub const fn first_counter(profile: Profile) -> u64 {
    match profile {
        Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => 1,
        Profile::Aes128CmHmacSha1_80 => 0,
    }
}

/// Two sizes of entries: most audio fits the short one, most video the long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Short,
    Long,
}

impl Class {
    pub const fn blocks(self) -> usize {
        match self {
            Class::Short => SHORT_BLOCKS,
            Class::Long => LONG_BLOCKS,
        }
    }

    /// Longest payload in bytes that an entry serves under every profile.
    pub const fn max_payload(self) -> usize {
        (self.blocks() - 1) * 16
    }
}

/// A run of entries that serves one stream in turn: packet `index` has entry `index % entries`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    pub class: Class,
    /// First entry in the map of the class.
    pub first: u32,
    /// A power of two, below 2^31.
    pub entries: u32,
}

const LONG: u64 = 1 << 31;

impl Ring {
    /// [`RingControl::ring`] of a stream without a ring.
    pub const NONE: u64 = 0;

    pub const fn to_word(self) -> u64 {
        let class = match self.class {
            Class::Short => 0,
            Class::Long => LONG,
        };
        (self.first as u64) << 32 | class | self.entries as u64
    }

    #[inline(always)]
    pub const fn from_word(word: u64) -> Option<Ring> {
        let entries = (word & (LONG - 1)) as u32;
        if entries == 0 {
            return None;
        }
        let class = if word & LONG != 0 { Class::Long } else { Class::Short };
        Some(Ring { class, first: (word >> 32) as u32, entries })
    }

    /// Number of the entry of packet `index`.
    #[inline(always)]
    pub const fn entry(self, index: u64) -> u32 {
        self.first.wrapping_add(index as u32 & self.entries.wrapping_sub(1))
    }
}

/// Value of `SLOT_RINGS` and `SOURCE_RINGS`: the prepared key stream of a stream.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingControl {
    /// `first entry << 32 | 1 << 31 in KEYSTREAM_LONG | number of entries` ([`Ring::to_word`]); 0 = no ring.
    /// Written by the control plane.
    pub ring: u64,
    /// Index of the newest packet, plus 1; 0 = none yet. Written by the programs, so that the control plane
    /// knows which indices come next.
    pub position: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_survives_its_word() {
        for class in [Class::Short, Class::Long] {
            let ring = Ring { class, first: 0xffff_ff00, entries: 64 };
            assert_eq!(Ring::from_word(ring.to_word()), Some(ring));
        }
        assert_eq!(Ring::from_word(Ring::NONE), None);
    }

    #[test]
    fn consecutive_packets_have_all_entries_in_turn() {
        let ring = Ring { class: Class::Short, first: 96, entries: 32 };
        let mut entries: Vec<u32> = (0xffff_fff0..0x1_0000_0010).map(|index| ring.entry(index)).collect();
        entries.sort_unstable();
        assert_eq!(entries, (96..128).collect::<Vec<u32>>());
    }

    #[test]
    fn an_entry_is_for_one_packet() {
        let tag = KeystreamTag::new(7, 8, 9);
        assert!(tag.is_for(7, 8, 9));
        assert!(!tag.is_for(6, 8, 9) && !tag.is_for(7, 9, 9) && !tag.is_for(7, 8, 10));
        assert!(!KeystreamTag::default().is_for(0, 0, 0), "an empty one is for none");
    }
}
