//! Tokens: a text that says until when and for what it is good, signed by whoever shares a secret with us
//! (sft-protocol.md 3.7).
//!
//! Looks at one token at one instant. What follows from its verdict is `admission`'s.

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::econn::Token;

/// Bytes of a secret at most; the original reads no more.
const LONGEST_SECRET: usize = 255;

/// What tokens are signed with. Its memory is wiped by the library when it is dropped.
#[derive(Clone)]
pub struct Secret(Arc<hmac::Key>);

/// A text that holds no secret. Repeats nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("it is empty; the secret is the first word of the file")]
    Empty,
    #[error("its first word is longer than {LONGEST_SECRET} bytes")]
    TooLong,
}

/// What a valid token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// Joining, and starting a conference.
    Start,
    /// Joining one that runs.
    Join,
}

/// Why a token is good for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Bad,
    Expired,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// The first word of a secret file.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn from_file(text: &[u8]) -> Result<Self, SecretError> {
        let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let word = words.next().ok_or(SecretError::Empty)?;
        if word.len() > LONGEST_SECRET {
            return Err(SecretError::TooLong);
        }
        Ok(Secret(Arc::new(hmac::Key::new(hmac::HMAC_SHA512, word))))
    }

    /// In the original's order. `unix`: wall clock, since the epoch.
    pub(super) fn check(&self, token: &Token, unix: Duration) -> Result<Right, Fault> {
        let claims = Claims::of(&token.username).ok_or(Fault::Bad)?;
        if claims.expiry < unix.as_secs() {
            return Err(Fault::Expired);
        }
        let credential = BASE64_STANDARD.decode(&token.credential).map_err(|_| Fault::Bad)?;
        // In constant time.
        hmac::verify(&self.0, token.username.as_bytes(), &credential).map_err(|_| Fault::Bad)?;
        Ok(claims.right)
    }
}

/// What a username says: `d=<expiry>.v=1.k=<number>.s=<0|1>.r=<letters and digits>`, in any case, with
/// anything before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Claims {
    /// Unix time in seconds.
    expiry: u64,
    right: Right,
}

impl Claims {
    fn of(username: &str) -> Option<Claims> {
        let lower = username.to_ascii_lowercase();
        lower.match_indices("d=").find_map(|(at, _)| Claims::at(&lower[at..]))
    }

    fn at(text: &str) -> Option<Claims> {
        let (expiry, rest) = number(text.strip_prefix("d=")?)?;
        let (_, rest) = number(rest.strip_prefix(".v=1.k=")?)?;
        let (right, rest) = match rest.strip_prefix(".s=")?.split_at_checked(1)? {
            ("0", rest) => (Right::Join, rest),
            ("1", rest) => (Right::Start, rest),
            _ => return None,
        };
        rest.starts_with(".r=").then_some(Claims { expiry, right })
    }
}

