//! Versions of clients: `toolver` of a join (sft-protocol.md 3.8).

use std::{convert::Infallible, str::FromStr};

/// What counts for a part that is the word `local`, as in builds of developers.
const LOCAL: u32 = 999;

/// `MAJOR.MINOR.BUILD`. A part that is missing comes before 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: Option<u32>,
    pub build: Option<u32>,
}

/// Takes any text: of a part that is no number its leading digits count.
impl FromStr for Version {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let mut parts = text.split('.').map(part);
        Ok(Version { major: parts.next().unwrap_or(0), minor: parts.next(), build: parts.next() })
    }
}

fn part(text: &str) -> u32 {
    if text == "local" {
        return LOCAL;
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        let Ok(version) = text.parse();
        version
    }

    #[test]
    fn versions_are_read_as_the_original_reads_them() {
        let of = |major, minor, build| Version { major, minor, build };
        for (text, expected) in [
            ("10.5.8", of(10, Some(5), Some(8))),
            ("10.5.8.1", of(10, Some(5), Some(8))),
            ("9.local", of(9, Some(999), None)),
            ("9.1.local", of(9, Some(1), Some(999))),
            ("9", of(9, None, None)),
            ("10.5.8-rc1", of(10, Some(5), Some(8))),
            ("x.y", of(0, Some(0), None)),
            ("", of(0, None, None)),
            ("99999999999.1", of(0, Some(1), None)),
        ] {
            assert_eq!(version(text), expected, "{text:?}");
        }
    }

    #[test]
    fn versions_are_ordered_part_by_part() {
        let rising = ["0", "0.0.1", "9", "9.0", "9.0.0", "9.0.10", "9.9", "9.9.0", "10.0.0", "10.0.local"];
        assert!(rising.is_sorted_by(|a, b| version(a) < version(b)));
    }
}
