//! `sft maps`: the forwarding maps as they are pinned, so that it works without the control plane, too.

use std::path::PathBuf;

use super::{
    CliError,
    arguments::Maps,
    ask,
    report::{print_json, print_table},
};
use crate::dataplane::xdp::{self, dump::PinnedMaps};

pub(super) fn maps(options: &Maps) -> Result<(), CliError> {
    let pinned = PinnedMaps::open(&pin_dir(options)?)?;
    let table = match &options.name {
        Some(name) => pinned.table(name)?,
        None => pinned.inventory()?,
    };
    if options.ask.json {
        return print_json(&table);
    }
    print_table(table.columns, table.rows);
    Ok(())
}

/// The named directory, that of the running server, or the only one there is.
fn pin_dir(options: &Maps) -> Result<PathBuf, CliError> {
    if let Some(directory) = &options.pin_dir {
        return Ok(directory.clone());
    }
    match ask::snapshot(&options.ask.control) {
        Ok(snapshot) => snapshot.server.pin_dir.map(PathBuf::from).ok_or_else(|| {
            format!("the server has no forwarding maps in the kernel: {}", snapshot.server.lane).into()
        }),
        Err(_) => Ok(xdp::only_pin_dir()?),
    }
}
