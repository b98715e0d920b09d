//! The original server's single-letter flags (sft-protocol.md 14.1), so that its image and its chart can start this
//! one. They become our own options before anything else looks at them.

use std::{ffi::OsString, net::IpAddr};

use super::CliError;
use crate::netlink::Interfaces;

/// The original's name: a binary of this name serves without being told to.
const NAME: &str = "sftd";
/// Its listeners, where nothing else is said.
const HTTP: (&str, &str) = ("127.0.0.1", "8585");
const METRICS: (&str, &str) = ("127.0.0.1", "49090");

/// Flags that take a value.
const VALUED: &str = "ABbcfIklMOprstuwx";
/// Flags that take none.
const PLAIN: &str = "aqTv";

/// What the command line says in our own words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Translated {
    pub(super) arguments: Vec<OsString>,
    /// Flags without meaning here, and why.
    ignored: Vec<(char, &'static str)>,
    /// `-a`: no server without a secret, wherever its file is named.
    pub(super) asks_for_tokens: bool,
    /// Only the version was asked for.
    pub(super) version: bool,
}

impl Translated {
    /// Flags without meaning here, and why, for the log.
    pub(super) fn ignored(&self) -> Option<String> {
        let flags: Vec<String> =
            self.ignored.iter().map(|(flag, why)| format!("-{flag}, since {why}")).collect();
        (!flags.is_empty()).then(|| flags.join("; "))
    }
}

/// The original's flags in the order of the command line.
#[derive(Debug, Default)]
struct Flags(Vec<(char, String)>);

/// Translates what follows `serve`. Everything else is left as it is.
///
/// # Errors
/// A flag that the original does not have, or one without its value, or an address that cannot be told.
pub(super) fn translate(given: Vec<OsString>) -> Result<Translated, CliError> {
    translate_with(given, addresses_of)
}

fn translate_with(
    mut given: Vec<OsString>,
    addresses: impl Fn(&[&str]) -> Result<Vec<IpAddr>, CliError>,
) -> Result<Translated, CliError> {
    let program = given.first().map(std::path::PathBuf::from);
    if program.is_some_and(|program| program.file_name().is_some_and(|name| name == NAME)) {
        given.insert(1, "serve".into());
    }
    if given.get(1).is_none_or(|command| command != "serve") {
        return Ok(Translated { arguments: given, ..Translated::default() });
    }
    let mut arguments: Vec<OsString> = given.drain(..2).collect();
    let (flags, rest) = Flags::take(given)?;
    arguments.extend(flags.options(addresses)?.into_iter().map(OsString::from));
    arguments.extend(rest);
    Ok(Translated {
        arguments,
        ignored: flags.ignored(),
        asks_for_tokens: flags.has('a'),
        version: flags.has('v'),
    })
}

impl Flags {
    /// Takes the flags out, as getopt does: values may be attached, and flags without a value joined.
    fn take(given: Vec<OsString>) -> Result<(Self, Vec<OsString>), CliError> {
        let (mut flags, mut rest) = (Flags::default(), Vec::new());
        let mut words = given.into_iter();
        while let Some(word) = words.next() {
            let text = word.to_string_lossy().into_owned();
            let letters = text.strip_prefix('-').filter(|rest| !rest.is_empty() && !rest.starts_with('-'));
            let Some(letters) = letters.filter(|letters| letters.starts_with(is_flag)) else {
                rest.push(word);
                continue;
            };
            for (at, flag) in letters.char_indices() {
                if !VALUED.contains(flag) {
                    let known = PLAIN.contains(flag);
                    flags.0.push((flag, String::new()));
                    if !known {
                        return Err(format!("there is no flag -{flag}, in {text}").into());
                    }
                    continue;
                }
                let attached = letters.get(at + flag.len_utf8()..).filter(|rest| !rest.is_empty());
                let value = match attached {
                    Some(value) => value.to_owned(),
                    None => {
                        let next = words.next().ok_or_else(|| format!("-{flag} takes a value"))?;
                        next.to_string_lossy().into_owned()
                    }
                };
                flags.0.push((flag, value));
                break;
            }
        }
        Ok((flags, rest))
    }

    fn has(&self, flag: char) -> bool {
        self.0.iter().any(|(known, _)| *known == flag)
    }

