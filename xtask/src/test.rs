//! `cargo xtask test [filter]`: every test there is, and one line with the sum.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

use crate::{
    build, e2e, packages,
    process::{Failure, Result, cargo, is_root, progress, root, run},
    report::{self, Report},
};

/// Programs with which kernel tests make their network devices.
const KERNEL_TEST_PACKAGES: [&str; 2] = ["iproute2", "ethtool"];

/// Runs the tests whose names contain the filter; `false` if one failed.
pub(crate) fn test(filter: Option<&str>) -> Result<bool> {
    if packages::can_install() {
        packages::install(&KERNEL_TEST_PACKAGES)?;
    }
    let object = build::build_ebpf_if_possible()?;
    let mut reports = vec![workspace(filter, object.as_deref())?, documentation(filter, object.as_deref())?];
    let scenarios = e2e::selected(filter);
    if !build::has_server() {
        progress(format_args!(
            "skipped: {} end-to-end scenarios, this tree has no server yet",
            scenarios.len()
        ));
    } else if !scenarios.is_empty() {
        if is_root() {
            build::build_release(&["--package", "sft-control", "--bins"], object.as_deref())?;
        }
        reports.push(e2e::run_scenarios(&scenarios));
    }
    eprintln!();
    for line in reports.iter().flat_map(Report::lines) {
        eprintln!("{line}");
    }
    println!("{}", report::total(&reports));
    Ok(!reports.iter().any(Report::has_failures))
}

/// Writes sft-ebpf/program-sizes.txt as the running kernel counts. The kernel test that compares the sizes does it.
pub(crate) fn record_program_sizes() -> Result<()> {
    if !is_root() {
        return Err(Failure::new("program-sizes loads the programs into the kernel: it needs root"));
    }
    let object = build::build_ebpf()?;
    let (written, record) =
        (root().join("target/program-sizes.txt"), root().join("sft-ebpf/program-sizes.txt"));
    let mut cargo = cargo();
    cargo.args(["test", "--package", "sft-control", "--test", "xdp", "--", "--ignored", "--exact"]);
    cargo.arg("program_sizes::the_programs_keep_their_sizes").env("SFT_WRITE_PROGRAM_SIZES", &written);
    run(build::with_object(&mut cargo, Some(&object)))?;
    // Moved, so that a run without the test is noticed.
    fs::rename(&written, &record).map_err(Failure::io(written.display()))?;
    progress(record.display());
    Ok(())
}

/// Unit, property and integration tests. Those that need the kernel are marked `#[ignore]`, so that plain
/// `cargo test` works for everybody; they run here for root.
fn workspace(filter: Option<&str>, object: Option<&Path>) -> Result<Report> {
    let mut report = Report::new("workspace");
    let mut arguments = vec!["--workspace", "--lib", "--bins", "--tests"];
    arguments.extend(filter);
    if is_root() && object.is_some() {
        arguments.extend(["--", "--include-ignored"]);
    } else {
        report.note("skipped where ignored: kernel tests need root and the BPF object");
    }
    progress("tests of the workspace");
    cargo_test(&arguments, object, &mut report)?;
    Ok(report)
}

fn documentation(filter: Option<&str>, object: Option<&Path>) -> Result<Report> {
    let mut report = Report::new("documentation");
    let mut arguments = vec!["--workspace", "--doc"];
    arguments.extend(filter);
    progress("examples in the documentation");
    cargo_test(&arguments, object, &mut report)?;
    Ok(report)
}

/// `cargo test` with its output shown, except for the lines of tests that pass.
fn cargo_test(arguments: &[&str], object: Option<&Path>, report: &mut Report) -> Result<()> {
    let mut cargo = cargo();
    cargo.args(["test", "--no-fail-fast"]).args(arguments).stdout(Stdio::piped());
    let mut child = build::with_object(&mut cargo, object).spawn().map_err(Failure::io("cargo test"))?;
    let lines = child.stdout.take().map(|pipe| BufReader::new(pipe).lines()).into_iter().flatten();
    for line in lines {
        let line = line.map_err(Failure::io("reading the output of cargo test"))?;
        report.read_libtest(&line);
        let passed = line.starts_with("test ") && line.ends_with(" ... ok");
        if !passed && !line.is_empty() {
            eprintln!("{line}");
        }
    }
    let status = child.wait().map_err(Failure::io("cargo test"))?;
    if !status.success() && !report.has_failures() {
        // A test program that does not compile, or that a signal ended.
        report.fail_all(&["cargo test"]);
    }
    Ok(())
}
