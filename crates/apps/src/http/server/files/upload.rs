//! PUT and POST: files that are written (RFC 9110 9.3.4).
//!
//! The body goes to a file beside its place, which is renamed when all of it is there: a reader sees the old
//! file or the new one, and nothing of an upload that broke off.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use fathom_net::Host;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, openat, renameat, renameat_with, unlinkat};
use rustix::io::Errno;
use tokio::sync::oneshot;

use super::answer::{empty, message, refusal};
use super::conditional::{Validators, evaluate};
use super::disk::{Disk, gone};
use super::path::Target;
use super::tree::{Found, Tree};
use super::{Files, Request, Response, Uploads};

/// Bytes that are gathered for one write.
const CHUNK: usize = 256 * 1024;

impl Files {
    pub(super) async fn put(
        &self,
        host: &Host,
        target: Target,
        uploads: Uploads,
        request: Request,
    ) -> Response {
        let (head, body) = request.into_parts();
        if let Some(refusal) = unsuitable(&target, uploads, &head.headers) {
            return refusal;
        }
        let disk = &self.options.disk;
        let place = Place {
            tree: Arc::clone(&self.tree),
            target,
            temporary: format!(".fathom-upload-{:016x}", host.random_u64()).into(),
            now: SystemTime::UNIX_EPOCH + host.wall_clock(),
        };
        let (method, headers) = (head.method, head.headers.clone());
        let staged = disk.run(move || place.stage(&method, &headers)).await;
        let mut upload = match staged {
            Ok(Ok(staged)) => Upload { staged: Some(staged), disk: disk.clone(), writing: None },
            Ok(Err(status)) => return message(status, "a file cannot be put there in this state"),
            Err(error) => return no_place(&error),
        };
        if let Err(refusal) = upload.receive(body, uploads.max_bytes).await {
            return refusal;
        }
        let only_new = head.headers.get(IF_NONE_MATCH).is_some_and(|value| value == "*");
        upload.finish(only_new).await.unwrap_or_else(|error| match Errno::from_io_error(&error) {
            // Somebody was faster.
            Some(Errno::EXIST) => message(StatusCode::PRECONDITION_FAILED, "the file is there already"),
            _ => refusal(&error),
        })
    }
}

