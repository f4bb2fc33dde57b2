//! The spans of a request and its response.

use std::sync::{Arc, Mutex, PoisonError};

use fathom_net::{FlowId, Host, Layer, Span, SpanId};
use http::Method;

use super::connection::Connection;
use super::error::FetchError;

/// The span `request`, until the first byte of the response turns it into the span `response`.
pub(super) struct Phases {
    host: Host,
    parent: Option<SpanId>,
    detail: String,
    flow: FlowId,
    current: Mutex<Current>,
}

enum Current {
    Request(Span),
    Response(Span),
    Over,
}

impl Phases {
    /// Begins the request for `target` on `connection`, below the span `fetch`.
    pub(super) fn begin(
        host: &Host,
        fetch: &Span,
        connection: &Connection,
        (method, target, version): (&Method, &str, &str),
    ) -> Arc<Phases> {
        let detail = format!("{method} {target}");
        let span = fetch.child(Layer::Application, "request", &detail);
        span.flow(connection.flow);
        span.addresses(connection.local, connection.remote);
        span.fact("method", method);
        span.fact("path", target);
        span.fact("version", version);
        Arc::new(Phases {
            host: host.clone(),
            parent: fetch.id(),
            detail,
            flow: connection.flow,
            current: Mutex::new(Current::Request(span)),
        })
    }

    /// The first byte of the response is here.
    pub(super) fn first_byte(&self) {
        self.advance(|current| match current {
            Current::Request(request) => {
                request.done();
                let span = self.host.span_in(self.parent, Layer::Application, "response", &self.detail);
                span.flow(self.flow);
                Current::Response(span)
            }
            other => other,
        });
    }

    /// There will be no response.
    pub(super) fn failed(&self, error: &FetchError) {
        self.advance(|current| {
            match current {
                Current::Request(span) | Current::Response(span) => span.failed(error),
                Current::Over => {}
            }
            Current::Over
        });
    }

    /// The span of the response, for whoever reads its body. `None` when it was taken before.
    pub(super) fn take_response(&self) -> Option<Span> {
        self.first_byte();
        let mut taken = None;
        self.advance(|current| {
            if let Current::Response(span) = current {
                taken = Some(span);
            }
            Current::Over
        });
        taken
    }

    fn advance(&self, next: impl FnOnce(Current) -> Current) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = next(std::mem::replace(&mut *current, Current::Over));
    }
}
