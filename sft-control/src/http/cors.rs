//! Cross-origin requests (the Fetch standard's CORS protocol): web clients post their joins from the page of
//! the app, which has another origin.

use std::str::FromStr;

use hyper::{
    HeaderMap, Method, Request, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
    },
};

use super::{Answer, response::empty};
use crate::url::Place;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
const HEADERS: HeaderValue =
    HeaderValue::from_static("Accept, Authorization, Cache-Control, Content-Type, X-Requested-With");
/// Seconds for which a browser may remember the answer to a preflight; Chromium takes no more than 2 h.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const ANYONE: HeaderValue = HeaderValue::from_static("*");

/// An origin whose pages may join: `https://app.example.com`, or `*` for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Any,
    One(Place),
}

/// A text that is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is a scheme, a host and possibly a port, like https://app.example.com; or * for all")]
pub struct OriginError;

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text == "*" {
            return Ok(Origin::Any);
        }
        // A pattern that matches nothing must not pass for one that matches something.
        let is_origin = |place: &Place| place.path.is_empty() && !place.host.contains('*');
        Place::of(text).filter(is_origin).map(Origin::One).ok_or(OriginError)
    }
}

/// Which origins may join. Without any, nothing is added to responses: a proxy does it, or nobody has to.
#[derive(Clone, Debug, Default)]
pub struct Cors(Vec<Origin>);

impl Cors {
    pub fn new(origins: Vec<Origin>) -> Self {
        Cors(origins)
    }

    /// The answer to a preflight of an origin that may join.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Answer> {
        let asks = request.method() == Method::OPTIONS
            && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        self.allowed(request.headers()).filter(|_| asks)?;
        let mut answer = empty(StatusCode::NO_CONTENT);
        answer.headers_mut().insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        Some(answer)
    }

    /// What the headers of a request allow: a value for [`Self::add`].
    pub(super) fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        if self.0.contains(&Origin::Any) {
            return Some(ANYONE);
        }
        let origin = request.get(ORIGIN)?;
        let place = Place::of(origin.to_str().ok()?)?;
        self.0.contains(&Origin::One(place)).then(|| origin.clone())
    }

    /// Adds the headers to a response, be it a success or a refusal: a page cannot read one without them.
    pub(super) fn add(&self, allowed: Option<HeaderValue>, answer: &mut Answer) {
        if self.0.is_empty() {
            return;
        }
        let headers = answer.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &[&str], origin: Option<&'static str>) -> Option<HeaderValue> {
        let origins = origins.iter().map(|origin| origin.parse().unwrap()).collect();
        let headers = origin.map(|origin| (ORIGIN, HeaderValue::from_static(origin)));
        Cors::new(origins).allowed(&headers.into_iter().collect())
    }

    #[test]
    fn an_origin_is_allowed_as_a_whole() {
        let own = &["https://app.example.com", "http://localhost:8081"];
        for origin in ["https://app.example.com", "http://localhost:8081"] {
            assert_eq!(allowed(own, Some(origin)).unwrap(), origin);
        }
        for origin in [
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.example",
            "https://evil.example/https://app.example.com",
            "https://example.com",
            "http://localhost",
            "null",
            "",
        ] {
            assert_eq!(allowed(own, Some(origin)), None, "{origin}");
        }
        assert_eq!(allowed(own, None), None);
        assert_eq!(allowed(&["*"], Some("https://anywhere.example")).unwrap(), "*");
        assert_eq!(allowed(&[], Some("https://app.example.com")), None);
    }

    #[test]
    fn a_configured_origin_is_an_origin() {
        for good in ["https://app.example.com", "HTTPS://App.Example.com:443", "http://[::1]:8081", "*"] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in ["", "app.example.com", "https://app.example.com/join", "null", "**", "https://*"] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
