//! The requests of the join: `POST /sft/<group>`, `GET /sft/url`, `GET /sft/status`, and preflights of web
//! clients.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{Method, Request, StatusCode, body::Body};

use super::{Answer, Cors, error_page, json, text, try_page::TryPage};
use crate::{core::event::Reply, engine::Handle};

/// Time for a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The join's request handler.
#[derive(Clone)]
pub struct Join {
    engine: Handle,
    public_url: Arc<str>,
    body_limit: usize,
    cors: Arc<Cors>,
    try_page: Option<TryPage>,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    Status,
    Url,
    Group(&'a str),
}

impl Join {
    /// `public_url`: what `GET /sft/url` says; `body_limit`: bytes of a request's body.
    pub fn new(engine: Handle, public_url: &str, body_limit: usize, cors: Cors) -> Self {
        Join { engine, public_url: public_url.into(), body_limit, cors: cors.into(), try_page: None }
    }

    /// Serves the page for trying the server out, too.
    #[must_use]
    pub fn with_try_page(mut self) -> Self {
        self.try_page = Some(TryPage::new(self.engine.clone()));
        self
    }

    /// Answers one request.
    pub async fn respond<B>(self, request: Request<B>) -> Answer
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let cors = self.cors.clone();
        let allowed = cors.allowed(request.headers());
        let mut answer = match cors.preflight(&request) {
            Some(answer) => answer,
            None => self.find(request).await,
        };
        cors.add(allowed, &mut answer);
        answer
    }

    async fn find<B>(self, request: Request<B>) -> Answer
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if let Some(page) = &self.try_page
            && let Some(answer) = page.answer(request.method(), request.uri().path(), request.headers()).await
        {
            return answer;
        }
        match target(request.uri().path()) {
            None => error_page(StatusCode::BAD_REQUEST, "Bad request"),
            Some(Target::Status) => text("Debug\n".into()),
            Some(Target::Url) => text(format!("{}\r\n", self.public_url)),
            Some(Target::Group(_)) if request.method() != Method::POST => {
                error_page(StatusCode::BAD_REQUEST, "Bad request: only POST joins")
            }
            Some(Target::Group(group)) => {
                let group = group.to_owned();
                self.post(group, request.into_body()).await
            }
        }
    }

    async fn post<B>(self, group: String, body: B) -> Answer
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let body = match read(body, self.body_limit).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        let Ok(pending) = self.engine.request(group, body) else {
            return error_page(StatusCode::SERVICE_UNAVAILABLE, "Server busy");
        };
        match pending.reply().await {
            Ok(Reply::Json(body)) => json(body),
            Ok(Reply::Refuse { status, reason }) => {
                error_page(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), reason)
            }
            Err(_) => error_page(StatusCode::SERVICE_UNAVAILABLE, "Server stopping"),
        }
    }
}

/// The whole body, within its limits of size and time.
async fn read<B>(body: B, limit: usize) -> Result<Vec<u8>, Answer>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(error_page(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"))
        }
        Ok(Err(_)) => Err(error_page(StatusCode::BAD_REQUEST, "Bad request: the body ended early")),
        Err(_) => Err(error_page(StatusCode::REQUEST_TIMEOUT, "Request timeout")),
    }
}

/// `/sft/<group>`, `/sft/status` or `/sft/url`, also behind `/sfts/<name>` for an ingress that keeps the
/// path (sft-protocol.md 3.2). Further components are ignored.
fn target(path: &str) -> Option<Target<'_>> {
    let mut components = path.split('/').filter(|component| !component.is_empty());
    let mut first = components.next()?;
    if first == "sfts" {
        components.next()?;
        first = components.next()?;
    }
    match (first, components.next()?) {
        ("sft", "status") => Some(Target::Status),
        ("sft", "url") => Some(Target::Url),
        ("sft", group) => Some(Target::Group(group)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, target};

    #[test]
    fn paths_of_the_join_are_told_apart() {
        assert_eq!(target("/sft/status"), Some(Target::Status));
        assert_eq!(target("/sft/url"), Some(Target::Url));
        assert_eq!(target("//sft//abc/more"), Some(Target::Group("abc")));
        assert_eq!(target("/sfts/sftd-0/sft/abc"), Some(Target::Group("abc")));
        for other in ["", "/", "/sft", "/sft/", "/other/abc", "/sfts/sft/abc", "/metrics"] {
            assert_eq!(target(other), None, "{other}");
        }
    }
}
