//! The page for trying the server out: a call between browser tabs, without Wire's clients (`sft serve --try`).
//!
//! Serves files that are part of the binary, and says which lane carries a conference. Takes no part in calls:
//! the page joins as every client does, and what its link's fragment holds, the key of the media, is never sent
//! here.

use aws_lc_rs::digest::{SHA256, digest};
use hyper::{
    HeaderMap, Method, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
        LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
};

use super::{Answer, error_page, json, response::answer};
use crate::engine::Handle;

const PAGE: &str = "/try";
const LANE: &str = "/try/lane/";

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// A file of the page.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! file {
    ($name:literal, $kind:expr) => {
        File { path: concat!("/try/", $name), kind: $kind, text: include_str!(concat!("try_page/", $name)) }
    };
}

const FILES: &[File] = &[
    File { path: PAGE, kind: HTML, text: include_str!("try_page/index.html") },
    file!("style.css", STYLE),
    file!("tiles.css", STYLE),
    file!("icon.svg", IMAGE),
    file!("main.js", SCRIPT),
    file!("call.js", SCRIPT),
    file!("connection.js", SCRIPT),
    file!("controls.js", SCRIPT),
    file!("figures.js", SCRIPT),
    file!("frame.js", SCRIPT),
    file!("media.js", SCRIPT),
    file!("roster.js", SCRIPT),
    file!("secret.js", SCRIPT),
    file!("session.js", SCRIPT),
    file!("signalling.js", SCRIPT),
    file!("speaking.js", SCRIPT),
    file!("tiles.js", SCRIPT),
    file!("words.js", SCRIPT),
    file!("worker.js", SCRIPT),
];

/// Nothing from elsewhere, no script but our files, no other page around this one.
const SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(), geolocation=()";

/// Headers of everything below `/try`. The referrer would not have the link's fragment; it has no use either.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(SECURITY_POLICY)),
    (HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS)),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// Answers the requests for the page.
#[derive(Clone)]
pub(super) struct TryPage {
    engine: Handle,
}

impl TryPage {
    pub(super) fn new(engine: Handle) -> Self {
        TryPage { engine }
    }

    /// `None` if the path is not the page's.
    pub(super) async fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Answer> {
        let is_page = matches!(path, "/" | PAGE) || path.starts_with("/try/");
        if !is_page {
            return None;
        }
        let mut answer = if method == Method::GET || method == Method::HEAD {
            self.get(path, headers).await
        } else {
            let mut refusal = error_page(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            refusal
        };
        answer.headers_mut().extend(HEADERS);
        Some(answer)
    }

    async fn get(&self, path: &str, headers: &HeaderMap) -> Answer {
        // Relative, so that they hold behind a proxy that has the server below a path of its own.
        match path {
            "/" => return redirect("try"),
            "/try/" => return redirect("../try"),
            _ => {}
        }
        if let Some(group) = path.strip_prefix(LANE) {
            return self.lane(group).await;
        }
        match FILES.iter().find(|file| file.path == path) {
            Some(file) => file.answer(headers),
            None => error_page(StatusCode::NOT_FOUND, "Not found"),
        }
    }

    /// The lane of one conference and its reason. Whoever knows the group's name may join it anyway.
    async fn lane(&self, group: &str) -> Answer {
        let mut answer = match self.engine.lane(group.to_owned()).await {
            Ok(Some(lane)) => match serde_json::to_string(&lane) {
                Ok(document) => json(document),
                Err(_) => error_page(StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
            },
            Ok(None) => error_page(StatusCode::NOT_FOUND, "No such conference"),
            Err(_) => error_page(StatusCode::SERVICE_UNAVAILABLE, "Server busy"),
        };
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

impl File {
    /// Browsers ask each time whether the file is still the same: another version of the server has another
    /// page, and half of each would be none.
    fn answer(&self, headers: &HeaderMap) -> Answer {
        let tag = self.tag();
        let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
        let mut answer = if is_known {
            answer(StatusCode::NOT_MODIFIED, self.kind, "")
        } else {
            answer(StatusCode::OK, self.kind, self.text)
        };
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            answer.headers_mut().insert(ETAG, tag);
        }
        answer
    }

    fn tag(&self) -> String {
        let hash = digest(&SHA256, self.text.as_bytes());
        let digits: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("\"{digits}\"")
    }
}

fn redirect(to: &'static str) -> Answer {
    let mut answer = error_page(StatusCode::TEMPORARY_REDIRECT, "Temporary redirect");
    answer.headers_mut().insert(LOCATION, HeaderValue::from_static(to));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
