//! The records of a host: those of its stack and those of its programs, as one stream.

use std::fmt::Display;

use fathom_record::{Kind, Layer, Record, RecordId, SpanId};

use super::Host;
use crate::Span;
use crate::sync::lock;

impl Host {
    /// Starts to record, with room for `capacity` records of the stack and as many of the programs. When
    /// there are more, the oldest are lost and counted.
    pub fn record(&self, capacity: usize) {
        self.shard(0).with(|state| state.stack.recorder().enable(capacity));
        lock(&self.inner.application).enable(capacity);
    }

    /// Stops to record. What was recorded waits to be drained.
    pub fn stop_recording(&self) {
        self.shard(0).with(|state| state.stack.recorder().disable());
        lock(&self.inner.application).disable();
    }

    /// Whether records are kept.
    pub fn is_recording(&self) -> bool {
        lock(&self.inner.application).is_enabled()
    }

    /// Takes all records so far, in order of time; what programs told comes after what the stack did at
    /// the same time.
    pub fn drain_records(&self) -> Vec<Record> {
        let mut records: Vec<Record> = self.shard(0).with(|state| state.stack.recorder().drain().collect());
        records.extend(lock(&self.inner.application).drain());
        // Stable, and two sorted runs are merged in linear time.
        records.sort_by_key(|record| record.at);
        records
    }

    /// How many records were lost to a full ring.
    pub fn records_lost(&self) -> u64 {
        let stack = self.shard(0).with(|state| state.stack.recorder().lost());
        stack + lock(&self.inner.application).lost()
    }

    /// Starts a span: a phase of a program's work on `layer`, such as `resolve` of `example.com`.
    pub fn span(&self, layer: Layer, name: &'static str, detail: impl Display) -> Span {
        Span::start(self, None, layer, name, detail)
    }

    /// Starts a span that is part of `parent`.
    pub fn span_in(
        &self,
        parent: Option<SpanId>,
        layer: Layer,
        name: &'static str,
        detail: impl Display,
    ) -> Span {
        Span::start(self, parent, layer, name, detail)
    }

    /// Records a line of a TLS key log, with which captures of this run can be decrypted.
    pub fn tls_secret(&self, line: impl Into<String>) {
        self.tell(None, || Kind::TlsSecret(line.into()));
    }

    /// Records what a program tells.
    pub(crate) fn tell(&self, cause: Option<RecordId>, kind: impl FnOnce() -> Kind) -> Option<RecordId> {
        let mut application = lock(&self.inner.application);
        // Under the lock, so that the ring is in order of time.
        let now = self.now();
        application.record(now, cause, kind)
    }
}
