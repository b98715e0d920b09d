//! `cargo xtask lint`: formatting, clippy on both halves, documentation.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    build::{build_ebpf_if_possible, ebpf_cargo, with_object},
    docs, linker, packages,
    process::{Failure, Result, cargo, is_root, output, progress, root, run},
    toolchain,
};

/// Debian's clippy for `rustc-web`.
const DEBIAN_CLIPPY: &str = "rust-web-clippy";

/// Fails at the first check that finds something.
pub(crate) fn lint() -> Result<()> {
    progress("formatting");
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args(["fmt", "--check", "--manifest-path"]).arg(root().join("sft-ebpf/Cargo.toml")))?;
    progress("links in the documentation");
    check_links()?;
    progress("pages made from the sources");
    docs::check()?;
    let object = build_ebpf_if_possible()?;
    progress("clippy: workspace");
    let mut clippy = cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    run(with_object(&mut clippy, object.as_deref()))?;
    if object.is_some() {
        clippy_ebpf()?;
    }
    progress("rustdoc");
    let mut rustdoc = cargo();
    rustdoc
        .args(["doc", "--workspace", "--no-deps", "--document-private-items"])
        .env("RUSTDOCFLAGS", "-D warnings");
    run(with_object(&mut rustdoc, object.as_deref()))
}

/// Clippy must be the one of the compiler that builds the BPF crate: it reads that compiler's libraries.
fn clippy_ebpf() -> Result<()> {
    progress("clippy: sft-ebpf");
    let toolchain = toolchain::require()?;
    let linker = linker::require(&toolchain)?;
    let mut clippy = match toolchain.clippy_driver() {
        Some(driver) => {
            if !driver.is_file() && is_root() {
                packages::install(&[DEBIAN_CLIPPY])?;
            }
            if !driver.is_file() {
                progress(format_args!(
                    "skipped: {} is missing (Debian package {DEBIAN_CLIPPY})",
                    driver.display()
                ));
                return Ok(());
            }
            let mut check = ebpf_cargo(&toolchain, "check", &linker);
            check
                .env("RUSTC_WORKSPACE_WRAPPER", driver)
                .env("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__");
            check
        }
        None => {
            let mut clippy = ebpf_cargo(&toolchain, "clippy", &linker);
            clippy.args(["--", "-D", "warnings"]);
            clippy
        }
    };
    run(&mut clippy)
}

/// Every relative link in a Markdown file of the repository must lead to a file.
fn check_links() -> Result<()> {
    let mut broken = Vec::new();
    for file in markdown_files()? {
        let text = fs::read_to_string(&file).map_err(Failure::io(file.display()))?;
        let directory = file.parent().unwrap_or(Path::new(""));
        for link in links(&text) {
            if !directory.join(link).exists() {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(Failure::new(format!("broken links: {}", broken.join(", ")))) }
}

fn markdown_files() -> Result<Vec<PathBuf>> {
    let mut git = crate::process::command("git");
    let listed = output(git.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]));
    let listed = listed.ok_or_else(|| Failure::new("git ls-files failed"))?;
    Ok(listed.lines().map(|file| root().join(file)).filter(|file| file.is_file()).collect())
}

/// Targets of inline links that are paths: no scheme, anchors cut off.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let paths = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
    paths.map(|path| path.split('#').next().unwrap_or(path)).filter(|path| !path.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found() {
        let text = "See [a](docs/a.md), [b](../b.md#part), [c](https://example.com/), [d](#here).";
        assert_eq!(links(text), ["docs/a.md", "../b.md"]);
    }
}
