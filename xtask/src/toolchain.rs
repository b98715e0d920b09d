//! Finding a compiler that can produce BPF code, or installing one. See docs/toolchain.md.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    packages,
    process::{Failure, Result, command, find, is_root, output, progress, run},
};

pub(crate) const TARGET: &str = "bpfel-unknown-none";

/// Debian 12's backported compiler and the library that belongs to it.
const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "libstd-rust-web-dev-bpf"];

/// How the compiler is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Compiler {
    /// A rustc outside rustup.
    Program(PathBuf),
    /// A toolchain of rustup, by name.
    Rustup(String),
}

/// A compiler that can build `sft-ebpf`.
#[derive(Debug)]
pub(crate) struct Toolchain {
    compiler: Compiler,
    /// The target's `core` is not installed and is compiled from the compiler's own sources.
    core_from_source: bool,
    /// First line of `rustc -vV`.
    pub(crate) version: String,
    /// Major version of the compiler's LLVM; the linker must be built for it.
    pub(crate) llvm: u32,
    pub(crate) sysroot: PathBuf,
}

impl Compiler {
    fn rustc(&self) -> Command {
        match self {
            Self::Program(path) => command(path),
            Self::Rustup(name) => {
                let mut rustup = command("rustup");
                rustup.args(["run", name, "rustc"]);
                rustup
            }
        }
    }
}

impl Toolchain {
    /// `cargo <subcommand>` for the BPF crate with this compiler.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = command("cargo");
        match &self.compiler {
            Compiler::Program(rustc) => cargo.env("RUSTC", rustc),
            Compiler::Rustup(name) => cargo.arg(format!("+{name}")),
        };
        cargo.args([subcommand, "--release", "--target", TARGET]);
        if self.core_from_source {
            cargo.arg("-Zbuild-std=core");
        }
        // aya-ebpf uses `asm!` for BPF, and `-Z` flags are refused outside nightly otherwise.
        cargo.env("RUSTC_BOOTSTRAP", "1");
        cargo
    }

    /// The clippy of this very compiler, if it is not one of rustup's.
    pub(crate) fn clippy_driver(&self) -> Option<PathBuf> {
        match &self.compiler {
            Compiler::Program(rustc) => Some(rustc.with_file_name("clippy-driver")),
            Compiler::Rustup(_) => None,
        }
    }

    pub(crate) fn core(&self) -> &'static str {
        if self.core_from_source { "core from source" } else { "prebuilt core" }
    }

    fn inspect(compiler: Compiler) -> Option<Self> {
        let verbose = output(compiler.rustc().arg("-vV"))?;
        let version = verbose.lines().next()?.to_owned();
        let llvm = llvm_major(&verbose)?;
        let sysroot = PathBuf::from(output(compiler.rustc().args(["--print", "sysroot"]))?);
        let libraries = output(compiler.rustc().args(["--print", "target-libdir", "--target", TARGET]))?;
        let core_from_source = !has_core(Path::new(&libraries));
        let usable = !core_from_source || sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").is_file();
        usable.then_some(Self { compiler, core_from_source, version, llvm, sysroot })
    }
}

/// What the machine has: `BPF_RUSTC`, a rustc with prebuilt BPF libraries (Debian), a toolchain of rustup
/// with `rust-src`.
pub(crate) fn detect() -> Option<Toolchain> {
    let named = env::var_os("BPF_RUSTC").map(PathBuf::from);
    let programs = named.into_iter().chain([PathBuf::from("/usr/bin/rustc")]).map(Compiler::Program);
    let rustup = ["nightly", "stable"].map(|name| Compiler::Rustup(name.to_owned()));
    let found: Vec<Toolchain> = programs.chain(rustup).filter_map(Toolchain::inspect).collect();
    let prebuilt = found.iter().position(|toolchain| !toolchain.core_from_source).unwrap_or(0);
    found.into_iter().nth(prebuilt)
}

/// Like [`detect`], but installs a toolchain if there is none and the user is root.
pub(crate) fn require() -> Result<Toolchain> {
    if let Some(toolchain) = detect() {
        return Ok(toolchain);
    }
    if packages::can_install() {
        packages::install(&DEBIAN_PACKAGES)?;
    } else if is_root() && find("rustup").is_some() {
        progress("installing the nightly toolchain with its sources");
        let mut rustup = command("rustup");
        run(rustup.args([
            "toolchain",
            "install",
            "nightly",
            "--profile",
            "minimal",
            "--component",
            "rust-src",
        ]))?;
    }
    detect().ok_or_else(|| {
        Failure::new(format!(
            "no rustc here can build for {TARGET}. On Debian 12: apt-get install {}; elsewhere: rustup toolchain \
             install nightly --component rust-src",
            DEBIAN_PACKAGES.join(" ")
        ))
    })
}

fn llvm_major(verbose_version: &str) -> Option<u32> {
    let version = verbose_version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    version.split('.').next()?.parse().ok()
}

fn has_core(libraries: &Path) -> bool {
    fs::read_dir(libraries).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llvm_is_read_from_the_verbose_version() {
        let text = "rustc 1.96.0 (built from a source tarball)\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.8";
        assert_eq!(llvm_major(text), Some(22));
        assert_eq!(llvm_major("rustc 1.96.0"), None);
    }

    #[test]
    fn a_directory_without_core_is_not_a_target_library() {
        assert!(!has_core(Path::new(env!("CARGO_MANIFEST_DIR"))));
    }
}
