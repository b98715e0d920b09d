//! The `sft` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    sft_control::cli::run()
}
