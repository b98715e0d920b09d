//! Responses in the shapes that clients know.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};

use super::Answer;

pub(super) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// No body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// 200 with a JSON document.
pub fn json(body: String) -> Answer {
    answer(StatusCode::OK, "application/json", body)
}

/// 200 with plain text.
pub fn text(body: String) -> Answer {
    answer(StatusCode::OK, "text/plain", body)
}

/// An error as an HTML page whose title starts with the status: native clients read the digits behind
/// `<title>` (sft-protocol.md 3.3). `reason` is ours, never what somebody sent.
pub fn error_page(status: StatusCode, reason: &'static str) -> Answer {
    let title = format!("{} {reason}", status.as_str());
    let page = format!(
        "<!DOCTYPE html>\n<html>\n<head><title>{title}</title></head>\n<body><h2>{title}</h2></body>\n</html>\n"
    );
    answer(status, "text/html;charset=UTF-8", page)
}

/// 200 with a scrape in the OpenMetrics text format.
pub fn open_metrics(body: String) -> Answer {
    answer(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", body)
}
