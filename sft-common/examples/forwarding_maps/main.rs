//! Writes docs/forwarding-maps.md to standard output: `cargo xtask docs`.
//!
//! Kinds and types of the maps come from the declarations in `sft-ebpf`, meanings from the doc comments, offsets
//! and sizes from the compiler. Whatever is named and not described is an error.
#![allow(clippy::print_stdout, reason = "the page goes to standard output")]

mod layout;
mod page;
mod source;

use std::process::ExitCode;

use source::Sources;

fn main() -> ExitCode {
    match Sources::read().and_then(|sources| page::write(&sources)) {
        Ok(page) => {
            print!("{page}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