/// A decimal number and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: &str = "d=1900000000.v=1.k=0.s=1.r=kq3v9x0a1b2c3d4e";
    /// Before, at and after the expiry of [`START`].
    const TIMES: [Duration; 3] = [
        Duration::from_secs(1_760_000_000),
        Duration::from_secs(1_900_000_000),
        Duration::from_secs(1_900_000_001),
    ];

    fn secret() -> Secret {
        Secret::from_file(b"topsecret\n").unwrap()
    }

    fn token(username: &str, credential: &str) -> Token {
        Token { username: username.into(), credential: credential.into() }
    }

    fn signed(username: &str) -> Token {
        token(username, &BASE64_STANDARD.encode(hmac::sign(&secret().0, username.as_bytes())))
    }

    /// sft-protocol.md, appendix D.
    #[test]
    fn the_protocols_test_vector() {
        let vector = token(
            START,
            "qIs6PtknvlYBKrzC8cPcaV5CCxd4MYyiW1ZaepXnfuh+VE5eyu/ORRujbLngf/pog6ruNieELB12YCHfvf7XfA==",
        );
        assert_eq!(secret().check(&vector, TIMES[0]), Ok(Right::Start));
        assert_eq!(secret().check(&vector, TIMES[1]), Ok(Right::Start));
        assert_eq!(secret().check(&vector, TIMES[2]), Err(Fault::Expired));
        let other = Secret::from_file(b"topsecret2").unwrap();
        assert_eq!(other.check(&vector, TIMES[0]), Err(Fault::Bad));
    }

    #[test]
    fn usernames_are_read_as_the_original_reads_them() {
        for (username, expected) in [
            ("d=1900000000.v=1.k=0.s=0.r=", Ok(Right::Join)),
            ("sft-d=1900000000.v=1.k=0.s=1.r=a", Ok(Right::Start)),
            ("D=1900000000.V=1.K=7.S=1.R=A", Ok(Right::Start)),
            ("d=x.d=1900000000.v=1.k=0.s=1.r=a.more", Ok(Right::Start)),
            ("ä d=1900000000.v=1.k=0.s=1.r=ä", Ok(Right::Start)),
            ("d=1900000000.v=1.k=0.s=1", Err(Fault::Bad)),
            ("d=1900000000.v=1.k=0.s=2.r=a", Err(Fault::Bad)),
            ("d=1900000000.v=1.k=0.s=ä.r=a", Err(Fault::Bad)),
            ("d=1900000000.v=1.k=.s=1.r=a", Err(Fault::Bad)),
            ("d=1900000000.v=2.k=0.s=1.r=a", Err(Fault::Bad)),
            ("d=.v=1.k=0.s=1.r=a", Err(Fault::Bad)),
            ("d=-1.v=1.k=0.s=1.r=a", Err(Fault::Bad)),
            ("d=99999999999999999999.v=1.k=0.s=1.r=a", Err(Fault::Bad)),
            // A user of the TURN servers, which may have the same secret.
            ("d=1900000000.v=1.k=0.t=s.r=a", Err(Fault::Bad)),
            ("", Err(Fault::Bad)),
        ] {
            assert_eq!(secret().check(&signed(username), TIMES[0]), expected, "{username}");
        }
    }

    #[test]
    fn a_username_is_looked_at_before_the_clock_and_the_clock_before_the_credential() {
        let expired = token("d=1.v=1.k=0.s=1.r=a", "nonsense");
        assert_eq!(secret().check(&expired, TIMES[0]), Err(Fault::Expired));
        let bad = token("d=1.v=1", "nonsense");
        assert_eq!(secret().check(&bad, TIMES[0]), Err(Fault::Bad));
    }

    #[test]
    fn a_credential_is_the_whole_code_in_base64_with_padding() {
        let good = signed(START).credential;
        for bad in ["", "=", "nonsense", "qIs6", good.trim_end_matches('='), &format!("{good} "), &good[4..]]
        {
            assert_eq!(secret().check(&token(START, bad), TIMES[0]), Err(Fault::Bad), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_the_first_word_of_its_file() {
        let vector = signed(START);
        for text in ["topsecret", "topsecret\n", " \t\r\n topsecret and more\n"] {
            let secret = Secret::from_file(text.as_bytes()).unwrap();
            assert_eq!(secret.check(&vector, TIMES[0]), Ok(Right::Start), "{text:?}");
            assert_eq!(format!("{secret:?}"), "Secret");
        }
        for text in ["", " \n\t"] {
            assert_eq!(Secret::from_file(text.as_bytes()).unwrap_err(), SecretError::Empty);
        }
        assert!(Secret::from_file(&[b'x'; 255]).is_ok());
        assert_eq!(Secret::from_file(&[b'x'; 256]).unwrap_err(), SecretError::TooLong);
    }

    proptest! {
        #[test]
        fn a_changed_token_is_a_bad_one(
            start in any::<bool>(), place in any::<prop::sample::Index>(), to in 1..128_u8, name in any::<bool>(),
        ) {
            let good = signed(if start { START } else { "d=1900000000.v=1.k=0.s=0.r=abc" });
            let mut changed = good.clone();
            let text = if name { &mut changed.username } else { &mut changed.credential };
            let mut bytes = text.clone().into_bytes();
            bytes[place.index(text.len())] = to;
            *text = String::from_utf8(bytes).unwrap();
            if changed != good {
                prop_assert!(secret().check(&changed, TIMES[0]).is_err());
            }
        }

        #[test]
        fn arbitrary_tokens_do_no_harm(username in "(.*d=)?[0-9]*(\\.v=1\\.k=0\\.s=1)?.*", credential in ".*") {
            prop_assert!(secret().check(&token(&username, &credential), TIMES[0]).is_err());
        }
    }
}
