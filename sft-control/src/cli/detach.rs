//! `sft detach`: removes what a dead server left in the kernel.
#![allow(clippy::print_stdout, reason = "the result of the command")]

use super::{CliError, arguments::Detach};
use crate::dataplane::xdp;

pub(super) fn detach(options: &Detach) -> Result<(), CliError> {
    let directory = match &options.pin_dir {
        Some(directory) => directory.clone(),
        None => xdp::only_pin_dir()?,
    };
    xdp::detach(&directory)?;
    println!("{}: programs detached, maps removed", directory.display());
    Ok(())
}
