//! GHASH (NIST SP 800-38D section 6.4) with 2 KiB of table per key.
//!
//! A block is taken as four quarters of 32 bits. Every nibble of a quarter selects a table entry, and the
//! quarters are joined by Horner's rule in x^32, a shift by 32 with a short reduction. Larger tables are
//! faster alone and slower with many keys: they fall out of the cache.

use super::memory::xor_pair;

/// The state: a field element as a big-endian 128-bit number, whose top bit is the coefficient of x^0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ghash {
    pub high: u64,
    pub low: u64,
}

/// Adds the table entry of the nibble at bit `$shift + 4 * $position` of `$half`.
macro_rules! nibble {
    ($half:expr, $shift:literal, $position:literal, $table:expr, $z:ident) => {{
        let bits =
            if $shift + 4 * $position < 4 { $half << 4 } else { $half >> ($shift + 4 * $position - 4) };
        let entry = $table.wrapping_add((bits & 0xf0) as usize);
        (($z.0), ($z.1)) = xor_pair::<{ $position * 256 }, { $position * 256 + 8 }>(entry, $z.0, $z.1);
    }};
}

macro_rules! quarter {
    ($half:expr, $shift:literal, $table:expr, $z:ident) => {
        nibble!($half, $shift, 0, $table, $z);
        nibble!($half, $shift, 1, $table, $z);
        nibble!($half, $shift, 2, $table, $z);
        nibble!($half, $shift, 3, $table, $z);
        nibble!($half, $shift, 4, $table, $z);
        nibble!($half, $shift, 5, $table, $z);
        nibble!($half, $shift, 6, $table, $z);
        nibble!($half, $shift, 7, $table, $z);
    };
}

/// Multiplies by x^32: what falls off the end comes back through x^128 = x^7 + x^2 + x + 1.
#[inline(always)]
fn shift((high, low): (u64, u64)) -> (u64, u64) {
    let out = low << 32;
    (high >> 32 ^ out ^ out >> 1 ^ out >> 2 ^ out >> 7, low >> 32 | high << 32)
}

impl Ghash {
    /// Takes in one block, given as two words loaded little-endian from memory.
    ///
    /// # Safety
    /// `table` points to the 128 entries that [`table`](fn@table) makes.
    #[inline(always)]
    pub unsafe fn update(&mut self, table: *const u8, first: u64, second: u64) {
        let high = self.high ^ first.swap_bytes();
        let low = self.low ^ second.swap_bytes();
        let mut z = (0, 0);
        // SAFETY: every look-up is one of the 8 * 16 entries.
        unsafe {
            quarter!(low, 0, table, z);
            z = shift(z);
            quarter!(low, 32, table, z);
            z = shift(z);
            quarter!(high, 0, table, z);
            z = shift(z);
            quarter!(high, 32, table, z);
        }
        *self = Ghash { high: z.0, low: z.1 };
    }

    /// The hash after the block of lengths (in bytes), as two words to be stored little-endian.
    ///
    /// # Safety
    /// As for [`Ghash::update`].
    #[inline(always)]
    pub unsafe fn finish(mut self, table: *const u8, header: u64, payload: u64) -> (u64, u64) {
        // SAFETY: the caller's promise.
        unsafe { self.update(table, (header * 8).swap_bytes(), (payload * 8).swap_bytes()) };
        (self.high.swap_bytes(), self.low.swap_bytes())
    }
}

/// The table for the hash key H: entry `16 * position + value` is `value << 4 * position`, read as the
/// coefficients of x^0 to x^31, times H.
pub fn table(h: u128) -> [[u64; 2]; 128] {
    // products[bit] = H times the power of x that this bit of a quarter stands for.
    let mut products = [0u128; 32];
    let mut product = h;
    for slot in products.iter_mut().rev() {
        *slot = product;
        product = (product >> 1) ^ (if product & 1 != 0 { 0xe1 << 120 } else { 0 });
    }
    let mut table = [[0; 2]; 128];
    for (number, entry) in table.iter_mut().enumerate() {
        let (position, value) = (number / 16, number % 16);
        let sum = (0..4)
            .filter(|bit| value >> bit & 1 != 0)
            .fold(0u128, |sum, bit| sum ^ products[4 * position + bit]);
        *entry = [(sum >> 64) as u64, sum as u64];
    }
    table
}
