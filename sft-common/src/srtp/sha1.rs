//! SHA-1's compression function (FIPS 180-4 section 6.1.2).
//!
//! The message schedule stays in memory and every round ends in an addition that cannot be moved: left
//! alone, the compiler computes the schedule ahead and exceeds BPF's stack.

use super::memory::{add_here, load32, store32};

/// The state of one hash and the block it takes in next; in map memory under BPF.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Sha1 {
    pub state: [u32; 5],
    /// 16 words in host order; overwritten by [`compress`].
    pub block: [u32; 16],
}

/// State before the first block.
pub const INITIAL: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

#[inline(always)]
fn choose(b: u32, c: u32, d: u32) -> u32 {
    d ^ (b & (c ^ d))
}

#[inline(always)]
fn parity(b: u32, c: u32, d: u32) -> u32 {
    b ^ c ^ d
}

#[inline(always)]
fn majority(b: u32, c: u32, d: u32) -> u32 {
    (b & c) | (d & (b | c))
}

/// Word `$n` of the message schedule, which is a ring of 16.
macro_rules! word {
    ($block:ident, $n:literal) => {{
        if $n < 16 {
            load32::<{ ($n & 15) * 4 }>($block) as u32
        } else {
            let sum = load32::<{ (($n + 13) & 15) * 4 }>($block)
                ^ load32::<{ (($n + 8) & 15) * 4 }>($block)
                ^ load32::<{ (($n + 2) & 15) * 4 }>($block)
                ^ load32::<{ ($n & 15) * 4 }>($block);
            let word = (sum as u32).rotate_left(1);
            store32::<{ ($n & 15) * 4 }>($block, word as u64);
            word
        }
    }};
}

macro_rules! rounds {
    ($block:ident, $s:ident, $constant:literal, $function:ident, $($n:literal)*) => { $(
        let word = word!($block, $n);
        let [a, b, c, d, e] = $s;
        let sum = a.rotate_left(5).wrapping_add($function(b, c, d)).wrapping_add(e).wrapping_add($constant);
        $s = [add_here(sum, word), a, b.rotate_left(30), c, d];
    )* };
}

/// Takes the block into the state.
///
/// # Safety
/// `hash` points to a hash that nobody else uses.
#[inline(always)]
pub unsafe fn compress(hash: *mut Sha1) {
    // SAFETY: the caller's promise.
    unsafe { sft_sha1_compress(hash) };
}

/// [`compress`] under a name of its own: in the BPF object a global subprogram, which the verifier walks once
/// instead of once per call. The result means nothing; a global subprogram has to have one.
///
/// # Safety
/// As for [`compress`].
#[cfg_attr(target_arch = "bpf", unsafe(no_mangle))]
#[inline(never)]
unsafe extern "C" fn sft_sha1_compress(hash: *mut Sha1) -> i32 {
    if hash.is_null() {
        return 0;
    }
    // SAFETY: all accesses are within the record that the caller passes.
    unsafe {
        let block = (&raw mut (*hash).block).cast::<u8>();
        let mut s = (*hash).state;
        rounds!(block, s, 0x5a82_7999, choose, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19);
        rounds!(block, s, 0x6ed9_eba1, parity, 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39);
        rounds!(block, s, 0x8f1b_bcdc, majority, 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59);
        rounds!(block, s, 0xca62_c1d6, parity, 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79);
        (*hash).state[0] = (*hash).state[0].wrapping_add(s[0]);
        (*hash).state[1] = (*hash).state[1].wrapping_add(s[1]);
        (*hash).state[2] = (*hash).state[2].wrapping_add(s[2]);
        (*hash).state[3] = (*hash).state[3].wrapping_add(s[3]);
        (*hash).state[4] = (*hash).state[4].wrapping_add(s[4]);
    }
    0
}
