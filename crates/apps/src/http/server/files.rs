//! A folder of the machine as a web site (RFC 9110).
//!
//! GET and HEAD with conditions (RFC 9110 13) and byte ranges (RFC 9110 14), an index page or a list for a
//! folder, and uploads by PUT and POST where they are allowed. Files are read and written in pieces, on the
//! threads of a [`Disk`], as fast as the client takes and gives them.
//!
//! A request reaches nothing outside of the folder: `..` ends at its root, and the kernel itself refuses
//! links that lead out (`openat2(2)`, `RESOLVE_BENEATH`), so there is no moment at which a link could be
//! exchanged. Names that begin with a dot are neither served nor listed nor written, except `.well-known`
//! (RFC 8615).

mod answer;
mod body;
mod conditional;
mod disk;
mod listing;
mod media;
mod path;
mod range;
mod tree;
mod upload;

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use fathom_net::Host;
use http::header::{ALLOW, HOST};
use http::{Method, StatusCode, Version};

pub use disk::Disk;

use super::{Handler, Request, Response};
use answer::{empty, message};
use path::Target;
use tree::Tree;

/// What a folder is served with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether a folder without an index page is answered by a list of what is in it.
    pub listing: bool,
    /// Whether names that begin with a dot are like others.
    pub dotfiles: bool,
    /// Whether symbolic links may lead out of the folder.
    pub follow_links: bool,
    /// Whether files may be written, and how large; `None` when not.
    pub uploads: Option<Uploads>,
    /// Who reads and writes.
    pub disk: Disk,
}

/// What may be uploaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uploads {
    /// Bytes of the largest file.
    pub max_bytes: u64,
}

impl Options {
    /// Lists, no dotfiles, no links out, no uploads.
    pub fn new(disk: Disk) -> Options {
        Options { listing: true, dotfiles: false, follow_links: false, uploads: None, disk }
    }
}

/// Serves a folder.
#[derive(Debug)]
pub struct Files {
    tree: Arc<Tree>,
    options: Options,
}

impl Files {
    /// Serves the folder `root`.
    ///
    /// # Errors
    /// When `root` is no folder that can be opened, and [`Unsupported`](io::ErrorKind::Unsupported) when the
    /// kernel cannot confine paths (Linux before 5.6, or a filter of system calls) and links out of the folder
    /// are not allowed.
    pub fn open(root: impl Into<PathBuf>, options: Options) -> io::Result<Files> {
        let tree = Tree::open(&root.into(), options.follow_links)?;
        Ok(Files { tree: Arc::new(tree), options })
    }

    async fn answer(&self, host: &Host, request: Request) -> Response {
        if let Some(refusal) = refuse_head(&request) {
            return refusal;
        }
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let writes = matches!(*request.method(), Method::PUT | Method::POST);
        if *request.method() == Method::OPTIONS {
            return self.allowed(empty(StatusCode::NO_CONTENT));
        }
        if !reads && !writes {
            return self.not_allowed(request.method());
        }
        let target = match Target::parse(request.uri().path(), self.options.dotfiles) {
            Ok(target) => target,
            Err(status) => return message(status, "there is nothing under this name"),
        };
        match self.options.uploads {
            _ if reads => self.get(host, &target, &request).await,
            Some(uploads) => self.put(host, target, uploads, request).await,
            None => self.not_allowed(request.method()),
        }
    }

    fn not_allowed(&self, method: &Method) -> Response {
        let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::CONNECT]
            .contains(method)
            || [Method::OPTIONS, Method::TRACE, Method::PATCH].contains(method);
        if known {
            self.allowed(message(StatusCode::METHOD_NOT_ALLOWED, "this server does not do that"))
        } else {
            // RFC 9110 15.6.2.
            message(StatusCode::NOT_IMPLEMENTED, "this server does not know that method")
        }
    }

    /// RFC 9110 10.2.1.
    fn allowed(&self, mut response: Response) -> Response {
        let methods = if self.options.uploads.is_some() {
            "GET, HEAD, OPTIONS, PUT, POST"
        } else {
            "GET, HEAD, OPTIONS"
        };
        response.headers_mut().insert(ALLOW, http::HeaderValue::from_static(methods));
        response
    }
}

/// RFC 9112 3.2: HTTP/1.1 names the host, once.
fn refuse_head(request: &Request) -> Option<Response> {
    let hosts = request.headers().get_all(HOST).iter().count();
    let named = match request.version() {
        Version::HTTP_11 => hosts == 1,
        Version::HTTP_10 | Version::HTTP_09 => hosts <= 1,
        // RFC 9113 8.3.1: the pseudo-header may stand for it.
        _ => hosts <= 1,
    };
    (!named).then(|| message(StatusCode::BAD_REQUEST, "the request does not name one host"))
}

impl Handler for Files {
    fn handle(
        self: Arc<Self>,
        host: Host,
        request: Request,
    ) -> Pin<Box<dyn Future<Output = Option<Response>> + Send>> {
        Box::pin(async move { Some(self.answer(&host, request).await) })
    }
}

#[cfg(test)]
mod tests;
