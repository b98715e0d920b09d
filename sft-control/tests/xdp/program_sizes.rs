//! The programs keep their sizes: a change that makes one larger says so in the record, and the record stays true.
//!
//! Sizes are counted by the kernel, so that they are the same on a fast and on a slow machine.

use std::{collections::BTreeMap, fmt::Write as _, fs, io::Write as _};

use crate::support::kernel::{Kernel, ProgramSize};

const RECORD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sft-ebpf/program-sizes.txt");
/// A file to write the sizes to, instead of comparing them.
const WRITE_TO: &str = "SFT_WRITE_PROGRAM_SIZES";
/// A size may differ from the record by this part of it.
const TOLERANCE_PERCENT: u32 = 10;

const HEAD: &str = "\
# Sizes of the BPF programs, from `cargo xtask program-sizes`. `cargo xtask test` fails when a size is off by more
# than a tenth. What the verifier walks and the machine code are those of one kernel and architecture; on others only
# the translated size is compared.";

#[test]
#[ignore = "loads programs into the kernel: needs root and the BPF object"]
fn the_programs_keep_their_sizes() {
    let now = Sizes { kernel: this_kernel(), programs: Kernel::load().programs() };
    if let Some(file) = std::env::var_os(WRITE_TO) {
        return fs::write(file, now.to_text()).unwrap();
    }
    let recorded = Sizes::parse(&fs::read_to_string(RECORD).unwrap());
    if recorded.kernel != now.kernel {
        // Past the test harness, which hides what a passing test prints.
        let note = "the record of program sizes is of";
        writeln!(
            std::io::stderr(),
            "{note} {}, this is {}: only translated sizes were compared",
            recorded.kernel,
            now.kernel
        )
        .unwrap();
    }
    let differences = recorded.differences(&now);
    assert!(
        differences.is_empty(),
        "sizes differ from sft-ebpf/program-sizes.txt by more than {TOLERANCE_PERCENT} %:\n  {}\nif that is \
         intended, record them again: cargo xtask program-sizes",
        differences.join("\n  ")
    );
}

/// The sizes of all programs in one kernel.
struct Sizes {
    /// Version (major.minor) and architecture.
    kernel: String,
    programs: BTreeMap<String, ProgramSize>,
}

fn this_kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let version: Vec<&str> = release.trim().split('.').take(2).collect();
    format!("{} {}", version.join("."), std::env::consts::ARCH)
}

impl Sizes {
    fn to_text(&self) -> String {
        let mut text = format!("{HEAD}\nkernel {}\n", self.kernel);
        writeln!(
            text,
            "# {:<16} {:>15} {:>16} {:>12}",
            "program", "verified_insns", "translated_bytes", "jited_bytes"
        )
        .unwrap();
        for (name, size) in &self.programs {
            writeln!(text, "{name:<18} {:>15} {:>16} {:>12}", size.verified, size.translated, size.jitted)
                .unwrap();
        }
        text
    }

    fn parse(text: &str) -> Sizes {
        let mut sizes = Sizes { kernel: String::new(), programs: BTreeMap::new() };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match *line.split_whitespace().collect::<Vec<_>>() {
                ["kernel", version, architecture] => sizes.kernel = format!("{version} {architecture}"),
                [name, verified, translated, jitted] => {
                    let [verified, translated, jitted] =
                        [verified, translated, jitted].map(|number| number.parse().unwrap());
                    sizes.programs.insert(name.to_owned(), ProgramSize { verified, translated, jitted });
                }
                _ => panic!("not a line of the record: {line}"),
            }
        }
        sizes
    }

    /// What of `now` is not as recorded here.
    fn differences(&self, now: &Sizes) -> Vec<String> {
        let mut found = Vec::new();
        for name in now.programs.keys().filter(|name| !self.programs.contains_key(*name)) {
            found.push(format!("{name} is not in the record"));
        }
        for (name, recorded) in &self.programs {
            let Some(size) = now.programs.get(name) else {
                found.push(format!("{name} is in the record only"));
                continue;
            };
            let everywhere = [("translated bytes", recorded.translated, size.translated)];
            let here = [
                ("verified instructions", recorded.verified, size.verified),
                ("bytes of machine code", recorded.jitted, size.jitted),
            ];
            let here = if self.kernel == now.kernel { &here[..] } else { &[] };
            for (what, was, is) in everywhere.iter().chain(here) {
                if was.abs_diff(*is) * 100 > was * TOLERANCE_PERCENT {
                    let how = if is > was { "grew" } else { "shrank" };
                    found.push(format!("{name} {how}: {is} {what}, recorded are {was}"));
                }
            }
        }
        found
    }
}

/// One program in a kernel.
fn sizes(kernel: &str, verified: u32, translated: u32, jitted: u32) -> Sizes {
    let size = ProgramSize { verified, translated, jitted };
    Sizes { kernel: kernel.to_owned(), programs: BTreeMap::from([("program".to_owned(), size)]) }
}

#[test]
fn a_tenth_either_way_is_tolerated_and_no_more() {
    let recorded = sizes("6.18 x86_64", 1000, 1000, 1000);
    assert!(recorded.differences(&sizes("6.18 x86_64", 1100, 900, 1100)).is_empty());
    let found = recorded.differences(&sizes("6.18 x86_64", 1101, 899, 1000));
    assert_eq!(
        found,
        [
            "program shrank: 899 translated bytes, recorded are 1000",
            "program grew: 1101 verified instructions, recorded are 1000",
        ]
    );
}

#[test]
fn another_kernel_is_compared_by_translated_size_alone() {
    let recorded = sizes("6.18 x86_64", 1000, 1000, 1000);
    assert!(recorded.differences(&sizes("6.12 x86_64", 5000, 1000, 5000)).is_empty());
    assert_eq!(recorded.differences(&sizes("6.18 aarch64", 1000, 1101, 1000)).len(), 1);
}

#[test]
fn programs_come_and_go_with_the_record() {
    let recorded = sizes("6.18 x86_64", 1, 1, 1);
    let mut now = sizes("6.18 x86_64", 1, 1, 1);
    let size = now.programs.remove("program").unwrap();
    now.programs.insert("other".to_owned(), size);
    assert_eq!(recorded.differences(&now), ["other is not in the record", "program is in the record only"]);
}

#[test]
fn the_record_reads_as_it_was_written() {
    let written = sizes("6.18 x86_64", 1, 2, 3);
    let read = Sizes::parse(&written.to_text());
    assert_eq!((read.kernel, read.programs), (written.kernel, written.programs));
}
