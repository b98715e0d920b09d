//! The file that is printed, and files as people write them.

use super::*;
use crate::cli::arguments;

fn file(text: &str) -> Result<Vec<String>, Fault> {
    super::arguments(text, |_| false)
}

/// As the command line and the file make it.
fn served(words: &[String]) -> String {
    let line = ["sft", "serve"].into_iter().chain(words.iter().map(String::as_str));
    match arguments::parse(line.map(OsString::from)).unwrap().command {
        arguments::Command::Serve(options) => format!("{options:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_printed_file_says_what_holds_without_it() {
    assert_eq!(served(&file(&sample()).unwrap()), served(&[]));
}

#[test]
fn the_printed_file_names_every_option() {
    let (serve, sample) = (serve(), sample());
    assert!(options(&serve).count() > 20);
    for (_, name) in options(&serve) {
        let named = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{name} = "));
        assert_eq!(sample.lines().filter(|line| named(line)).count(), 1, "{name}");
    }
}

/// docs/operations.md has a row for each, also for what means nothing in a file.
#[test]
fn the_documentation_names_every_option() {
    let page = include_str!("../../../../docs/operations.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `--")?.split(" | ").next());
    let rows: Vec<String> = rows.map(|cell| format!("`--{cell}")).collect();
    for name in serve().get_arguments().filter_map(Arg::get_long).filter(|name| !is_claps_own(name)) {
        let names = |cell: &String| {
            cell.split('`').any(|words| words.split(' ').next() == Some(&format!("--{name}")))
        };
        assert_eq!(rows.iter().filter(|cell| names(cell)).count(), 1, "--{name}");
    }
}

fn is_claps_own(name: &str) -> bool {
    ["help", "version"].contains(&name)
}

/// Whoever takes the mark off a line has a file that is read, with a value in the form of its name.
#[test]
fn lines_that_are_commented_out_are_in_the_form_that_is_read() {
    for line in sample().lines() {
        let Some(line) = line.strip_prefix("# ").filter(|line| line.contains(" = ")) else { continue };
        assert!(DeTable::parse(line).is_ok(), "{line}");
    }
}

#[test]
fn every_kind_of_value_is_taken() {
    let text = r#"
        http = "192.0.2.1:443"
        media-port = 9000
        media-addr = ["192.0.2.1", "192.0.2.2=198.51.100.2"]
        relay = true
        quiet = false
        blacklist = "<7.0.0"
    "#;
    let line = [
        "--http=192.0.2.1:443",
        "--media-port=9000",
        "--media-addr=192.0.2.1",
        "--media-addr=192.0.2.2=198.51.100.2",
        "--relay",
        "--quiet=false",
        "--blacklist=<7.0.0",
    ];
    assert_eq!(served(&file(text).unwrap()), served(&line.map(str::to_owned)));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let cases = [
        ("\nmedia-prot = 1", "there is no option media-prot", 1),
        ("a = 1\n", "there is no option a", 0),
        ("config = \"x\"", "there is no option config", 0),
        ("media-addr = \"192.0.2.1\"", "media-addr takes a list of texts", 13),
        ("media-addr = [1]", "media-addr takes a list of texts", 13),
        ("relay = 1", "relay takes true or false", 8),
        ("relay = \"true\"", "relay takes true or false", 8),
        ("http = true", "http takes a text", 7),
        ("http = 8585", "http takes a text", 7),
        ("[http]", "http takes a text", 0),
        ("media-port = \"9000\"", "media-port takes a number", 13),
        ("media-port = 1.5", "media-port takes a number", 13),
        ("media-port = 70000", "media-port: invalid value '70000'", 13),
        ("media-port = ", "", 12),
    ];
    for (text, expected, start) in cases {
        let (at, problem) = file(text).unwrap_err();
        assert!(problem.starts_with(expected), "{text}: {problem}");
        assert!(at.start >= start, "{text}: {at:?}");
    }
}

#[test]
fn a_pair_of_options_may_stand_in_any_order() {
    let text = "tls-key = \"key.pem\"\ntls-cert = \"cert.pem\"\n";
    assert!(served(&file(text).unwrap()).contains("cert.pem"));
}

#[test]
fn the_command_line_counts_more() {
    let file = tempfile("media-addr = [\"192.0.2.1\"]\nmedia-port = 9000\n");
    let given = ["sft", "serve", "--config", &file.0, "--media-addr", "192.0.2.9"];
    let merged = merge(given.map(OsString::from).to_vec()).unwrap();
    let merged: Vec<String> = merged.into_iter().map(|word| word.into_string().unwrap()).collect();
    assert!(merged.contains(&"--media-port=9000".to_owned()));
    assert!(!merged.iter().any(|word| word.contains("192.0.2.1")));
    let wrong = tempfile("\n\nnothing = 1\n");
    let error = merge(["sft", "serve", "--config", &wrong.0].map(OsString::from).to_vec()).unwrap_err();
    assert!(error.to_string().ends_with(":3: there is no option nothing"), "{error}");
    let missing = merge(["sft", "serve", "--config", "/nowhere"].map(OsString::from).to_vec());
    assert!(missing.unwrap_err().to_string().contains("/nowhere"));
}

fn merged(words: &[&str]) -> String {
    let merged = merge(words.iter().map(OsString::from).collect()).unwrap();
    let merged = merged.into_iter().skip(2).map(|word| word.into_string().unwrap());
    served(&merged.collect::<Vec<_>>())
}

#[test]
fn the_command_line_turns_off_what_the_file_turns_on() {
    let file = tempfile("relay = true\n");
    assert!(merged(&["sft", "serve", "--config", &file.0]).contains("relay: true"));
    assert!(merged(&["sft", "serve", "--relay=false", "--config", &file.0]).contains("relay: false"));
}

#[test]
fn options_that_need_each_other_may_stand_in_both_places() {
    let file = tempfile("tls-key = \"key.pem\"\n");
    let both = merged(&["sft", "serve", "--config", &file.0, "--tls-cert", "cert.pem"]);
    assert!(both.contains("key.pem") && both.contains("cert.pem"), "{both}");
}

struct Temporary(String);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn tempfile(text: &str) -> Temporary {
    let name = format!("sft-config-{}-{:x}.toml", std::process::id(), rand::random::<u64>());
    let path = std::env::temp_dir().join(name).display().to_string();
    fs::write(&path, text).unwrap();
    Temporary(path)
}
