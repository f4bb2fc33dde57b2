//! The body of an answer that comes from a file.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

use super::disk::{Disk, gone};
use super::range::Part;

/// Bytes read at a time. A slow client costs the memory of two reads.
const CHUNK: u64 = 64 * 1024;
/// Files up to this size are read when they are opened.
pub(super) const SMALL: u64 = CHUNK;

/// What a body is put together from.
#[derive(Debug)]
pub(super) enum Piece {
    Text(Bytes),
    File(Part),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Piece::Text(text) => text.len() as u64,
            Piece::File(part) => part.len(),
        }
    }
}

/// A body that is read while it is sent: one chunk waits to be sent, one is being read, and no more.
#[derive(Debug)]
pub(super) struct FileBody {
    file: Arc<File>,
    disk: Disk,
    pieces: VecDeque<Piece>,
    /// Bytes that are still to come.
    left: u64,
    reading: Option<oneshot::Receiver<io::Result<Bytes>>>,
}

impl FileBody {
    pub(super) fn new(file: File, disk: Disk, pieces: Vec<Piece>) -> FileBody {
        let left = pieces.iter().map(Piece::len).sum();
        FileBody { file: Arc::new(file), disk, pieces: pieces.into(), left, reading: None }
    }

    /// Begins to read the next chunk, if a part of the file is next.
    fn read_ahead(&mut self) {
        let Some(Piece::File(part)) = self.pieces.front_mut() else { return };
        let (start, len) = (part.start, part.len().min(CHUNK));
        part.start += len;
        if part.len() == 0 {
            self.pieces.pop_front();
        }
        if len > 0 {
            let file = Arc::clone(&self.file);
            self.reading = Some(self.disk.start(move || read(&file, start, len as usize)));
        }
    }
}

fn read(file: &File, start: u64, len: usize) -> io::Result<Bytes> {
    let mut chunk = vec![0; len];
    file.read_exact_at(&mut chunk, start).map_err(|error| match error.kind() {
        // Its length was promised, so the connection has to break.
        io::ErrorKind::UnexpectedEof => {
            io::Error::new(error.kind(), "the file became shorter while it was sent")
        }
        _ => error,
    })?;
    Ok(chunk.into())
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.reading.is_none() {
            if let Some(Piece::Text(_)) = self.pieces.front()
                && let Some(Piece::Text(text)) = self.pieces.pop_front()
            {
                self.left -= text.len() as u64;
                self.read_ahead();
                return Poll::Ready(Some(Ok(Frame::data(text))));
            }
            self.read_ahead();
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let chunk = ready!(Pin::new(reading).poll(cx)).unwrap_or_else(|_| Err(gone()));
        self.reading = None;
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                self.pieces.clear();
                return Poll::Ready(Some(Err(error)));
            }
        };
        self.left -= chunk.len() as u64;
        self.read_ahead();
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
