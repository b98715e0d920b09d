//! `build`, `build-ebpf`, `run`, `doctor`: from sources to `target/release/sft`.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
};

use crate::{
    linker, object,
    process::{Failure, Result, cargo, command, find, is_root, progress, root, run},
    toolchain::{self, TARGET, Toolchain},
};

/// Tells `sft-control` at compile time which BPF object to include; without it, none.
pub(crate) const OBJECT_VARIABLE: &str = "SFT_BPF_OBJECT";

/// Codegen for the BPF crate: BTF from debug info, and the third instruction set (32-bit arithmetic,
/// atomics with a result).
const BPF_FLAGS: &str = "-Clink-arg=--btf -Cdebuginfo=2 -Ctarget-cpu=v3";

/// Builds the BPF object, checks it and returns its path.
pub(crate) fn build_ebpf() -> Result<PathBuf> {
    let toolchain = toolchain::require()?;
    let linker = linker::require(&toolchain)?;
    progress(format_args!(
        "BPF object: {}, LLVM {}, {}",
        toolchain.version,
        toolchain.llvm,
        toolchain.core()
    ));
    run(&mut ebpf_cargo(&toolchain, "build", &linker))?;
    let built = root().join("target/bpf").join(TARGET).join("release/sft-ebpf");
    object::check_no_panics(&built)?;
    let length = fs::metadata(&built).map_err(Failure::io(built.display()))?.len();
    progress(format_args!("{} ({} kB)", built.display(), length / 1000));
    Ok(built)
}

/// `cargo <subcommand>` on `sft-ebpf`, which has its own target, profile and lock file.
pub(crate) fn ebpf_cargo(toolchain: &Toolchain, subcommand: &str, linker: &Path) -> std::process::Command {
    let mut cargo = toolchain.cargo(subcommand);
    cargo.arg("--manifest-path").arg(root().join("sft-ebpf/Cargo.toml"));
    cargo.arg("--target-dir").arg(root().join("target/bpf"));
    cargo.env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", linker);
    cargo.env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_RUSTFLAGS", BPF_FLAGS);
    cargo
}

/// The BPF object, or `None` with one line of explanation where the machine cannot build it and nothing
/// may be installed. For root the missing toolchain is an error: it could have been installed.
pub(crate) fn build_ebpf_if_possible() -> Result<Option<PathBuf>> {
    if !is_root() && toolchain::detect().is_none() {
        progress("no BPF toolchain: building without the kernel part, media takes the userspace lane");
        return Ok(None);
    }
    build_ebpf().map(Some)
}

/// Whether the tree holds the `sft` binary; the rooms below it are built first.
pub(crate) fn has_server() -> bool {
    root().join("sft-control/src/main.rs").is_file()
}

/// Builds `target/release/sft` with the BPF object inside and returns its path.
pub(crate) fn build() -> Result<PathBuf> {
    if !has_server() {
        return Err(Failure::new("this tree has no server yet: `cargo xtask test` runs what there is"));
    }
    let object = build_ebpf_if_possible()?;
    build_release(&["--package", "sft-control", "--bin", "sft"], object.as_deref())?;
    let program = root().join("target/release/sft");
    progress(program.display());
    Ok(program)
}

/// `cargo build --release` of some packages.
pub(crate) fn build_release(packages: &[&str], object: Option<&Path>) -> Result<()> {
    progress(format_args!("release build: {}", packages.join(" ")));
    let mut cargo = cargo();
    cargo.args(["build", "--release"]).args(packages);
    run(with_object(&mut cargo, object))
}

pub(crate) fn with_object<'a>(
    command: &'a mut std::process::Command,
    object: Option<&Path>,
) -> &'a mut std::process::Command {
    match object {
        Some(object) => command.env(OBJECT_VARIABLE, object),
        None => command.env_remove(OBJECT_VARIABLE),
    }
}

/// Builds, then becomes `sft serve` with the given arguments. Whoever gives none wants to see a call.
pub(crate) fn serve(arguments: &[String]) -> Result<()> {
    let program = build()?;
    let arguments = if arguments.is_empty() { &["--try".to_owned()][..] } else { arguments };
    progress(format_args!("sft serve {}", arguments.join(" ")));
    let error = command(&program).arg("serve").args(arguments).exec();
    Err(Failure::io(program.display())(error))
}

/// Says what was found, and what a build or a test run would have to install.
pub(crate) fn doctor() -> Result<()> {
    match toolchain::detect() {
        Some(toolchain) => {
            progress(format_args!(
                "BPF compiler: {} (LLVM {}, {})",
                toolchain.version,
                toolchain.llvm,
                toolchain.core()
            ));
            match linker::detect(&toolchain) {
                Some(linker) => progress(format_args!("bpf-linker: {}", linker.display())),
                None => progress("bpf-linker: none, `cargo xtask build` builds it into target/tools"),
            }
        }
        None => progress("BPF compiler: none, see docs/toolchain.md"),
    }
    for program in ["cc", "ip", "ethtool", "nsenter", "setpriv", "node", "npm", "chromium"] {
        match find(program) {
            Some(path) => progress(format_args!("{program}: {}", path.display())),
            None => progress(format_args!("{program}: none")),
        }
    }
    progress(if is_root() {
        "root: yes"
    } else {
        "root: no, nothing will be installed and no kernel test runs"
    });
    Ok(())
}
