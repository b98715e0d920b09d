//! `cargo xtask docs`: the pages that are made from the sources.

use std::{fs, path::PathBuf, process::Stdio};

use crate::process::{Failure, Result, cargo, output, progress, root};

/// Writes docs/forwarding-maps.md anew.
pub(crate) fn write() -> Result<()> {
    let page = page();
    fs::write(&page, forwarding_maps()?).map_err(Failure::io(page.display()))?;
    progress(page.display());
    Ok(())
}

/// Fails if docs/forwarding-maps.md is not what the sources say.
pub(crate) fn check() -> Result<()> {
    let page = page();
    let committed = fs::read_to_string(&page).map_err(Failure::io(page.display()))?;
    if committed == forwarding_maps()? {
        return Ok(());
    }
    Err(Failure::new(format!("{} is not what the sources say: run `cargo xtask docs`", page.display())))
}

fn page() -> PathBuf {
    root().join("docs/forwarding-maps.md")
}

/// The example that writes the page knows the layout of the records, and says on its own what is wrong.
fn forwarding_maps() -> Result<String> {
    let mut cargo = cargo();
    cargo
        .args(["run", "--quiet", "--package", "sft-common", "--example", "forwarding_maps"])
        .stderr(Stdio::inherit());
    let page =
        output(&mut cargo).ok_or_else(|| Failure::new("the page of the forwarding maps cannot be made"))?;
    Ok(page + "\n")
}
