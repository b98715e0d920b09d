//! The configuration file: the options of `serve` by their long names, in TOML.
//!
//! There is one definition of the options, clap's. What a file says becomes arguments in front of those of the
//! command line, and the file that `sft config` prints is written from the same definition.

use std::{ffi::OsString, fmt::Write as _, fs, ops::Range, path::Path};

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, error::ErrorKind, parser::ValueSource};
use toml::de::{DeTable, DeValue};

use super::{CliError, arguments::Arguments};

/// Options that mean nothing in a file.
const NOT_IN_FILES: [&str; 3] = ["config", "help", "version"];
/// Columns of a comment.
const WIDTH: usize = 100;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    #[error("cannot read the configuration file {file}: {error}")]
    Read { file: String, error: std::io::Error },
    #[error("{file}:{line}: {problem}")]
    Content { file: String, line: usize, problem: String },
}

/// Puts what the configuration file says in front of the arguments of `serve`. An option that is on the command
/// line is left out, so that a list there replaces that of the file.
pub(super) fn merge(given: Vec<OsString>) -> Result<Vec<OsString>, CliError> {
    // What clap objects to is said when all is together.
    let Ok(matches) = Arguments::command().try_get_matches_from(&given) else { return Ok(given) };
    let Some(("serve", serve)) = matches.subcommand() else { return Ok(given) };
    let Some(file) = serve.get_one::<std::path::PathBuf>("config") else { return Ok(given) };
    let mut merged: Vec<OsString> = given.iter().take(2).cloned().collect();
    merged.extend(read(file, serve)?.into_iter().map(OsString::from));
    merged.extend(given.into_iter().skip(2));
    Ok(merged)
}

/// Prints a file with every option of `serve`.
pub(super) fn print() -> Result<(), CliError> {
    use std::io::Write as _;
    std::io::stdout().write_all(sample().as_bytes())?;
    Ok(())
}

fn serve() -> Command {
    let mut command = Arguments::command();
    command.build();
    command.find_subcommand("serve").cloned().unwrap_or_default()
}

/// What a file can say, in the order of the command's help.
fn options(serve: &Command) -> impl Iterator<Item = (&Arg, &str)> {
    let named = serve.get_arguments().filter_map(|option| Some((option, option.get_long()?)));
    named.filter(|(_, name)| !NOT_IN_FILES.contains(name))
}

fn read(file: &Path, given: &ArgMatches) -> Result<Vec<String>, ConfigError> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).map_err(|error| ConfigError::Read { file: name.clone(), error })?;
    let is_given =
        |option: &Arg| given.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine);
    arguments(&text, is_given).map_err(|(at, problem)| {
        let line = 1 + text.get(..at.start).unwrap_or_default().matches('\n').count();
        ConfigError::Content { file: name, line, problem }
    })
}

/// A place in the file and what is wrong there.
type Fault = (Range<usize>, String);

/// The arguments that stand for a file's text, without those that are `given` already.
fn arguments(text: &str, is_given: impl Fn(&Arg) -> bool) -> Result<Vec<String>, Fault> {
    let table = DeTable::parse(text)
        .map_err(|error| (error.span().unwrap_or_default(), error.message().to_owned()))?;
    let serve = serve();
    let mut arguments = Vec::new();
    for (key, value) in table.get_ref() {
        let known = options(&serve).find(|(_, name)| name == key.get_ref());
        let (option, name) =
            known.ok_or_else(|| (key.span(), format!("there is no option {}", key.get_ref())))?;
        let of_option = words(option, name, value.get_ref()).map_err(|problem| (value.span(), problem))?;
        check(name, &of_option).map_err(|problem| (value.span(), problem))?;
        if !is_given(option) {
            arguments.extend(of_option);
        }
    }
    Ok(arguments)
}

/// An option with its values, as the command line has them.
fn words(option: &Arg, name: &str, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let one = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Ok(format!("--{name}={text}")),
        DeValue::Integer(number) => Ok(format!("--{name}={number}")),
        _ => Err(format!("{name} takes {}", expected(option))),
    };
    match (option.get_action(), value) {
        (ArgAction::SetTrue, DeValue::Boolean(true)) => Ok(vec![format!("--{name}")]),
        (ArgAction::SetTrue, DeValue::Boolean(false)) => Ok(Vec::new()),
        (ArgAction::Append, DeValue::Array(values)) => {
            values.iter().map(|value| one(value.get_ref())).collect()
        }
        (ArgAction::Set, value) => one(value).map(|word| vec![word]),
        _ => Err(format!("{name} takes {}", expected(option))),
    }
}

fn expected(option: &Arg) -> &'static str {
    match option.get_action() {
        ArgAction::SetTrue => "true or false",
        ArgAction::Append => "a list",
        _ => "a text or a number",
    }
}

/// Whether clap takes the values. What an option needs beside it may be anywhere.
fn check(name: &str, words: &[String]) -> Result<(), String> {
    let line = ["sft", "serve"].into_iter().chain(words.iter().map(String::as_str));
    match Arguments::command().try_get_matches_from(line) {
        Err(error) if error.kind() != ErrorKind::MissingRequiredArgument => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            Err(format!("{name}: {first}"))
        }
        _ => Ok(()),
    }
}

/// A file with every option: those with a default as they are without a file, the others commented out.
fn sample() -> String {
    let serve = serve();
    let mut text = String::from(
        "# Options of `sft serve`, by their long names. What the command line says counts more.\n",
    );
    let mut heading = None;
    for (option, name) in options(&serve) {
        if option.get_help_heading() != heading {
            heading = option.get_help_heading();
            let _ = writeln!(text, "\n# ---- {}", heading.unwrap_or("Server"));
        }
        text.push('\n');
        describe(&mut text, option);
        let _ = writeln!(text, "{}", assignment(option, name));
    }
    text
}

fn describe(text: &mut String, option: &Arg) {
    let mut help = option.get_help().map(ToString::to_string).unwrap_or_default();
    let names: Vec<String> =
        option.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    if option.get_action().takes_values() && !names.is_empty() {
        let _ = write!(help, ": {}", names.join(", "));
    }
    let mut column = WIDTH;
    for word in help.split_whitespace() {
        if column + word.len() >= WIDTH {
            text.push_str(if text.ends_with('\n') { "#" } else { "\n#" });
            column = 1;
        }
        let _ = write!(text, " {word}");
        column += 1 + word.len();
    }
    text.push('\n');
}

fn assignment(option: &Arg, name: &str) -> String {
    if matches!(option.get_action(), ArgAction::SetTrue) {
        return format!("{name} = false");
    }
    let default = option.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
    let stands_for = option.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    match default {
        Some(number) if number.parse::<u64>().is_ok() => format!("{name} = {number}"),
        Some(value) => format!("{name} = {value:?}"),
        None if matches!(option.get_action(), ArgAction::Append) => {
            format!("# {name} = [{:?}]", stands_for.unwrap_or_default())
        }
        None => format!("# {name} = {:?}", stands_for.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::arguments;

    fn file(text: &str) -> Result<Vec<String>, Fault> {
        super::arguments(text, |_| false)
    }

    /// As the command line and the file make it.
    fn served(words: &[String]) -> String {
        let line = ["sft", "serve"].into_iter().map(str::to_owned).chain(words.iter().cloned());
        match Arguments::try_parse_from(line).unwrap().command {
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
            ("media-addr = \"192.0.2.1\"", "media-addr takes a list", 13),
            ("relay = 1", "relay takes true or false", 8),
            ("http = true", "http takes a text or a number", 7),
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
}
