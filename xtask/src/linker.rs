//! bpf-linker: taken from the machine, or built once into `target/tools` against the compiler's own LLVM.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    process::{Failure, Result, command, find, output, progress, root, run},
    toolchain::Toolchain,
};

const VERSION: &str = "0.13.0";
/// LLVM versions that this bpf-linker has a feature for.
const LLVM: std::ops::RangeInclusive<u32> = 21..=23;

/// `BPF_LINKER`, then the one built earlier, then `PATH`; otherwise builds it.
pub(crate) fn require(toolchain: &Toolchain) -> Result<PathBuf> {
    if let Some(linker) = env::var_os("BPF_LINKER").map(PathBuf::from) {
        return if runs(&linker) {
            Ok(linker)
        } else {
            Err(Failure::new(format!("BPF_LINKER={} does not run", linker.display())))
        };
    }
    match detect(toolchain) {
        Some(linker) => Ok(linker),
        None => install(toolchain),
    }
}

/// A linker that is there already.
pub(crate) fn detect(toolchain: &Toolchain) -> Option<PathBuf> {
    let own = directory(toolchain).join("bin/bpf-linker");
    [Some(own), find("bpf-linker")].into_iter().flatten().find(|linker| runs(linker))
}

fn install(toolchain: &Toolchain) -> Result<PathBuf> {
    if !LLVM.contains(&toolchain.llvm) {
        return Err(Failure::new(format!(
            "{} uses LLVM {}, bpf-linker {VERSION} knows {} to {}: install a newer bpf-linker and set BPF_LINKER",
            toolchain.version,
            toolchain.llvm,
            LLVM.start(),
            LLVM.end()
        )));
    }
    let llvm = shared_llvm(toolchain).ok_or_else(|| {
        Failure::new(format!(
            "no libLLVM below {}: install bpf-linker and set BPF_LINKER",
            toolchain.sysroot.display()
        ))
    })?;
    progress(format_args!(
        "building bpf-linker {VERSION} for LLVM {} (once, one to three minutes)",
        toolchain.llvm
    ));
    let directory = directory(toolchain);
    let mut cargo = command("cargo");
    cargo.args(["install", "bpf-linker", "--version", VERSION, "--locked", "--no-default-features"]);
    cargo.arg("--features").arg(format!("llvm-{},no-llvm-linking", toolchain.llvm));
    cargo.arg("--root").arg(&directory).arg("--target-dir").arg(directory.join("build"));
    // Linking the very library that the compiler uses needs no LLVM development package.
    let mut flags = format!("-Clink-arg={}", llvm.display());
    if let Some(library_directory) = llvm.parent() {
        flags.push_str(&format!(" -Clink-arg=-Wl,-rpath,{}", library_directory.display()));
    }
    run(cargo.env("RUSTFLAGS", flags))?;
    fs::remove_dir_all(directory.join("build"))
        .map_err(Failure::io("removing the linker's build directory"))?;
    Ok(directory.join("bin/bpf-linker"))
}

fn directory(toolchain: &Toolchain) -> PathBuf {
    root().join(format!("target/tools/llvm-{}", toolchain.llvm))
}

fn runs(linker: &Path) -> bool {
    output(command(linker).arg("--version")).is_some()
}

/// libLLVM of the compiler: in `lib` under rustup, in `lib/<multiarch>` on Debian.
fn shared_llvm(toolchain: &Toolchain) -> Option<PathBuf> {
    let name = format!("libLLVM.so.{}", toolchain.llvm);
    let library = toolchain.sysroot.join("lib");
    let multiarch = fs::read_dir(&library).ok()?.flatten().map(|entry| entry.path());
    let multiarch = multiarch.filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    [library.clone()]
        .into_iter()
        .chain(multiarch)
        .filter_map(|directory| fs::read_dir(directory).ok())
        .flat_map(|entries| entries.flatten())
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&name)))
}
