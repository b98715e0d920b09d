//! The command line of the `sft` binary.
