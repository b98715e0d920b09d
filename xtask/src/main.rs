//! Every developer command, as `cargo xtask <command>`.
//!
//! No dependencies: this must be running seconds after a clone. It starts other programs and reports; it
//! holds no logic of the server.
#![allow(clippy::print_stdout, reason = "results go to standard output, progress to standard error")]

mod build;
mod docs;
mod e2e;
mod linker;
mod lint;
mod object;
mod packages;
mod process;
mod report;
mod test;
mod toolchain;

use std::{env, process::ExitCode};

use process::{Result, cargo, progress, run};

const USAGE: &str = "\
usage: cargo xtask <command>

  build           the BPF object, then target/release/sft with it inside
  build-ebpf      the BPF object alone
  run [ARGS]      build, then `sft serve ARGS`; without any, `sft serve --try`
  test [FILTER]   every test whose name contains FILTER: unit, property, kernel, end to end
  program-sizes   records the sizes of the BPF programs anew: sft-ebpf/program-sizes.txt
  lint            formatting, clippy on both halves, documentation
  docs            the pages that are made from the sources: docs/forwarding-maps.md
  load ARGS       the load client (`cargo xtask load --help`)
  bench clients   receivers' own statistics of a call in Chromium, beside the original's way; needs root
  bench ARGS      other measurements (`cargo xtask bench --help`)
  doctor          what this machine has and lacks";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (name, rest) = arguments.split_first().map_or(("", &[][..]), |(name, rest)| (name.as_str(), rest));
    match dispatch(name, rest) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            progress(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// `false` means that the command did its work and found failures.
fn dispatch(name: &str, arguments: &[String]) -> Result<bool> {
    match name {
        "build" => build::build().map(|_| true),
        "build-ebpf" => build::build_ebpf().map(|_| true),
        "run" => build::serve(arguments).map(|()| true),
        "test" => test::test(arguments.first().map(String::as_str)),
        "program-sizes" => test::record_program_sizes().map(|()| true),
        "lint" => lint::lint().map(|()| true),
        "docs" => docs::write().map(|()| true),
        "load" => release("sft-load", arguments),
        "bench" if arguments.first().is_some_and(|name| name == "clients") => {
            compare_clients().map(|()| true)
        }
        "bench" => release("sft-bench", arguments),
        "doctor" => build::doctor().map(|()| true),
        _ => {
            eprintln!("{USAGE}");
            Ok(false)
        }
    }
}

/// What real clients make of a call, beside the original's way.
fn compare_clients() -> Result<()> {
    let object = build::build_ebpf_if_possible()?;
    build::build_release(&["--package", "sft-control", "--bins"], object.as_deref())?;
    e2e::compare()
}

/// Builds and runs one of the developer tools, binaries beside `sft`.
fn release(program: &str, arguments: &[String]) -> Result<bool> {
    let object = build::build_ebpf_if_possible()?;
    // The benchmark starts the server and the load client, which have to be of the same tree.
    build::build_release(&["--package", "sft-control", "--bins"], object.as_deref())?;
    let mut cargo = cargo();
    cargo.args(["run", "--release", "--package", "sft-control", "--bin", program, "--"]).args(arguments);
    run(build::with_object(&mut cargo, object.as_deref())).map(|()| true)
}
