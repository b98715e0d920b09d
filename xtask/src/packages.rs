//! Installing what the machine lacks: Debian packages, as root only.

use std::sync::OnceLock;

use crate::process::{Failure, Result, command, find, is_root, output, progress, run};

/// Whether this process may install Debian packages.
pub(crate) fn can_install() -> bool {
    is_root() && find("apt-get").is_some()
}

/// Installs the given packages that are not installed yet.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !can_install() {
        return Err(Failure::new(format!(
            "missing Debian packages: {} (nothing is installed without root)",
            missing.join(" ")
        )));
    }
    refresh_lists()?;
    progress(format_args!("installing {}", missing.join(" ")));
    let mut apt = command("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt.args(["install", "--quiet=2", "--yes", "--no-install-recommends"]).args(&missing);
    run(&mut apt)
}

fn is_installed(package: &str) -> bool {
    let mut query = command("dpkg-query");
    output(query.args(["--show", "--showformat=${db:Status-Status}", package])).as_deref()
        == Some("installed")
}

/// Package lists are fetched once per run: stale ones name versions that the mirrors no longer have.
fn refresh_lists() -> Result<()> {
    static DONE: OnceLock<()> = OnceLock::new();
    if DONE.get().is_none() {
        progress("refreshing the package lists");
        run(command("apt-get").args(["update", "--quiet=2"]))?;
        DONE.get_or_init(|| ());
    }
    Ok(())
}
