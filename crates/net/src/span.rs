//! Spans: what the programs of a host tell about their work.

use std::fmt::{self, Display};
use std::net::SocketAddr;

use fathom_record::{FlowId, Kind, Layer, Outcome, SpanEnd, SpanId, SpanNote, SpanStart};

use crate::Host;

/// A phase of a program's work, from when it is made until it is ended or dropped.
///
/// While the host records nothing, a span is nothing and costs nothing.
#[must_use = "a span ends when it is dropped"]
pub struct Span {
    /// `None` when nothing is recorded, or the span has ended.
    recorded: Option<(Host, SpanId)>,
}

impl Span {
    pub(crate) fn start(
        host: &Host,
        parent: Option<SpanId>,
        layer: Layer,
        name: &'static str,
        detail: impl Display,
    ) -> Span {
        let id = host.tell(parent, || {
            let detail = detail.to_string();
            Kind::SpanStart(SpanStart { parent, layer, name, detail, flow: None })
        });
        Span { recorded: id.map(|id| (host.clone(), id)) }
    }

    /// Its identity, for spans that are part of it. `None` when nothing is recorded.
    pub fn id(&self) -> Option<SpanId> {
        self.recorded.as_ref().map(|&(_, id)| id)
    }

    /// Starts a span that is part of this one.
    pub fn child(&self, layer: Layer, name: &'static str, detail: impl Display) -> Span {
        match &self.recorded {
            Some((host, id)) => Span::start(host, Some(*id), layer, name, detail),
            None => Span { recorded: None },
        }
    }

    /// Notes the conversation whose engine records explain the span's time.
    pub fn flow(&self, flow: FlowId) {
        self.note(|| SpanNote::Flow(flow));
    }

    /// Notes the two ends of the conversation.
    pub fn addresses(&self, local: SocketAddr, remote: SocketAddr) {
        self.note(|| SpanNote::Addresses { local, remote });
    }

    /// Notes a fact, such as `version` = `TLSv1.3`. `name` is stable and in lower case.
    pub fn fact(&self, name: &'static str, value: impl Display) {
        self.note(|| SpanNote::Fact { name, value: value.to_string() });
    }

    /// Ends it: it did what it set out to do.
    pub fn done(mut self) {
        self.finish(|| Outcome::Done);
    }

    /// Ends it: it failed, because of `why`.
    pub fn failed(mut self, why: impl Display) {
        self.finish(|| Outcome::Failed(why.to_string()));
    }

    /// Ends it by how `result` came out.
    pub fn end<T, E: Display>(self, result: &Result<T, E>) {
        match result {
            Ok(_) => self.done(),
            Err(error) => self.failed(error),
        }
    }

    fn note(&self, note: impl FnOnce() -> SpanNote) {
        if let Some((host, id)) = &self.recorded {
            host.tell(Some(*id), || Kind::SpanNote(*id, note()));
        }
    }

    fn finish(&mut self, outcome: impl FnOnce() -> Outcome) {
        if let Some((host, span)) = self.recorded.take() {
            host.tell(Some(span), || Kind::SpanEnd(SpanEnd { span, outcome: outcome() }));
        }
    }
}

impl Drop for Span {
    /// Ends it as [`Outcome::Cancelled`], unless it has ended.
    fn drop(&mut self) {
        self.finish(|| Outcome::Cancelled);
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Span").field("id", &self.id()).finish()
    }
}
