//! Versions of clients that are not served (sft-protocol.md 3.8).

use std::str::FromStr;

use crate::econn::Version;

/// Rules, of which one is enough. Default: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blacklist(Vec<Rule>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// `X.Y.Z`
    Exactly(Version),
    /// `<X.Y.Z`
    Below(Version),
}

/// An item that is neither `X.Y.Z` nor `<X.Y.Z`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version: items are X.Y.Z or <X.Y.Z, with commas in between")]
pub struct BlacklistError(String);

impl Blacklist {
    /// Builds of developers, which call themselves `0.0.*`, are on no list.
    pub fn has(&self, version: Version) -> bool {
        let is_development = version.major == 0 && version.minor == Some(0);
        !is_development
            && self.0.iter().any(|rule| match rule {
                Rule::Exactly(listed) => version == *listed,
                Rule::Below(listed) => version < *listed,
            })
    }
}

impl FromStr for Blacklist {
    type Err = BlacklistError;

    fn from_str(text: &str) -> Result<Self, BlacklistError> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(rule).collect::<Result<_, _>>().map(Blacklist)
    }
}

fn rule(item: &str) -> Result<Rule, BlacklistError> {
    let wrong = || BlacklistError(item.to_owned());
    let (rule, text): (fn(Version) -> Rule, &str) = match item.strip_prefix('<') {
        Some(text) => (Rule::Below, text),
        None => (Rule::Exactly, item),
    };
    let mut parts = text.split('.');
    let is_version = text.split('.').count() <= 3 && parts.all(|part| part.parse::<u32>().is_ok());
    if !is_version {
        return Err(wrong());
    }
    let Ok(version) = text.parse();
    Ok(rule(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(list: &str, version: &str) -> bool {
        let Ok(version) = version.parse();
        list.parse::<Blacklist>().unwrap().has(version)
    }

    #[test]
    fn a_client_is_listed_by_its_version_or_by_a_later_one() {
        assert!(has("9.8.7", "9.8.7") && has(" 1.2.3 , 9.8.7,", "9.8.7") && has("<9.8.7", "9.8.6"));
        assert!(has("<9.8.7", "8.99.99") && has("<9.8.7,10.0.1", "10.0.1"));
        for (list, version) in [
            ("", "9.8.7"),
            ("9.8.7", "9.8.8"),
            ("<9.8.7", "9.8.7"),
            ("<9.8.7", "10.0.0"),
            ("<9.8.7", "9.8.local"),
        ] {
            assert!(!has(list, version), "{list} {version}");
        }
    }

    #[test]
    fn a_missing_part_comes_before_zero() {
        assert!(has("<9.8.0", "9.8") && has("<9.0.0", "9") && has("<9.8", "9"));
        assert!(!has("9.8.0", "9.8") && !has("9.8", "9.8.0") && has("9.8", "9.8"));
    }

    #[test]
    fn builds_of_developers_are_never_listed() {
        assert!(!has("<99.0.0", "0.0.1") && !has("0.0.1", "0.0.1") && !has("<99.0.0", "0.0.local"));
        assert!(has("<99.0.0", "0.1.0") && has("<99.0.0", "0"));
    }

    #[test]
    fn an_item_that_is_no_version_is_named() {
        for wrong in ["x", "<", "<<1.2.3", "1.2.3.4", "1..3", "1.2.x", ">1.2.3", "1.2.-3", "99999999999"] {
            assert_eq!(format!("9.8.7,{wrong}").parse::<Blacklist>(), Err(BlacklistError(wrong.into())));
        }
    }
}
