//! AES (FIPS 197) for counter mode: encryption only, one table.
//!
//! The table holds the usual combined SubBytes and MixColumns word of every byte, twice in a row, so that
//! its four rotations are loads at four offsets: BPF has no rotate. Within a packet only the last byte of
//! the counter block changes, so rounds one and two shrink to five look-ups ([`Stream`]).
//!
//! Words are little-endian: byte 0 of a column is the low byte.

use super::memory::{load8, load32, load64, opaque};

/// Multiplication by x in AES's field.
const fn double(byte: u8) -> u8 {
    (byte << 1) ^ (if byte & 0x80 != 0 { 0x1b } else { 0 })
}

/// The table's entry for a byte whose S-box value is `s`.
const fn entry(s: u8) -> u64 {
    let word = u32::from_le_bytes([double(s), s, s, double(s) ^ s]) as u64;
    word | word << 32
}

/// Walks the field's powers of 3 and its inverse side by side, so that no inversion is needed.
const fn build() -> [u64; 256] {
    let mut table = [0; 256];
    let (mut power, mut inverse) = (1u8, 1u8);
    loop {
        power ^= double(power);
        inverse ^= inverse << 1;
        inverse ^= inverse << 2;
        inverse ^= inverse << 4;
        if inverse & 0x80 != 0 {
            inverse ^= 0x09;
        }
        let rotations =
            inverse.rotate_left(1) ^ inverse.rotate_left(2) ^ inverse.rotate_left(3) ^ inverse.rotate_left(4);
        table[power as usize] = entry(inverse ^ rotations ^ 0x63);
        if power == 1 {
            break;
        }
    }
    table[0] = entry(0x63);
    table
}

static TABLE: [u64; 256] = build();

/// The S-box, for the key schedule.
pub(super) fn substitute(byte: u8) -> u8 {
    (TABLE[byte as usize] >> 8) as u8
}

/// The table's entry for byte `N` of `word`.
#[inline(always)]
fn at<const N: u32>(table: *const u8, word: u64) -> *const u8 {
    let offset = if N == 0 { word << 3 } else { word >> (8 * N - 3) };
    table.wrapping_add((offset & 0x7f8) as usize)
}

/// The table's word for byte 0, 1, 2 or 3 of `$word`, rotated to where that byte contributes.
macro_rules! look_up {
    ($table:expr, $word:expr, 0) => {
        load32::<0>(at::<0>($table, $word))
    };
    ($table:expr, $word:expr, 1) => {
        load32::<3>(at::<1>($table, $word))
    };
    ($table:expr, $word:expr, 2) => {
        load32::<2>(at::<2>($table, $word))
    };
    ($table:expr, $word:expr, 3) => {
        load32::<1>(at::<3>($table, $word))
    };
}

/// One output column: ShiftRows takes its four bytes from four columns.
macro_rules! column {
    ($table:expr, $keys:expr, $offset:expr, $a:expr, $b:expr, $c:expr, $d:expr) => {
        look_up!($table, $a, 0)
            ^ look_up!($table, $b, 1)
            ^ look_up!($table, $c, 2)
            ^ look_up!($table, $d, 3)
            ^ load32::<{ $offset }>($keys)
    };
}

/// A full round with the round keys at bytes `A`, `B`, `C`, `D` of the schedule.
macro_rules! round {
    ($table:expr, $keys:expr, $s:expr, $number:literal) => {
        [
            column!($table, $keys, $number * 16, $s[0], $s[1], $s[2], $s[3]),
            column!($table, $keys, $number * 16 + 4, $s[1], $s[2], $s[3], $s[0]),
            column!($table, $keys, $number * 16 + 8, $s[2], $s[3], $s[0], $s[1]),
            column!($table, $keys, $number * 16 + 12, $s[3], $s[0], $s[1], $s[2]),
        ]
    };
}

/// The S-box value of byte `N` of `word`.
#[inline(always)]
unsafe fn substituted<const N: u32>(table: *const u8, word: u64) -> u64 {
    // SAFETY: `at` stays within the table that the caller passes.
    unsafe { load8::<1>(at::<N>(table, word)) }
}

