//! Large responses whose head goes ahead of the body.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};

use super::Body;

/// Bodies up to this size share a packet or two with their head.
const SMALL: u64 = 8 * 1024;

/// A body that is not ready the first time it is asked, so that what stands before it is sent.
///
/// Without it, head and first data share a TLS record of up to 16 KiB. That is more than the first window
/// of TCP (RFC 6928: ten segments), and a record cannot be read before its end: the head would come a
/// round trip late.
pub(super) struct HeadFirst {
    body: Body,
    asked: bool,
}

impl HeadFirst {
    /// `body`, with its head ahead if it is large or of unknown size.
    pub(super) fn wrap(body: Body) -> Body {
        match hyper::body::Body::size_hint(&body).upper() {
            Some(upper) if upper <= SMALL => body,
            _ => HeadFirst { body, asked: false }.boxed_unsync(),
        }
    }
}

impl hyper::body::Body for HeadFirst {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if !self.asked {
            self.asked = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
