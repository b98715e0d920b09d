//! (in work)

/// State of one slot.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotState {
    pub run: u64,
}
