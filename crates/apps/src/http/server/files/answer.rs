//! What GET and HEAD get.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use fathom_net::Host;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION, RANGE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use rustix::io::Errno;

use super::body::{FileBody, Piece, SMALL};
use super::conditional::{Validators, evaluate, range_applies};
use super::path::Target;
use super::range::{Asked, Part, parse};
use super::tree::{Entry, Facts, Found, Tree};
use super::{Files, Request, Response, listing, media};
use crate::http::server::{Body, body};

/// The page of a folder, if it is there.
const INDEX: &str = "index.html";
/// Entries of a folder that a list shows.
const MAX_LISTED: usize = 10_000;

/// What a disk knows of a target.
enum Look {
    /// A file; with what is in it when it is small and wanted.
    File {
        file: File,
        facts: Facts,
        content: Option<Bytes>,
        index: bool,
    },
    /// A folder whose path lacks its slash.
    Slash,
    /// A folder without an index page.
    Folder {
        entries: Vec<Entry>,
        more: bool,
    },
    Other,
}

impl Files {
    pub(super) async fn get(&self, host: &Host, target: &Target, request: &Request) -> Response {
        let (tree, path) = (Arc::clone(&self.tree), target.path());
        let (folder, list) = (target.folder, self.options.listing);
        // Conditions and ranges may spare the reading.
        let plain = *request.method() == Method::GET && !is_conditional(request.headers());
        let look = self.options.disk.run(move || look(&tree, &path, folder, list, plain)).await;
        let response = match look {
            Ok(Look::File { file, facts, content, index }) => {
                let name = if index { Path::new(INDEX).as_os_str() } else { target.name() };
                let kind = media::content_type(name);
                self.file(host, request, file, facts, content, &kind)
            }
            Ok(Look::Slash) => moved(target, request.uri().query()),
            Ok(Look::Folder { mut entries, more }) if list => {
                entries.retain(|entry| self.options.dotfiles || !super::path::is_hidden(&entry.name));
                let page = listing::page(target, entries, more, self.options.uploads.is_some());
                listing::response(page)
            }
            Ok(Look::Folder { .. }) => {
                message(StatusCode::FORBIDDEN, "this folder has no index page and no list")
            }
            Ok(Look::Other) => message(StatusCode::FORBIDDEN, "this is neither a file nor a folder"),
            Err(error) => refusal(&error),
        };
        if *request.method() == Method::HEAD { without_body(response) } else { response }
    }

    fn file(
        &self,
        host: &Host,
        request: &Request,
        file: File,
        facts: Facts,
        content: Option<Bytes>,
        kind: &str,
    ) -> Response {
        let now = SystemTime::UNIX_EPOCH + host.wall_clock();
        let validators = Validators::new(&facts, now);
        if let Some(status) = evaluate(request.method(), request.headers(), Some(&validators)) {
            let response = if status == StatusCode::NOT_MODIFIED {
                empty(status)
            } else {
                message(status, "the file is not in the state that the request wants it in")
            };
            return validated(response, &validators, now);
        }
        let len = facts.len;
        let response = match self.asked(request, &validators, len) {
            Asked::Nothing => {
                let mut response = message(StatusCode::RANGE_NOT_SATISFIABLE, "the file has no such bytes");
                set(&mut response, CONTENT_RANGE, &format!("bytes */{len}"));
                return response;
            }
            Asked::Whole => {
                let body = match content {
                    Some(content) => body(content),
                    None => self.body(file, vec![Piece::File(Part { start: 0, end: len })]),
                };
                typed(StatusCode::OK, kind, body)
            }
            Asked::Parts(parts) if parts.len() == 1 => {
                let mut response =
                    typed(StatusCode::PARTIAL_CONTENT, kind, self.body(file, vec![Piece::File(parts[0])]));
                set(&mut response, CONTENT_RANGE, &parts[0].of(len));
                response
            }
            Asked::Parts(parts) => {
                let boundary = format!("{:016x}{:016x}", host.random_u64(), host.random_u64());
                let multipart = format!("multipart/byteranges; boundary={boundary}");
                let pieces = multipart_pieces(&parts, &boundary, kind, len);
                typed(StatusCode::PARTIAL_CONTENT, &multipart, self.body(file, pieces))
            }
        };
        let mut response = validated(response, &validators, now);
        response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        response
    }

    /// RFC 9110 14.2: ranges are of GET only, and evaluated after the conditions.
    fn asked(&self, request: &Request, validators: &Validators, len: u64) -> Asked {
        let mut values = request.headers().get_all(RANGE).iter();
        match (values.next(), values.next()) {
            (Some(value), None)
                if *request.method() == Method::GET && range_applies(request.headers(), validators) =>
            {
                value.to_str().map_or(Asked::Whole, |value| parse(value, len))
            }
            _ => Asked::Whole,
        }
    }

