//! The configuration file: the options of `serve` by their long names, in TOML.
//!
//! There is one definition of the options, clap's. What a file says becomes arguments in front of those of the
//! command line, and the file that `sft config` prints is written from the same definition.

use std::{any::TypeId, ffi::OsString, fmt::Write as _, fs, ops::Range, path::Path};

use clap::{Arg, ArgAction, ArgMatches, Command, error::ErrorKind, parser::ValueSource};
use toml::de::{DeTable, DeValue};

use super::{CliError, arguments::command};

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
    // What clap objects to is said when all is together: the file may have what the command line lacks.
    let given_alone = command().ignore_errors(true).try_get_matches_from(&given);
    let Ok(matches) = given_alone else { return Ok(given) };
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
    let mut whole = command();
    whole.build();
    whole.find_subcommand("serve").cloned().unwrap_or_default()
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
    let kind = Kind::of(option);
    let wrong = || format!("{name} takes {}", kind.expected(option));
    let one = |value: &DeValue<'_>| match (kind, value) {
        (Kind::Switch, DeValue::Boolean(value)) => Ok(format!("--{name}={value}")),
        (Kind::Number, DeValue::Integer(value)) => Ok(format!("--{name}={value}")),
        (Kind::Text, DeValue::String(value)) => Ok(format!("--{name}={value}")),
        _ => Err(wrong()),
    };
    match (option.get_action(), value) {
        (ArgAction::Append, DeValue::Array(values)) => {
            values.iter().map(|value| one(value.get_ref())).collect()
        }
        (ArgAction::Append, _) => Err(wrong()),
        (_, value) => one(value).map(|word| vec![word]),
    }
}

/// What an option's value is in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Switch,
    Number,
    Text,
}

impl Kind {
    /// By the type that clap makes of it.
    fn of(option: &Arg) -> Kind {
        let made = option.get_value_parser().type_id();
        let numbers = [TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<usize>()];
        if made == TypeId::of::<bool>() {
            Kind::Switch
        } else if numbers.iter().any(|number| made == *number) {
            Kind::Number
        } else {
            Kind::Text
        }
    }

    fn expected(self, option: &Arg) -> &'static str {
        match (self, option.get_action()) {
            (Kind::Text, ArgAction::Append) => "a list of texts: [\"...\"]",
            (_, ArgAction::Append) => "a list",
            (Kind::Switch, _) => "true or false",
            (Kind::Number, _) => "a number",
            (Kind::Text, _) => "a text: \"...\"",
        }
    }
}

/// Whether clap takes the values. What an option needs beside it may be anywhere.
fn check(name: &str, words: &[String]) -> Result<(), String> {
    let line = ["sft", "serve"].into_iter().chain(words.iter().map(String::as_str));
    match command().try_get_matches_from(line) {
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
    if Kind::of(option) != Kind::Switch && !names.is_empty() {
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
    let written = |value: String| if Kind::of(option) == Kind::Text { format!("{value:?}") } else { value };
    let stands_for = option.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    match option.get_default_values().first() {
        Some(value) => format!("{name} = {}", written(value.to_string_lossy().into_owned())),
        None if matches!(option.get_action(), ArgAction::Append) => {
            format!("# {name} = [{:?}]", stands_for.unwrap_or_default())
        }
        None => format!("# {name} = {:?}", stands_for.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
