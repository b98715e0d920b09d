//! The HTTP listener of the join (sft-protocol.md 3).