    fn body(&self, file: File, pieces: Vec<Piece>) -> Body {
        FileBody::new(file, self.options.disk.clone(), pieces).boxed_unsync()
    }
}

/// Finds what a path leads to.
fn look(tree: &Tree, path: &Path, folder: bool, list: bool, read: bool) -> io::Result<Look> {
    let (file, facts, index) = match tree.find(path)? {
        // A file is not a folder, whatever the path says.
        Found::File(..) if folder => return Err(Errno::NOTDIR.into()),
        Found::File(file, facts) => (file, facts, false),
        Found::Other => return Ok(Look::Other),
        Found::Folder(_) if !folder => return Ok(Look::Slash),
        Found::Folder(fd) => match tree.find(&path.join(INDEX)) {
            Ok(Found::File(file, facts)) => (file, facts, true),
            _ if list => {
                let (entries, more) = tree.list(&fd, path, MAX_LISTED)?;
                return Ok(Look::Folder { entries, more });
            }
            _ => return Ok(Look::Folder { entries: Vec::new(), more: false }),
        },
    };
    let content = (read && facts.len <= SMALL).then(|| {
        let mut content = vec![0; facts.len as usize];
        file.read_exact_at(&mut content, 0).map(|()| Bytes::from(content))
    });
    Ok(Look::File { file, facts, content: content.transpose()?, index })
}

fn is_conditional(headers: &HeaderMap) -> bool {
    use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
    [RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE]
        .iter()
        .any(|name| headers.contains_key(name))
}

/// RFC 9110 14.6.
fn multipart_pieces(parts: &[Part], boundary: &str, kind: &str, len: u64) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(2 * parts.len() + 1);
    for part in parts {
        let range = part.of(len);
        let head = format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {range}\r\n\r\n");
        pieces.push(Piece::Text(head.into()));
        pieces.push(Piece::File(*part));
    }
    pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n").into()));
    pieces
}

/// The folder's own path, so that relative links in its page are right.
fn moved(target: &Target, query: Option<&str>) -> Response {
    let mut to = target.url(true);
    if let Some(query) = query {
        to.push('?');
        to.push_str(query);
    }
    let mut response = message(StatusCode::MOVED_PERMANENTLY, "this is a folder; its path ends with a slash");
    set(&mut response, LOCATION, &to);
    response
}

fn validated(mut response: Response, validators: &Validators, now: SystemTime) -> Response {
    set(&mut response, ETAG, &validators.etag());
    set(&mut response, LAST_MODIFIED, &validators.last_modified(now));
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    // All values here are made of what a header may hold; a query of another kind is left out.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// What an error of the system means to a client.
pub(super) fn refusal(error: &io::Error) -> Response {
    let (status, text) = match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => {
            (StatusCode::NOT_FOUND, "there is nothing under this name")
        }
        Some(Errno::ACCESS | Errno::PERM) => (StatusCode::FORBIDDEN, "the server may not open this"),
        // Where `openat2` ends what would lead out.
        Some(Errno::XDEV) => (StatusCode::FORBIDDEN, "links out of the served folder are not followed"),
        Some(Errno::LOOP) => (StatusCode::FORBIDDEN, "this link leads nowhere"),
        Some(Errno::NXIO | Errno::NODEV) => (StatusCode::FORBIDDEN, "this is neither a file nor a folder"),
        Some(Errno::ROFS) => (StatusCode::FORBIDDEN, "the folder cannot be written to"),
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => {
            (StatusCode::INSUFFICIENT_STORAGE, "there is no room for it")
        }
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) => {
            (StatusCode::SERVICE_UNAVAILABLE, "the server has too much to do; try again")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "the file could not be read or written"),
    };
    message(status, text)
}

/// A short text for people.
pub(super) fn message(status: StatusCode, text: &str) -> Response {
    typed(status, "text/plain; charset=utf-8", body(format!("{status}: {text}\n")))
}

/// Nothing but a head.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = http::Response::new(body(Bytes::new()));
    *response.status_mut() = status;
    response
}

pub(super) fn typed(status: StatusCode, kind: &str, body: Body) -> Response {
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, kind);
    // What the type says is what it is: nobody is to guess a script into an image.
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The answer to HEAD: the same head, no body (RFC 9110 9.3.2).
fn without_body(response: Response) -> Response {
    use hyper::body::Body as _;
    let (mut parts, whole) = response.into_parts();
    if let Some(len) = whole.size_hint().exact()
        && parts.status != StatusCode::NOT_MODIFIED
    {
        parts.headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from(len));
    }
    http::Response::from_parts(parts, body(Bytes::new()))
}