/// What is wrong with an upload, as far as its head says.
fn unsuitable(target: &Target, uploads: Uploads, headers: &HeaderMap) -> Option<Response> {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if target.folder {
        let text = "say under which name: PUT /folder/name (curl -T FILE adds the name itself)";
        return Some(message(StatusCode::CONFLICT, text));
    }
    // RFC 9110 14.5: a part would be taken for all of it.
    if headers.contains_key(CONTENT_RANGE) {
        return Some(message(StatusCode::BAD_REQUEST, "a file is sent whole"));
    }
    let coded = headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    if coded || kind.to_ascii_lowercase().starts_with(b"multipart/form-data") {
        let text = "send the file itself, neither as a form nor encoded: curl -T FILE";
        return Some(message(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let len = headers.get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
    (len.is_some_and(|len| len > uploads.max_bytes)).then(|| too_large(uploads.max_bytes))
}

fn too_large(max_bytes: u64) -> Response {
    message(StatusCode::PAYLOAD_TOO_LARGE, &format!("files may have {max_bytes} bytes here"))
}

/// Why there is no place for a file. What is missing is the folder around it.
fn no_place(error: &io::Error) -> Response {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::NOTDIR) => {
            message(StatusCode::CONFLICT, "there is no folder for this file")
        }
        _ => refusal(error),
    }
}

/// Where a file is to be.
struct Place {
    tree: Arc<Tree>,
    target: Target,
    temporary: OsString,
    now: SystemTime,
}

/// A file that is being written.
#[derive(Debug)]
struct Staged {
    folder: OwnedFd,
    file: File,
    temporary: OsString,
    name: OsString,
    url: String,
    /// Whether there was a file before.
    replaces: bool,
}

impl Place {
    /// Makes a file to write to; the inner error is the status to answer with.
    fn stage(self, method: &Method, headers: &HeaderMap) -> io::Result<Result<Staged, StatusCode>> {
        let Place { tree, target, temporary, now } = self;
        let path = target.path();
        let current = match tree.find(&path) {
            Ok(Found::File(_, facts)) => Some(Validators::new(&facts, now)),
            Ok(Found::Folder(_) | Found::Other) => return Ok(Err(StatusCode::CONFLICT)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(status) = evaluate(method, headers, current.as_ref()) {
            return Ok(Err(status));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = tree.folder(parent.unwrap_or(Path::new(".")))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        let file = File::from(openat(&folder, &temporary, flags, mode)?);
        let name = target.name().to_owned();
        let url = target.url(false);
        Ok(Ok(Staged { folder, file, temporary, name, url, replaces: current.is_some() }))
    }
}

impl Staged {
    fn put_in_place(&self, only_new: bool) -> io::Result<()> {
        let (folder, from, to) = (&self.folder, &self.temporary, &self.name);
        if only_new {
            Ok(renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE)?)
        } else {
            Ok(renameat(folder, from, folder, to)?)
        }
    }
}

/// An upload on its way. Dropped before its end it leaves nothing.
struct Upload {
    /// `None` while it is with the disk, and at the end.
    staged: Option<Staged>,
    disk: Disk,
    writing: Option<oneshot::Receiver<io::Result<Staged>>>,
}

impl Upload {
    /// Writes all of `body`. While one chunk is written, the next is gathered.
    async fn receive(
        &mut self,
        mut body: crate::http::server::RequestBody,
        max: u64,
    ) -> Result<(), Response> {
        let (mut gathered, mut total) = (BytesMut::new(), 0_u64);
        while let Some(frame) = body.frame().await {
            // The client broke off, and hears nothing any more.
            let frame = frame.map_err(|_| message(StatusCode::BAD_REQUEST, "the upload broke off"))?;
            let Ok(data) = frame.into_data() else { continue };
            total += data.len() as u64;
            if total > max {
                return Err(too_large(max));
            }
            gathered.extend_from_slice(&data);
            if gathered.len() >= CHUNK {
                self.write(gathered.split().freeze()).await.map_err(|error| refusal(&error))?;
            }
        }
        self.write(gathered.freeze()).await.map_err(|error| refusal(&error))
    }

    async fn write(&mut self, data: Bytes) -> io::Result<()> {
        let mut staged = self.staged().await?;
        self.writing = Some(self.disk.start(move || {
            let written = staged.file.write_all(&data);
            match written {
                Ok(()) => Ok(staged),
                Err(error) => {
                    staged.remove();
                    Err(error)
                }
            }
        }));
        Ok(())
    }

    /// The file, as soon as the disk is done with it.
    async fn staged(&mut self) -> io::Result<Staged> {
        if let Some(writing) = self.writing.take() {
            return writing.await.unwrap_or_else(|_| Err(gone()));
        }
        self.staged.take().ok_or_else(gone)
    }

    async fn finish(mut self, only_new: bool) -> io::Result<Response> {
        let staged = self.staged().await?;
        let (url, replaces) = (staged.url.clone(), staged.replaces);
        self.disk.run(move || staged.put_in_place(only_new).inspect_err(|_| staged.remove())).await?;
        if replaces {
            return Ok(empty(StatusCode::NO_CONTENT));
        }
        let mut response = message(StatusCode::CREATED, "the file is there");
        if let Ok(url) = HeaderValue::from_str(&url) {
            response.headers_mut().insert(LOCATION, url);
        }
        Ok(response)
    }
}

impl Staged {
    /// Leaves nothing behind. If it cannot be removed there is nobody to tell: the name says what it is.
    fn remove(&self) {
        let _ = unlinkat(&self.folder, &self.temporary, AtFlags::empty());
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (staged, writing) = (self.staged.take(), self.writing.take());
        if staged.is_none() && writing.is_none() {
            return;
        }
        // Behind the write that may be going on, by the same threads.
        drop(self.disk.start(move || {
            let staged = match (staged, writing) {
                (Some(staged), _) => Some(staged),
                (None, Some(writing)) => writing.blocking_recv().ok().and_then(Result::ok),
                (None, None) => None,
            };
            if let Some(staged) = staged {
                staged.remove();
            }
            Ok(())
        }));
    }
}
