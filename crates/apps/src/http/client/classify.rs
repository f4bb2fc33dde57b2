//! From hyper's errors to ours.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::error::{Cause, FetchError};

/// How far the exchange had come when it failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) address: SocketAddr,
    /// Bytes received on the connection since the request was sent.
    pub(super) received: u64,
    /// Bytes of the body, once it began.
    pub(super) body: Option<u64>,
    /// Bytes of the body that were announced.
    pub(super) expected: Option<u64>,
}

/// The error of hyper as one of ours.
pub(super) fn classify(error: hyper::Error, standing: Standing) -> FetchError {
    let Standing { address, received, body, expected } = standing;
    if let Some(error) = find::<h2::Error>(&error) {
        return http2(error, address);
    }
    if let Some(io) = find::<io::Error>(&error) {
        return transport(io, standing);
    }
    let early_end = error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    match body {
        Some(bytes) if early_end || error.is_incomplete_message() => {
            FetchError::Partial { address, received: bytes, expected }
        }
        None if early_end && received == 0 => FetchError::EmptyReply { address },
        _ if error.is_parse_too_large() => FetchError::HeadTooLarge { address },
        _ if error.is_parse() => FetchError::Malformed { address, cause: Arc::new(error) },
        _ if error.is_user() || error.is_body_write_aborted() => {
            FetchError::Send { address, cause: Arc::new(error) }
        }
        _ => FetchError::Receive { address, cause: Arc::new(error) },
    }
}

fn http2(error: &h2::Error, address: SocketAddr) -> FetchError {
    let cause: Cause = match error.reason() {
        Some(reason) => Arc::new(io::Error::other(format!("{reason:?}: {}", reason.description()))),
        None => Arc::new(io::Error::other(error.to_string())),
    };
    match error.get_io() {
        Some(io) if sends(io) => FetchError::Send { address, cause: copy(io) },
        Some(io) => FetchError::Receive { address, cause: copy(io) },
        None if error.is_reset() => FetchError::Http2Stream { address, cause },
        None => FetchError::Http2 { address, cause },
    }
}

fn transport(error: &io::Error, standing: Standing) -> FetchError {
    let Standing { address, received, body, expected } = standing;
    let cause = copy(error);
    match body {
        _ if sends(error) => FetchError::Send { address, cause },
        Some(bytes) if error.kind() == io::ErrorKind::UnexpectedEof => {
            FetchError::Partial { address, received: bytes, expected }
        }
        None if error.kind() == io::ErrorKind::UnexpectedEof && received == 0 => {
            FetchError::EmptyReply { address }
        }
        _ => FetchError::Receive { address, cause },
    }
}

/// Whether the error can only come from writing.
fn sends(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::WriteZero)
}

/// An `io::Error` cannot be cloned; its kind and message are what matters.
fn copy(error: &io::Error) -> Cause {
    Arc::new(io::Error::new(error.kind(), error.to_string()))
}

/// The first `E` among `error` and its sources.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        current = error.source();
    }
    None
}
