//! What the server has done, in numbers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fathom_apps::http::server::{Event, Observer};

/// Counts requests. A clone counts the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// By status of the answer; 0 where the connection was closed instead.
    requests: Mutex<BTreeMap<u16, u64>>,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Traffic {
    /// Counts what an observer is told, and tells it on.
    pub(super) fn before(&self, next: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Observer {
        let Traffic(counts) = self.clone();
        Observer::new(move |event| {
            if let Event::Served { exchange, .. } = event {
                let status = exchange.status.map_or(0, |status| status.as_u16());
                *counts.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() +=
                    1;
                counts.sent.fetch_add(exchange.sent, Ordering::Relaxed);
                counts.received.fetch_add(exchange.received, Ordering::Relaxed);
            }
            next(event);
        })
    }

    /// Requests by status, which is `none` where the connection was closed instead of an answer.
    pub(crate) fn requests(&self) -> BTreeMap<String, u64> {
        let requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let name = |status: u16| if status == 0 { "none".into() } else { status.to_string() };
        requests.iter().map(|(status, count)| (name(*status), *count)).collect()
    }

    /// Bytes of the bodies of answers.
    pub(crate) fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Bytes of the bodies of requests.
    pub(crate) fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }
}
