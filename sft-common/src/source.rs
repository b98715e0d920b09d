//! (in work: see the module list in docs/architecture.md)

/// State of one source.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SourceState {
    pub max_index: u64,
}

/// What a lane publishes about a source.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SourceStats {
    pub packets: u64,
}
