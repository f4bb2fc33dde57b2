//! The pages of example.com.

mod content;
mod encode;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fathom_apps::http::server::{Body, Handler, Request, RequestBody, Response, body};
use fathom_net::Host;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION, SERVER};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;

use content::Pattern;
pub use content::pattern_at;

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
/// The longest that `/slow` thinks.
const MAX_THINK: Duration = Duration::from_secs(600);
/// The largest that `/bytes` gives.
const MAX_BYTES: u64 = 1 << 40;

const INDEX: &str = include_str!("site/index.html");

/// The handler of all pages.
pub(crate) fn handler() -> Arc<dyn Handler> {
    Arc::new(page)
}

/// The page that `request` is for. `None` closes the connection without a response.
async fn page(host: Host, request: Request) -> Option<Response> {
    let (parts, incoming) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let mut response = match &segments[..] {
        ["echo"] => echo(&parts.headers, incoming),
        _ if !reads => text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD here\n"),
        [""] => encode::encoded(&parts.headers, HTML, INDEX.to_owned()).await,
        ["encoded"] => encode::encoded(&parts.headers, TEXT, content::prose()).await,
        ["bytes", len] => bytes(len),
        ["redirect"] => redirect("/"),
        ["redirect", "0" | "1"] => redirect("/"),
        ["redirect", count] => match count.parse::<u32>() {
            Ok(count) => redirect(&format!("/redirect/{}", count - 1)),
            Err(_) => not_found(&path),
        },
        ["slow"] => slow(&host, parts.uri.query()).await,
        ["status", code] => status(code),
        ["headers"] => text(StatusCode::OK, &headers(&parts.method, &path, &parts.headers)),
        ["close"] => return None,
        ["partial"] => partial(),
        _ => not_found(&path),
    };
    response.headers_mut().insert(SERVER, HeaderValue::from_static("fathom-lab"));
    Some(if parts.method == Method::HEAD { without_body(response) } else { response })
}

fn text(status: StatusCode, text: &str) -> Response {
    typed(status, TEXT, body(text.to_owned()))
}

fn typed(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn not_found(path: &str) -> Response {
    text(StatusCode::NOT_FOUND, &format!("there is no page {path} here\n"))
}

fn redirect(to: &str) -> Response {
    let mut response = text(StatusCode::FOUND, &format!("see {to}\n"));
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

/// As many bytes of the pattern as asked for.
fn bytes(len: &str) -> Response {
    match len.parse() {
        Ok(len) if len <= MAX_BYTES => {
            typed(StatusCode::OK, "application/octet-stream", Pattern::new(len).boxed_unsync())
        }
        _ => text(StatusCode::BAD_REQUEST, "/bytes/N takes a number up to 2^40\n"),
    }
}

/// Answers after a time of thinking.
async fn slow(host: &Host, query: Option<&str>) -> Response {
    let millis = query.and_then(|query| query.strip_prefix("ms=")).and_then(|millis| millis.parse().ok());
    let Some(think) = millis.map(Duration::from_millis).filter(|think| *think <= MAX_THINK) else {
        return text(StatusCode::BAD_REQUEST, "/slow?ms=N takes milliseconds up to 600000\n");
    };
    host.sleep(think).await;
    text(StatusCode::OK, &format!("thought for {} ms\n", think.as_millis()))
}

fn status(code: &str) -> Response {
    // 1xx are not final, and a response must be.
    match code
        .parse::<u16>()
        .ok()
        .filter(|code| *code >= 200)
        .and_then(|code| StatusCode::from_u16(code).ok())
    {
        Some(status) if matches!(status.as_u16(), 204 | 304) => typed(status, TEXT, body(Bytes::new())),
        Some(status) => text(status, &format!("{status}\n")),
        None => text(StatusCode::BAD_REQUEST, "/status/NNN takes a status from 200 to 999\n"),
    }
}

/// The request as it came, as text.
fn headers(method: &Method, path: &str, headers: &HeaderMap) -> String {
    let mut text = format!("{method} {path}\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    text
}

/// The request's body, as it comes.
fn echo(headers: &HeaderMap, incoming: RequestBody) -> Response {
    let mut response = http::Response::new(incoming.map_err(std::io::Error::other).boxed_unsync());
    let kind = headers.get(CONTENT_TYPE).cloned();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    response
}

/// Announces 1000 bytes and breaks off after 500.
fn partial() -> Response {
    let mut response = typed(StatusCode::OK, TEXT, content::BreaksOff::Bytes(500).boxed_unsync());
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("1000"));
    response
}

/// The answer to HEAD: the same head, no body (RFC 9110 9.3.2).
fn without_body(response: Response) -> Response {
    use hyper::body::Body as _;
    let (mut parts, whole) = response.into_parts();
    if let Some(len) = whole.size_hint().exact() {
        let len = HeaderValue::from(len);
        parts.headers.entry(CONTENT_LENGTH).or_insert(len);
    }
    http::Response::from_parts(parts, body(Bytes::new()))
}
