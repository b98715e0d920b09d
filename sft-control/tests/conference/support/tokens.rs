//! Tokens as the backend issues them, and requests that present them.

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sft_control::core::{Config, Policy, Secret};

use super::{Bench, confconn, config};

pub(crate) const SECRET: &str = "topsecret";
/// Good for starting a conference and for joining one, until long after the tests' clock.
pub(crate) const MAY_START: &str = "d=1900000000.v=1.k=0.s=1.r=kq3v9x0a1b2c3d4e";
/// Good for joining only.
pub(crate) const MAY_JOIN: &str = "d=1900000000.v=1.k=0.s=0.r=kq3v9x0a1b2c3d4e";
/// It was good.
pub(crate) const EXPIRED: &str = "d=1700000000.v=1.k=0.s=1.r=kq3v9x0a1b2c3d4e";

/// A server that asks for tokens.
pub(crate) fn asking(change: impl FnOnce(&mut Policy)) -> Bench {
    let mut admission =
        Policy { secret: Some(Secret::from_file(SECRET.as_bytes()).unwrap()), ..Policy::open() };
    change(&mut admission);
    Bench::with(Config { admission, ..config() })
}

pub(crate) fn credential(username: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA512, SECRET.as_bytes());
    BASE64_STANDARD.encode(hmac::sign(&key, username.as_bytes()))
}

/// A request to join with this token.
pub(crate) fn with_token(user: &str, username: &str) -> Value {
    with_fields(user, json!({ "username": username, "credential": credential(username) }))
}

/// A request to join with these fields besides.
pub(crate) fn with_fields(user: &str, fields: Value) -> Value {
    let mut request = confconn(user);
    for (name, value) in fields.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}