    /// The last value of a flag.
    fn value(&self, flag: char) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| *known == flag).map(|(_, value)| value.as_str())
    }

    fn options(
        &self,
        addresses: impl Fn(&[&str]) -> Result<Vec<IpAddr>, CliError>,
    ) -> Result<Vec<String>, CliError> {
        let mut options = Vec::new();
        let mut option = |name: &str, value: Option<String>| {
            options.extend(value.map(|value| format!("--{name}={value}")));
        };
        option("http", self.listener('I', 'p', HTTP));
        option("metrics", self.listener('M', 'r', METRICS));
        option("public-url", self.value('u').map(str::to_owned));
        option("blacklist", self.value('b').map(str::to_owned));
        let secret = self.value('s').filter(|_| self.has('a'));
        option("token-secret", secret.map(str::to_owned));
        for address in self.media(addresses)? {
            option("media-addr", Some(address));
        }
        options.extend(self.has('T').then(|| "--relay".to_owned()));
        options.extend(self.has('q').then(|| "--quiet".to_owned()));
        Ok(options)
    }

    /// `addr`, `addr:port` or `port` for a listener; `None` if nothing is said of it.
    fn listener(&self, address: char, port: char, usual: (&str, &str)) -> Option<String> {
        let (given, port) = (self.value(address), self.value(port));
        if given.is_none() && port.is_none() {
            return None;
        }
        let (host, with_it) = host_and_port(given.unwrap_or(usual.0));
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Some(format!("{host}:{}", port.or(with_it).unwrap_or(usual.1)))
    }

    /// The media addresses: those of `-O`, and towards clients `-A` and `-B`.
    fn media(
        &self,
        addresses: impl Fn(&[&str]) -> Result<Vec<IpAddr>, CliError>,
    ) -> Result<Vec<String>, CliError> {
        let public: Vec<&str> = ['A', 'B'].into_iter().filter_map(|flag| self.value(flag)).collect();
        if public.is_empty() && !self.has('O') {
            return Ok(Vec::new());
        }
        let interfaces: Vec<&str> = self.value('O').map(|list| list.split(',').collect()).unwrap_or_default();
        let own = addresses(&interfaces)?;
        if public.is_empty() {
            return Ok(own.iter().map(ToString::to_string).collect());
        }
        let listens = self.value('I').and_then(|text| host_and_port(text).0.parse().ok());
        public.into_iter().map(|public| behind(public, listens, &own)).collect()
    }

    fn ignored(&self) -> Vec<(char, &'static str)> {
        let why = |flag: &char| match flag {
            'k' => Some("key frames are asked for when somebody needs one"),
            'w' => Some("packets are forwarded by the kernel, on all its CPUs"),
            'l' => Some("the log goes to standard error"),
            't' | 'f' => Some("conferences are not linked to other servers"),
            'c' | 'x' => Some("it has none in the original, either"),
            's' if !self.has('a') => Some("without -a no token is asked for"),
            _ => None,
        };
        let flags = self.0.iter().filter_map(|(flag, _)| Some((*flag, why(flag)?)));
        flags.collect()
    }
}

/// `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`, with `:port` behind it or not. The host is without brackets.
fn host_and_port(text: &str) -> (&str, Option<&str>) {
    if text.parse::<IpAddr>().is_ok() {
        return (text, None);
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    (host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host), port)
}

fn is_flag(letter: char) -> bool {
    VALUED.contains(letter) || PLAIN.contains(letter)
}

/// `LOCAL=PUBLIC`: the address of ours that the public one leads to is the one that the join listens on if it is
/// one of them, as in the original's chart, else the first of the same family.
fn behind(public: &str, listens: Option<IpAddr>, own: &[IpAddr]) -> Result<String, CliError> {
    let address: IpAddr = public.parse().map_err(|_| format!("{public:?} is no IP address"))?;
    if own.contains(&address) {
        return Ok(public.to_owned());
    }
    let fits = |own: &&IpAddr| own.is_ipv4() == address.is_ipv4();
    let listens = own.iter().find(|own| Some(**own) == listens).filter(fits);
    let local = listens.or_else(|| own.iter().find(fits));
    let local = local.ok_or_else(|| format!("no address of this machine can be behind {public}"))?;
    Ok(format!("{local}={public}"))
}

/// Addresses of these interfaces, or of all, that others can reach.
fn addresses_of(interfaces: &[&str]) -> Result<Vec<IpAddr>, CliError> {
    let known = Interfaces::list()?;
    if let Some(missing) = interfaces.iter().find(|name| known.iter().all(|known| known.name != **name)) {
        return Err(format!("there is no interface {missing}").into());
    }
    let named =
        known.iter().filter(|known| interfaces.is_empty() || interfaces.contains(&known.name.as_str()));
    let addresses = named.flat_map(|interface| interface.addresses.iter().copied());
    Ok(addresses.filter(|address| super::serve::is_reachable(*address)).collect())
}

#[cfg(test)]
mod tests;