/// Two columns of the last round, which has no MixColumns.
macro_rules! last_pair {
    ($table:expr, $keys:expr, $offset:expr, $a:expr, $b:expr, $c:expr, $d:expr) => {
        (substituted::<0>($table, $a)
            | substituted::<1>($table, $b) << 8
            | substituted::<2>($table, $c) << 16
            | substituted::<3>($table, $d) << 24
            | substituted::<0>($table, $b) << 32
            | substituted::<1>($table, $c) << 40
            | substituted::<2>($table, $d) << 48
            | substituted::<3>($table, $a) << 56)
            ^ load64::<{ $offset }>($keys)
    };
}

macro_rules! last_round {
    ($table:expr, $keys:expr, $s:expr, $number:literal) => {
        (
            last_pair!($table, $keys, $number * 16, $s[0], $s[1], $s[2], $s[3]),
            last_pair!($table, $keys, $number * 16 + 8, $s[2], $s[3], $s[0], $s[1]),
        )
    };
}

/// Key stream of one packet: what the first two rounds have in common for all its blocks.
#[derive(Clone, Copy)]
pub struct Stream {
    table: *const u8,
    keys: *const u8,
    /// The counter's own byte, with the round key added.
    counter: u64,
    /// First column after round one, without the counter byte's share.
    first: u64,
    /// Columns after round two, without the first column's share.
    second: [u64; 4],
}

impl Stream {
    /// Prepares the stream of an initial counter block, given as four little-endian words; its last byte is 0.
    ///
    /// # Safety
    /// `keys` points to at least 11 round keys.
    #[inline(always)]
    pub unsafe fn new(keys: *const u8, block: [u64; 4]) -> Stream {
        // Hidden, or every look-up reloads the address.
        let table = opaque(&raw const TABLE as u64) as *const u8;
        // SAFETY: look-ups stay within the table, and the keys are the caller's promise.
        unsafe {
            let s = [
                block[0] ^ load32::<0>(keys),
                block[1] ^ load32::<4>(keys),
                block[2] ^ load32::<8>(keys),
                block[3] ^ load32::<12>(keys),
            ];
            let first = look_up!(table, s[0], 0)
                ^ look_up!(table, s[1], 1)
                ^ look_up!(table, s[2], 2)
                ^ load32::<16>(keys);
            let t1 = column!(table, keys, 20, s[1], s[2], s[3], s[0]);
            let t2 = column!(table, keys, 24, s[2], s[3], s[0], s[1]);
            let t3 = column!(table, keys, 28, s[3], s[0], s[1], s[2]);
            let second = [
                look_up!(table, t1, 1) ^ look_up!(table, t2, 2) ^ look_up!(table, t3, 3) ^ load32::<32>(keys),
                look_up!(table, t1, 0) ^ look_up!(table, t2, 1) ^ look_up!(table, t3, 2) ^ load32::<36>(keys),
                look_up!(table, t2, 0) ^ look_up!(table, t3, 1) ^ look_up!(table, t1, 3) ^ load32::<40>(keys),
                look_up!(table, t3, 0) ^ look_up!(table, t1, 2) ^ look_up!(table, t2, 3) ^ load32::<44>(keys),
            ];
            Stream { table, keys, counter: s[3] >> 24, first, second }
        }
    }

    /// Block `number` (0..=255) of the stream, as two little-endian words. `ROUNDS`: 10 or 14.
    ///
    /// # Safety
    /// The key schedule given to [`Stream::new`] has `ROUNDS + 1` round keys and is still there.
    #[inline(always)]
    pub unsafe fn block<const ROUNDS: usize>(&self, number: u64) -> (u64, u64) {
        let (table, keys, second) = (self.table, self.keys, &self.second);
        // SAFETY: as above.
        unsafe {
            let t0 = self.first ^ load32::<1>(at::<0>(table, self.counter ^ number));
            let s = [
                second[0] ^ look_up!(table, t0, 0),
                second[1] ^ look_up!(table, t0, 3),
                second[2] ^ look_up!(table, t0, 2),
                second[3] ^ look_up!(table, t0, 1),
            ];
            let s = round!(table, keys, s, 3);
            let s = round!(table, keys, s, 4);
            let s = round!(table, keys, s, 5);
            let s = round!(table, keys, s, 6);
            let s = round!(table, keys, s, 7);
            let s = round!(table, keys, s, 8);
            let s = round!(table, keys, s, 9);
            if ROUNDS == 10 {
                return last_round!(table, keys, s, 10);
            }
            let s = round!(table, keys, s, 10);
            let s = round!(table, keys, s, 11);
            let s = round!(table, keys, s, 12);
            let s = round!(table, keys, s, 13);
            last_round!(table, keys, s, 14)
        }
    }
}
