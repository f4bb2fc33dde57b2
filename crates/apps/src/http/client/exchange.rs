//! One request and the head of its response, on an open connection.

use bytes::Bytes;
use fathom_net::{Host, Span};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, Uri};
use hyper::body::Incoming;
use url::{Position, Url};

use super::classify::{Standing, classify};
use super::connection::{Open, RequestBody, Sender, Stage};
use super::credentials;
use super::decode;
use super::error::{FetchError, Phase};
use super::options::{Event, Options};
use super::phases::Phases;

/// What a request says of its sender.
const USER_AGENT: &str = concat!("fathom/", env!("CARGO_PKG_VERSION"));

/// Bytes of the longest URL that is sent: what [`Uri`] holds.
const MAX_URL: usize = 65_534;
/// Bytes of such a URL that its error shows.
const SHOWN: usize = 60;

/// A response whose body is still to come.
pub(super) struct Answered {
    pub(super) response: http::Response<Incoming>,
    pub(super) span: Option<Span>,
    /// The heads as they came; HTTP/1.1 only.
    pub(super) head: Option<Bytes>,
    /// Bytes sent for the request, on the connection above TLS.
    pub(super) sent: u64,
}

/// Sends a request on `open` and waits for the head of its response. The spans are below `fetch`.
pub(super) async fn exchange(
    host: &Host,
    options: &Options,
    open: &mut Open,
    fetch: &Span,
    (method, url, headers, body): (&Method, &Url, HeaderMap, RequestBody),
    stage: &Stage,
) -> Result<Answered, FetchError> {
    let address = open.facts.remote;
    let h2 = matches!(open.sender, Sender::Http2(_));
    let mut request = build(method, url, headers, body, h2)?;
    let (target, version) = (target(url), if h2 { "HTTP/2" } else { "HTTP/1.1" });
    options.tell(Event::RequestHead {
        version: if h2 { http::Version::HTTP_2 } else { http::Version::HTTP_11 },
        method,
        target: &target,
        headers: request.headers(),
    });
    observe_informational(options, &mut request);

    stage.set(Phase::Request, Some(address));
    let phases = Phases::begin(host, fetch, &open.facts, (method, &target, version));
    // HTTP/1.1: the first byte after a request is the response's. HTTP/2 has other frames in between,
    // so there the head is what counts.
    let watching = (!h2).then(|| phases.clone());
    open.tap.expect(!h2, move || {
        if let Some(phases) = watching {
            phases.first_byte();
        }
    });
    let result = match &mut open.sender {
        Sender::Http1(sender) => sender.send_request(request).await,
        Sender::Http2(sender) => sender.send_request(request).await,
    };
    let response = result.map_err(|error| {
        let standing = Standing { address, received: open.tap.read(), body: None, expected: None };
        let error = classify(error, standing);
        phases.failed(&error);
        error
    })?;
    stage.set(Phase::Response, Some(address));
    let span = phases.take_response();
    if let Some(span) = &span {
        span.fact("status", response.status().as_u16());
    }
    Ok(Answered { response, span, head: open.tap.take_head(), sent: open.tap.written() })
}

/// The path and query as they go into the request line.
fn target(url: &Url) -> String {
    url[Position::BeforePath..Position::AfterQuery].to_owned()
}

/// The authority without user and password, with the port where it is not the scheme's own.
fn authority(url: &Url) -> String {
    url[Position::BeforeHost..Position::AfterPort].to_owned()
}

fn build(
    method: &Method,
    url: &Url,
    mut headers: HeaderMap,
    body: RequestBody,
    h2: bool,
) -> Result<http::Request<RequestBody>, FetchError> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    // HTTP/2 says it in `:authority`, as a part of the URI; HTTP/1.1 in the Host header (RFC 9113 8.3.1).
    let uri = if h2 {
        headers.remove(header::HOST);
        format!("{}://{}{}", url.scheme(), host.unwrap_or_else(|| authority(url)), target(url))
    } else {
        target(url)
    };
    let mut request = http::Request::new(body);
    *request.method_mut() = method.clone();
    // A Host header of the user's own may be no authority; then the server is told the URL's.
    *request.uri_mut() = match uri.parse() {
        Ok(uri) => uri,
        Err(_) => sendable(url)?,
    };
    *request.headers_mut() = headers;
    Ok(request)
}

/// The URL as it is sent, whole.
///
/// # Errors
/// [`FetchError::BadUrl`] when it cannot be: it is longer than [`MAX_URL`].
pub(super) fn sendable(url: &Url) -> Result<Uri, FetchError> {
    let text = format!("{}://{}{}", url.scheme(), authority(url), target(url));
    text.parse().map_err(|error: http::uri::InvalidUri| {
        let why = match text.len() {
            len if len > MAX_URL => format!("it has {len} bytes, and {MAX_URL} is the most that is sent"),
            _ => error.to_string(),
        };
        let url = if text.len() > SHOWN { format!("{}…", &text[..SHOWN]) } else { text };
        FetchError::BadUrl { url, why }
    })
}

/// Adds the headers that every request has, unless they are there or unwanted.
///
/// They come first, as with browsers and curl: some servers want `Host` before anything else
/// (RFC 9110 7.2 advises it).
pub(super) fn add_defaults(headers: &mut HeaderMap, url: &Url, options: &Options) {
    let given = std::mem::take(headers);
    let mut add = |name: header::HeaderName, value: &str| {
        if !given.contains_key(&name)
            && !options.omit_headers.contains(&name)
            && let Ok(value) = HeaderValue::from_str(value)
        {
            headers.insert(name, value);
        }
    };
    add(header::HOST, &authority(url));
    if let Some(value) = credentials::basic(url) {
        add(header::AUTHORIZATION, &value);
    }
    add(header::USER_AGENT, USER_AGENT);
    add(header::ACCEPT, "*/*");
    if options.compressed {
        add(header::ACCEPT_ENCODING, decode::ACCEPTED);
    }
    headers.extend(given);
}

fn observe_informational(options: &Options, request: &mut http::Request<RequestBody>) {
    let Some(observer) = options.observer.clone() else { return };
    hyper::ext::on_informational(request, move |response| {
        observer.tell(&Event::Informational {
            version: response.version(),
            status: response.status(),
            headers: response.headers(),
        });
    });
}
