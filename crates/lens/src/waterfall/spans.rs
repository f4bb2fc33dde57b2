//! The spans of the applications, put together from their records.

use std::collections::HashMap;
use std::net::SocketAddr;

use fathom_record::{FlowId, Kind, Layer, Outcome, Record, SpanId, SpanNote};
use fathom_wire::Instant;

/// One span.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) layer: Layer,
    pub(super) name: &'static str,
    pub(super) detail: String,
    pub(super) flow: Option<FlowId>,
    pub(super) remote: Option<SocketAddr>,
    facts: Vec<(&'static str, String)>,
    pub(super) start: Instant,
    /// `None` if the records end before it does.
    pub(super) end: Option<(Instant, Outcome)>,
}

impl Span {
    /// The value of a fact; the last one said if it was said twice.
    pub(super) fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// The spans in the order of their start.
pub(super) fn read(records: &[Record]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut index: HashMap<SpanId, usize> = HashMap::new();
    for record in records {
        match &record.kind {
            Kind::SpanStart(start) => {
                index.insert(record.id, spans.len());
                spans.push(Span {
                    id: record.id,
                    parent: start.parent,
                    layer: start.layer,
                    name: start.name,
                    detail: start.detail.clone(),
                    flow: start.flow,
                    // An attempt has the address it goes to as its detail before it has a connection.
                    remote: start.detail.parse().ok(),
                    facts: Vec::new(),
                    start: record.at,
                    end: None,
                });
            }
            Kind::SpanNote(id, note) => {
                let Some(span) = index.get(id).and_then(|at| spans.get_mut(*at)) else { continue };
                match note {
                    SpanNote::Flow(flow) => span.flow = Some(*flow),
                    SpanNote::Addresses { remote, .. } => span.remote = Some(*remote),
                    SpanNote::Fact { name, value } => span.facts.push((name, value.clone())),
                }
            }
            Kind::SpanEnd(end) => {
                if let Some(span) = index.get(&end.span).and_then(|at| spans.get_mut(*at)) {
                    span.end.get_or_insert((record.at, end.outcome.clone()));
                }
            }
            Kind::Frame(_) | Kind::Engine(_) | Kind::TlsSecret(_) => {}
        }
    }
    spans
}
