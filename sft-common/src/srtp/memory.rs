//! Loads, stores and the two tricks that keep the verifier's walk short. Each exists twice: as BPF assembly
//! and in plain Rust for the host.
//!
//! The BPF target knows no unaligned access, so the compiler would split every load into bytes; the kernel's
//! instruction set allows it, hence the assembly. Being opaque, these loads are also never moved: the
//! compiler would otherwise collect them ahead of a round and run out of the 512 bytes of stack.

#[cfg(target_arch = "bpf")]
mod arch {
    use core::arch::asm;

    macro_rules! access {
        ($load:ident, $store:ident, $size:literal) => {
            /// # Safety
            /// The bytes at `base + OFFSET` are readable.
            #[inline(always)]
            pub unsafe fn $load<const OFFSET: usize>(base: *const u8) -> u64 {
                let value: u64;
                // SAFETY: one load from memory that the caller vouches for.
                unsafe {
                    asm!(concat!("{value} = *(", $size, " *)({base} + {offset})"),
                        value = lateout(reg) value, base = in(reg) base, offset = const OFFSET,
                        options(readonly, nostack, preserves_flags));
                }
                value
            }

            /// # Safety
            /// The bytes at `base + OFFSET` are writable.
            #[inline(always)]
            pub unsafe fn $store<const OFFSET: usize>(base: *mut u8, value: u64) {
                // SAFETY: one store to memory that the caller vouches for.
                unsafe {
                    asm!(concat!("*(", $size, " *)({base} + {offset}) = {value}"),
                        value = in(reg) value, base = in(reg) base, offset = const OFFSET,
                        options(nostack, preserves_flags));
                }
            }
        };
    }
    access!(load8, store8, "u8");
    access!(load16, store16, "u16");
    access!(load32, store32, "u32");
    access!(load64, store64, "u64");

    #[inline(always)]
    pub fn opaque(mut value: u64) -> u64 {
        // SAFETY: a move of a register onto itself.
        unsafe { asm!("{0} = {0}", inout(reg) value, options(pure, nomem, nostack, preserves_flags)) };
        value
    }

    #[inline(always)]
    pub fn add_here(mut a: u32, b: u32) -> u32 {
        // SAFETY: one addition.
        unsafe { asm!("{0} += {1}", inout(wreg) a, in(wreg) b, options(nomem, nostack, preserves_flags)) };
        a
    }

    #[inline(always)]
    pub fn may_continue() -> bool {
        // SAFETY: a jump within this function.
        unsafe { asm!("may_goto {stop}", stop = label { return false; }, options(nostack)) };
        true
    }

    /// # Safety
    /// 16 bytes at `entry + OFFSET` are readable; `HALF` is `OFFSET + 8`.
    #[inline(always)]
    pub unsafe fn xor_pair<const OFFSET: usize, const HALF: usize>(
        entry: *const u8,
        mut high: u64,
        mut low: u64,
    ) -> (u64, u64) {
        // SAFETY: two loads from memory that the caller vouches for. Load and exclusive-or in one piece:
        // apart, the compiler gathers the loads and spills.
        unsafe {
            asm!("{word} = *(u64 *)({entry} + {first})", "{high} ^= {word}",
                "{word} = *(u64 *)({entry} + {second})", "{low} ^= {word}",
                word = out(reg) _, entry = in(reg) entry, high = inlateout(reg) high, low = inlateout(reg) low,
                first = const OFFSET, second = const HALF, options(readonly, nostack, preserves_flags));
        }
        (high, low)
    }
}

#[cfg(not(target_arch = "bpf"))]
mod arch {
    macro_rules! access {
        ($load:ident, $store:ident, $type:ty) => {
            /// # Safety
            /// The bytes at `base + OFFSET` are readable.
            #[inline(always)]
            pub unsafe fn $load<const OFFSET: usize>(base: *const u8) -> u64 {
                // SAFETY: the caller's promise.
                let value = unsafe { base.add(OFFSET).cast::<$type>().read_unaligned() };
                <$type>::from_le(value) as u64
            }

            /// # Safety
            /// The bytes at `base + OFFSET` are writable.
            #[inline(always)]
            pub unsafe fn $store<const OFFSET: usize>(base: *mut u8, value: u64) {
                // SAFETY: the caller's promise.
                unsafe { base.add(OFFSET).cast::<$type>().write_unaligned((value as $type).to_le()) }
            }
        };
    }
    access!(load8, store8, u8);
    access!(load16, store16, u16);
    access!(load32, store32, u32);
    access!(load64, store64, u64);

    #[inline(always)]
    pub fn opaque(value: u64) -> u64 {
        value
    }

    #[inline(always)]
    pub fn add_here(a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    #[inline(always)]
    pub fn may_continue() -> bool {
        true
    }

    /// # Safety
    /// 16 bytes at `entry + OFFSET` are readable; `HALF` is `OFFSET + 8`.
    #[inline(always)]
    pub unsafe fn xor_pair<const OFFSET: usize, const HALF: usize>(
        entry: *const u8,
        high: u64,
        low: u64,
    ) -> (u64, u64) {
        // SAFETY: the caller's promise.
        unsafe { (high ^ load64::<OFFSET>(entry), low ^ load64::<HALF>(entry)) }
    }
}

/// Little-endian loads and stores of any alignment at a constant offset.
pub use arch::{load8, load16, load32, load64, store8, store16, store32, store64};

/// Hides a value's origin from the optimiser, not from the verifier: bounds that were checked stay checked
/// on the value that is used.
pub use arch::opaque;

/// `a + b`, computed where it is written: the optimiser may not reorder SHA-1's rounds around it.
pub use arch::add_here;

/// True until the kernel's loop budget is used up. Opens every loop: with it the verifier accepts a loop whose
/// bound it cannot see, and stops walking when a round looks like the one before.
pub use arch::may_continue;

/// `(high, low)` exclusive-or the two words at an offset of a GHASH table entry.
pub use arch::xor_pair;

/// For `n` valid bytes of a block: all bits of those bytes.
static MASK: [[u64; 2]; 17] = {
    let mut table = [[0; 2]; 17];
    let mut n = 0;
    while n < 17 {
        let low = if n >= 8 { u64::MAX } else { (1 << (8 * n)) - 1 };
        let high = match n {
            0..=8 => 0,
            16 => u64::MAX,
            _ => (1 << (8 * (n - 8))) - 1,
        };
        table[n] = [low, high];
        n += 1;
    }
    table
};

/// Bits of the first `n` (0..=15) bytes of a block, as two little-endian words.
#[inline(always)]
pub fn first_bytes(n: u64) -> (u64, u64) {
    let entry = (&raw const MASK).cast::<u8>().wrapping_add(((n & 15) << 4) as usize);
    // SAFETY: an entry of the table, n being at most 15.
    unsafe { (load64::<0>(entry), load64::<8>(entry)) }
}
